-- Coroutines that wait for sockets, driven by the very loop that a client under test waits in: so a
-- scripted server runs in the process of its spec, and nothing depends on which runs first.
--
--   local tasks = scheduler.new()
--   tasks:spawn(function() scheduler.readable(socket) ... end)
--   local client = cpp.client { loop = tasks:loop(), ... }
--
-- Inside of a task: scheduler.readable(socket), scheduler.writable(socket), scheduler.pause(seconds). An error in a task is
-- raised in the call that waits, so it fails the spec.

local core = require "cpp.core"
local socket = require "socket"

local scheduler = {}

local Tasks = {}
Tasks.__index = Tasks

local WATCHDOG = 30 -- seconds after which a request that does not end is an error of the spec
local TURN = 1 -- the longest wait of one turn
local POLL = 0.002 -- the longest one where the client has no descriptor to watch

--- Waits, inside of a task, until a LuaSocket or LuaSec socket can be read, or written.
-- @return true
function scheduler.readable(sock) return coroutine.yield("read", sock) end
function scheduler.writable(sock) return coroutine.yield("write", sock) end

--- Waits, inside of a task, for a time (real, whatever the loop's clock is).
function scheduler.pause(seconds) coroutine.yield("pause", nil, core.monotonic() + seconds) end

--- Makes an empty set of tasks.
function scheduler.new()
  return setmetatable({
    list = {},
    lateness = 0, -- the longest time by which a wait ended too late: how busy the machine is
    completions = setmetatable({}, { __mode = "k" }), -- how often each request was handed out
  }, Tasks)
end

local function resume(self, task)
  local thread = task.thread
  local done, kind, sock, deadline = coroutine.resume(thread, true)
  if not done then
    task.dead = true
    error(type(kind) == "string" and debug.traceback(thread, kind) or kind, 0)
  end
  task.kind, task.socket, task.deadline = kind, sock, deadline
  task.dead = coroutine.status(thread) == "dead"
  self.progress = true
end

--- Adds a task and runs it until it first waits.
-- @return the task, for Tasks:stop
function Tasks:spawn(fn)
  local task = { thread = coroutine.create(fn) }
  self.list[#self.list + 1] = task
  resume(self, task)
  return task
end

--- Ends a task where it stands.
function Tasks.stop(_, task)
  task.dead = true
  coroutine.close(task.thread)
end

-- What socket.select is given: the sockets of tasks, and a descriptor that is not a LuaSocket's; and for how long.
local function wait_sets(self, descriptor, timeout)
  local sets, now = { read = {}, write = {}, pause = {} }, core.monotonic()
  for _, task in ipairs(self.list) do
    if not task.dead then table.insert(sets[task.kind], task.socket) end
    if task.deadline then timeout = math.min(timeout, math.max(0, task.deadline - now)) end
  end
  if descriptor then
    table.insert(sets.read, { getfd = function() return descriptor end, dirty = function() return false end })
  end
  return sets.read, sets.write, timeout
end

--- Waits at most `timeout` seconds for a task or the descriptor, and runs the tasks that are ready.
-- @return whether any task ran
function Tasks:turn(timeout, descriptor)
  self.progress = false
  local read, write
  read, write, timeout = wait_sets(self, descriptor, timeout)
  local before = core.monotonic()
  local readable, writable, problem
  if #read + #write > 0 then
    readable, writable, problem = socket.select(read, write, timeout)
  else
    socket.sleep(timeout)
  end
  local now = core.monotonic()
  if problem or not readable then self.lateness = math.max(self.lateness, now - before - timeout) end
  for _, task in ipairs { table.unpack(self.list) } do
    local ready = readable and task.socket
      and (task.kind == "read" and readable[task.socket] or task.kind == "write" and writable[task.socket])
    local expired = task.deadline and now >= task.deadline
    if not task.dead and (ready or expired) then resume(self, task) end
  end
  local list = self.list
  self.list = {}
  for _, task in ipairs(list) do
    if not task.dead then table.insert(self.list, task) end
  end
  return self.progress
end

-- Takes what has finished off the client, and counts how often each request is handed out: once.
local function collect(self, core_client)
  for request in core_client.finished, core_client do
    self.completions[request] = (self.completions[request] or 0) + 1
  end
end

-- Waits for what the client or the tasks wait for, at most `limit` seconds, and runs the tasks.
local function wait(self, core_client, limit)
  local descriptor = core_client:pollfd()
  local timeout = math.min(TURN, limit, core_client:timeout() or TURN)
  if descriptor then
    self:turn(timeout, descriptor)
  elseif not self:turn(0) then
    core_client:step(math.min(timeout, POLL))
  end
end

--- Lets the client and the tasks go on until `condition()` holds.
function Tasks:run_until(core_client, condition)
  local give_up = core.monotonic() + WATCHDOG
  while true do
    core_client:step(0)
    collect(self, core_client)
    if condition() then return end
    if core.monotonic() > give_up then error("nothing happened for too long", 2) end
    wait(self, core_client, TURN)
  end
end

--- The `loop` of a client.
function Tasks:loop()
  local loop = {}

  function loop.await(core_client, request)
    self:run_until(core_client, function() return request:done() end)
  end

  function loop.sleep(core_client, seconds)
    local wake = core.monotonic() + seconds
    while core.monotonic() < wake do
      core_client:step(0)
      collect(self, core_client)
      wait(self, core_client, math.max(0, wake - core.monotonic()))
    end
  end

  return loop
end

return scheduler
