-- Lists of submissions with times relative to now, for specs that have the service say them.

local submissions = {}

--- A time, as the service writes it.
-- @param seconds number: after now
function submissions.at(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S.000", os.time() + seconds)
end

--- An entry of a list.
-- @param seconds number or nil: when it changed; without it, the entry has no time
function submissions.entry(id, state, seconds)
  return { id = id, submissionState = state, changedTime = seconds and submissions.at(seconds) }
end

--- @param portal a portal emulator
-- @return function(...): the lists that the service sends, one after another; the last is sent again and again
function submissions.lists(portal)
  return function(...)
    for place, list in ipairs { ... } do
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = list,
                     times = place == select("#", ...) and -1 or 1 }
    end
  end
end

return submissions
