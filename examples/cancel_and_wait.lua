#!/usr/bin/env lua5.4
-- Cancels the running publishing operation of an offer, and waits for its end, with progress.
--
--   AZURE_TOKEN=... examples/cancel_and_wait.lua PUBLISHER OFFER
--   AZURE_TOKEN=... examples/cancel_and_wait.lua LOCATION      resumes the wait of an earlier run
--
-- CPP_BASE_URL replaces the URL of the service, for example by that of an emulator. Exit status: 0 canceled; 1 not
-- canceled; 2 wrong usage.

local cpp = require "cpp"

local function fail(message)
  io.stderr:write(message, "\n")
  os.exit(1, true)
end

if not arg[1] then
  io.stderr:write("usage: cancel_and_wait.lua PUBLISHER OFFER | LOCATION\n")
  os.exit(2)
end

local target = arg[1]
if arg[2] then
  local result, err = cpp.cancel { publisher = arg[1], offer = arg[2] }
  if not result then fail(tostring(err)) end
  target = result
  -- Printed before the wait, so that another process can resume it.
  print(result.location or "no location: the offer is watched")
  io.stdout:flush()
end

local operation, err = cpp.wait(target, { timeout = 600, on_progress = cpp.progress(io.stderr) })
if not operation then fail(tostring(err)) end

print(operation.outcome)
if operation.outcome ~= "canceled" then fail("Not canceled: the outcome is " .. operation.outcome .. ".") end
