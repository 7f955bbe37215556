-- Lists of submissions with times relative to now, for specs that have the service say them.

local Portal = require "spec.support.emulator"
local fixture = require "spec.support.fixture"

local submissions = {}

--- A time, as the service writes it.
-- @param seconds number: after the start of the emulator's clock
function submissions.at(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S.000", Portal.EPOCH + seconds)
end

--- An entry of a list.
-- @param seconds number or nil: when it changed; without it, the entry has no time
function submissions.entry(id, state, seconds)
  return { id = id, submissionState = state, changedTime = seconds and submissions.at(seconds) }
end

--- Has an emulator and a client on its clock for each example: see fixture.client.
-- @param ready function(portal, client, loop, lists): lists(...) has the service send these lists, one after another; the
--   last is sent again and again
function submissions.client(busted, ready)
  fixture.client(busted, function(portal, client, loop)
    ready(portal, client, loop, function(...)
      for place, list in ipairs { ... } do
        portal:fault { match = { path = "/submissions/$" }, status = 200, body = list,
                       times = place == select("#", ...) and -1 or 1 }
      end
    end)
  end)
end

return submissions
