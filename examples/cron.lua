#!/usr/bin/env lua5.4
-- For cron: cancels the running publishing operations of some offers, for example every evening. It prints only errors,
-- so cron sends mail only then.
--
--   30 22 * * *  . /etc/cpp.env; exec flock -n -E 0 /run/lock/cpp examples/cron.lua contoso contoso-vm contoso-app
--
-- flock (util-linux) makes a second run exit if the first one has not ended. /etc/cpp.env, which other users must not
-- be able to read, exports AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET. CPP_BASE_URL replaces the URL of
-- the service, for example by that of an emulator.
--
-- Exit status: 0 nothing is running; 1 an operation is still running, has completed, or its outcome is not known; 2
-- wrong usage; 3 the credentials are missing or refused.

local cpp = require "cpp"

local DONE, WRONG, WRONG_USAGE, UNAUTHORIZED = 0, 1, 2, 3
local TIMEOUT = 1800 -- seconds to wait for the end of an operation

local publisher, offers = arg[1], { table.unpack(arg, 2) }
if #offers == 0 then
  io.stderr:write("usage: cron.lua PUBLISHER OFFER...\n")
  os.exit(WRONG_USAGE)
end

-- Returns true; or nil and a reason.
local function clear(offer, client)
  local operation, err = client:cancel { publisher = publisher, offer = offer, if_running = true,
                                         wait = { timeout = TIMEOUT } }
  if not operation then return nil, err end
  if operation.outcome == "canceled" or operation.outcome == "none" then return true end
  return nil, "it was not canceled: the outcome is " .. operation.outcome
end

local status = DONE
cpp.map(offers, clear, {
  on_result = function(index, entry)
    local err = entry.err
    if not err then return end
    io.stderr:write(("%s %s: %s\n"):format(os.date("!%Y-%m-%dT%H:%M:%SZ"), offers[index], tostring(err)))
    local refused = type(err) == "table" and (err.kind == "auth" or err.status == 401)
    status = math.max(status, refused and UNAUTHORIZED or WRONG)
  end,
})
os.exit(status, true)
