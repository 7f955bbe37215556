#!/usr/bin/env lua5.4
-- For cron: sees to it that nothing of some offers is being published, every evening say. It is silent
-- unless something is wrong, so cron sends mail only then.
--
--   30 22 * * *  . /etc/cpp.env; exec flock -n -E 0 /run/lock/cpp examples/cron.lua contoso contoso-vm contoso-app
--
-- flock (util-linux) lets one run at a time do it: another one that comes meanwhile leaves it to the first.
-- /etc/cpp.env, which no other user may read, exports AZURE_TENANT_ID, AZURE_CLIENT_ID and
-- AZURE_CLIENT_SECRET. CPP_BASE_URL names another service, such as an emulator.
--
-- Exit status: 0 nothing runs any more; 1 something does, or did to its end, or it is not known;
-- 2 wrong usage; 3 the credentials are missing or refused.

local cpp = require "cpp"

local DONE, WRONG, WRONG_USAGE, UNAUTHORIZED = 0, 1, 2, 3
local TIMEOUT = 1800 -- seconds to wait for the end of what was canceled

local publisher, offers = arg[1], { table.unpack(arg, 2) }
if #offers == 0 then
  io.stderr:write("usage: cron.lua PUBLISHER OFFER...\n")
  os.exit(WRONG_USAGE)
end

-- Returns true; or nil and what is wrong.
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
