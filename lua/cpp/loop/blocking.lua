-- The blocking loop, the default: a call returns when it is done, and the thread waits meanwhile.
--
-- A signal ends a step early, so Ctrl-C works at once: Lua runs its hook before the next step.

local core = require "cpp.core"
local dispatch = require "cpp.dispatch"

local blocking = {}

--- Waits until a request is done.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or anything with a method `done`
-- @param place integer or nil: a request's, which says that it is not done yet
function blocking.await(core_client, request, place)
  local done = not place and request:done()
  while not done do
    local _, finished = core_client:step()
    done = request:done()
    -- Other loops may have coroutines that wait on the same client, unless it is just ours that is done.
    if finished ~= 1 or not done then
      dispatch.run(core_client)
      done = request:done()
    end
  end
end

--- Waits for a time, or until the client is closed, while the client's requests go on.
-- @param core_client a client of cpp.core
-- @param seconds number
function blocking.sleep(core_client, seconds)
  local deadline = core.monotonic() + seconds
  repeat
    core_client:step(math.max(0, deadline - core.monotonic()))
    dispatch.run(core_client)
  until core.monotonic() >= deadline or not core_client:usable()
end

return blocking
