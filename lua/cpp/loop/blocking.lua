-- The blocking loop, the default: the thread waits until a call is done.
--
-- A step takes at most 0.1 s, and a signal ends it early, so Ctrl-C works: Lua runs its hook before the next step.

local core = require "cpp.core"
local dispatch = require "cpp.dispatch"

local blocking = {}

-- The longest wait of a step, in seconds: a signal that comes right before a wait does not end it.
local SLICE = 0.1

--- Waits until a request is done.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or any object with a method `done`
-- @param index integer or nil: the request's index
-- @return the results of request:result(), for a request; nothing for any other object
function blocking.await(core_client, request, index)
  local wait = (index or type(request) == "userdata") and request.wait
  if wait then
    local result, failure, others
    repeat
      result, failure, others = wait(request)
      local is_done = result or failure
      -- Coroutines of other loops may wait for requests of the same client.
      if others or not is_done then dispatch.run(core_client) end
    until is_done
    return result, failure
  end
  dispatch.check(core_client, request)
  while not request:done() do
    core_client:step(SLICE)
    dispatch.run(core_client)
  end
end

--- Waits for a time, or until the client is closed, while the client's requests continue.
-- @param core_client a client of cpp.core
-- @param seconds number
function blocking.sleep(core_client, seconds)
  dispatch.check_sleep(core_client, seconds)
  local deadline = core.monotonic() + seconds
  repeat
    core_client:step(math.max(0, math.min(deadline - core.monotonic(), SLICE)))
    dispatch.run(core_client)
  until core.monotonic() >= deadline or not core_client:usable()
end

return blocking
