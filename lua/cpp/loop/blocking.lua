-- The blocking loop, the default: a call returns when it is done, and the thread waits meanwhile.
--
-- A signal ends a step early, so Ctrl-C works at once: Lua runs its hook before the next step.

local core = require "cpp.core"
local dispatch = require "cpp.dispatch"

local blocking = {}

--- Waits until a request is done.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or anything with a method `done`
function blocking.await(core_client, request)
  while not request:done() do
    local _, finished = core_client:step()
    -- Other loops may have coroutines that wait on the same client, unless it is just ours that is done.
    if finished ~= 1 or not request:done() then dispatch.run(core_client) end
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
