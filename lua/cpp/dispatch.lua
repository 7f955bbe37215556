-- Dispatch: who waits for which request of a core client, and waking them.
--
-- Several coroutines may wait on one client: those of a host's loop, and those of a batch in it.
-- Whoever steps the client then calls dispatch.run, and everybody whose request is done is woken;
-- the cost is that of what finished, not of what waits.

local dispatch = {}

-- [core client] = { requests = { [request] = wake }, others = { [object] = wake } }. Weak keys: a
-- client that nobody has any more takes its waiters with it.
local clients = setmetatable({}, { __mode = "k" })

local function of(core_client)
  local waiters = clients[core_client]
  if not waiters then
    waiters = { requests = {}, others = {} }
    clients[core_client] = waiters
  end
  return waiters
end

--- Registers a function to be called once, when the request is done or the client is closed.
-- @param core_client a client of cpp.core
-- @param request one of its requests; or any object with a method `done`, which is asked after
--   every step
-- @param wake function without arguments
function dispatch.register(core_client, request, wake)
  local waiters = of(core_client)
  local list = type(request) == "userdata" and waiters.requests or waiters.others
  list[request] = wake
end

--- Takes a registration back; none there is fine.
function dispatch.forget(core_client, request)
  local waiters = clients[core_client]
  if waiters then waiters.requests[request], waiters.others[request] = nil, nil end
end

--- Whether anybody waits.
function dispatch.is_waiting(core_client)
  local waiters = clients[core_client]
  return waiters ~= nil and (next(waiters.requests) ~= nil or next(waiters.others) ~= nil)
end

local function run_others(others)
  local due
  for object, wake in pairs(others) do
    if object:done() then
      due = due or {}
      due[object] = wake
    end
  end
  for object, wake in pairs(due or {}) do -- waking may register and forget
    if others[object] == wake then
      others[object] = nil
      wake()
    end
  end
end

--- Wakes everybody whose request is done, but asks no other object.
-- A request that finished and that nobody waits for (its coroutine was dropped) is let go.
function dispatch.run_requests(core_client)
  local waiters = clients[core_client]
  local request = core_client:finished()
  while request do
    local wake = waiters and waiters.requests[request]
    if wake then
      waiters.requests[request] = nil
      wake()
      if not core_client:usable() then return end -- whoever was woken closed it
    end
    request = core_client:finished()
  end
end

--- Wakes everybody whose request or object is done. To be called after a step.
function dispatch.run(core_client)
  dispatch.run_requests(core_client)
  local waiters = clients[core_client]
  if waiters and next(waiters.others) then run_others(waiters.others) end
end

--- Wakes everybody: the client was closed, so every request is done.
function dispatch.closed(core_client)
  local waiters = clients[core_client]
  if not waiters then return end
  clients[core_client] = nil
  for _, wake in pairs(waiters.requests) do wake() end
  for _, wake in pairs(waiters.others) do wake() end
end

return dispatch
