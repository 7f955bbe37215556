#!/usr/bin/env lua5.4
-- Cancels the running publishing operation of an offer.
--
--   AZURE_TOKEN=... examples/cancel.lua PUBLISHER OFFER [ADDRESS...]
--
-- The addresses are notified. CPP_BASE_URL replaces the URL of the service, for example by that of an emulator.
-- Exit status: 0 the service has accepted the cancel; 1 it has not, or that is not known; 2 wrong usage.

local cpp = require "cpp"

local publisher, offer = arg[1], arg[2]
if not offer then
  io.stderr:write("usage: cancel.lua PUBLISHER OFFER [ADDRESS...]\n")
  os.exit(2)
end

local result, err = cpp.cancel { publisher = publisher, offer = offer, emails = { table.unpack(arg, 3) } }
if not result then
  io.stderr:write(tostring(err), "\n")
  os.exit(1, true)
end

-- 202: it is being canceled, and the location shows its progress. 200: it was canceled at once.
print(result.status, result.location or result.state or "no location")
