-- Dispatch: records which coroutine waits for which request of a core client, and wakes it.
--
-- Several coroutines may wait on one client: those of a host's loop, and those of a batch in it. After each step of the
-- client, dispatch.run wakes those whose request is done. Its cost grows with the finished requests, not with the
-- waiting ones.

local core = require "cpp.core"

core.hide() -- as in cpp: a loop may load only this file

---@class cpp.dispatch
local dispatch = {}

local function has(object, method)
  local kind = type(object)
  return (kind == "table" or kind == "userdata") and object[method] ~= nil
end

--- Raises misuse unless this is a core client.
function dispatch.check_client(core_client)
  if not has(core_client, "usable") then core.misuse("expected a core client, got " .. type(core_client)) end
end

--- Raises misuse unless these are a core client and something to wait for.
function dispatch.check(core_client, request)
  dispatch.check_client(core_client)
  if not has(request, type(request) == "userdata" and "index" or "done") then
    core.misuse("expected a request, or an object with a method done, got " .. type(request))
  end
end

--- Raises misuse unless these are a core client and a number of seconds.
function dispatch.check_sleep(core_client, seconds)
  dispatch.check_client(core_client)
  if type(seconds) ~= "number" or seconds ~= seconds then
    core.misuse("expected a number of seconds, got " .. (type(seconds) == "number" and "NaN" or type(seconds)))
  end
end

--- Raises misuse unless this is a new coroutine.
function dispatch.check_thread(thread)
  if type(thread) ~= "thread" then core.misuse("expected a coroutine, got " .. type(thread)) end
end

local function check_wake(wake)
  if type(wake) ~= "function" then core.misuse("wake: expected a function, got " .. type(wake)) end
end

-- [core client] = its waiters, see dispatch.waiters. Weak keys: they live as long as the client.
local clients = setmetatable({}, { __mode = "k" })

local TURN = 64 * 1024 -- bytes of bodies that are delivered after one step; the last body may exceed it

--- The waiters of a client.
-- @return table: requests = { [index of a request] = wake }, others = { [object] = wake }, sleepers =
--   { [key] = wake }, functions that are called with their key; left, the bytes of bodies that may still be delivered
--   before the next step; closed, a boolean: the client is closed, and no coroutine will be woken
function dispatch.waiters(core_client)
  local waiters = clients[core_client]
  if not waiters then
    waiters = { requests = {}, others = {}, sleepers = {}, left = TURN, closed = false }
    clients[core_client] = waiters
  end
  return waiters
end

-- The index of a request that is running, or whose response was not taken; nil for any other object.
local function index_of(request)
  return type(request) == "userdata" and request:index() or nil
end

--- Removes a registration, if there is one.
function dispatch.forget(core_client, request)
  local waiters = clients[core_client]
  if not waiters then return end
  local index = index_of(request)
  if index then waiters.requests[index] = nil end
  waiters.others[request], waiters.sleepers[request] = nil, nil
end

local registration = {
  __close = function(self) dispatch.forget(self.core_client, self.request) end,
}

--- Registers a function to be called once, when the request is done or the client is closed.
-- @param core_client a client of cpp.core
-- @param request one of its requests; or any object with a method `done`, which is called after every step
-- @param wake function, which must not raise an error. It returns true if it ran no user code, so that the client is
--   unchanged
-- @return to-be-closed value that removes the registration: a coroutine that is closed while it waits must not be woken
function dispatch.register(core_client, request, wake)
  dispatch.check(core_client, request)
  check_wake(wake)
  local waiters = dispatch.waiters(core_client)
  local index = index_of(request)
  if index then waiters.requests[index] = wake else waiters.others[request] = wake end
  return setmetatable({ core_client = core_client, request = request }, registration)
end

--- Registers a function to be called once, when the client is closed: for a coroutine that sleeps. Raises an error if
-- the client is already closed.
-- @return to-be-closed value that takes the registration back
function dispatch.sleeping(core_client, wake)
  dispatch.check_client(core_client)
  check_wake(wake)
  core_client:timeout() -- raises
  dispatch.waiters(core_client).sleepers[wake] = wake
  return setmetatable({ core_client = core_client, request = wake }, registration)
end

--- Whether a coroutine waits for a request or an object.
function dispatch.is_waiting(core_client)
  local waiters = clients[core_client]
  return waiters ~= nil and (next(waiters.requests) ~= nil or next(waiters.others) ~= nil)
end

local function due_of(others)
  local due
  for object, wake in pairs(others) do
    if object:done() then
      due = due or {}
      due[object] = wake
    end
  end
  return due
end

-- Repeats until no object is due: one may have waited for another (a batch within a batch).
local function run_others(others)
  local due = due_of(others)
  while due do
    for object, wake in pairs(due) do -- waking may register and forget
      if others[object] == wake then
        others[object] = nil
        wake(object)
      end
    end
    due = due_of(others)
  end
end

--- Wakes the coroutines whose requests are done; it checks no other objects. Reading a long response takes time, so
-- responses beyond TURN wait for the next step. A finished request whose coroutine was dropped is released.
function dispatch.run_requests(core_client)
  local waiters = dispatch.waiters(core_client)
  local requests = waiters.requests
  local usable = core_client:usable()
  while waiters.left > 0 and usable do
    local _, index, bytes = core_client:finished()
    if not index then return end
    waiters.left = waiters.left - bytes
    if waiters.left <= 0 then core_client:alarm(0) end -- the next step delivers the others
    local wake = requests[index]
    if wake then
      requests[index] = nil
      usable = wake(index) or core_client:usable()
    end
  end
end

--- Wakes every coroutine whose request or object is done. To be called after a step.
function dispatch.run(core_client)
  dispatch.check_client(core_client)
  dispatch.waiters(core_client).left = TURN
  dispatch.run_requests(core_client)
  local waiters = clients[core_client]
  if waiters and next(waiters.others) then run_others(waiters.others) end
end

-- One by one, since a woken coroutine may close the next one.
local function wake_all(list)
  local key, wake = next(list)
  while key do
    list[key] = nil
    wake(key)
    key, wake = next(list)
  end
end

--- Wakes every coroutine: the client was closed, so every request is done.
function dispatch.closed(core_client)
  local waiters = clients[core_client]
  if not waiters then return end
  waiters.closed = true
  wake_all(waiters.requests)
  wake_all(waiters.others)
  wake_all(waiters.sleepers)
end

return dispatch
