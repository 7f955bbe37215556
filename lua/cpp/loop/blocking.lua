-- The blocking loop, the default: a call returns when it is done, and the thread waits meanwhile.
--
-- A signal ends a step early, so Ctrl-C works at once: Lua runs its hook before the next step.

local core = require "cpp.core"

local blocking = {}

--- Waits until a request is done.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or anything with a method `done`
function blocking.await(core_client, request)
  while not request:done() do core_client:step() end
  -- What a dropped coroutine left behind is done as well: nobody will ask for it.
  while core_client:finished() do end
end

--- Waits for a time, while the client's requests go on.
-- @param core_client a client of cpp.core
-- @param seconds number
function blocking.sleep(core_client, seconds)
  local deadline = core.monotonic() + seconds
  while true do
    local left = deadline - core.monotonic()
    if left <= 0 then return end
    core_client:step(left)
  end
end

return blocking
