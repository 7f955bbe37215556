-- The loop of cqueues: calls made inside a cqueues coroutine suspend that coroutine only.
--   https://25thandclement.com/~william/projects/cqueues.html
--
-- A core client has the methods that cqueues polls (pollfd, events, timeout). Of all coroutines of a controller that
-- wait on one client, one leads: it polls and steps the client. The others sleep on a condition until their request is
-- done or they lead.

local blocking = require "cpp.loop.blocking"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local dispatch = require "cpp.dispatch"

local loop = {}

local TICK = 0.01 -- seconds between two steps where there is no descriptor to watch

-- [core client][controller] = { leader = condition or nil, waiting = { [condition] = true } }. Separate for each
-- controller, because a controller that no longer runs must not delay the others.
local clients = setmetatable({}, { __mode = "k" })

-- The controller whose coroutine may wait here; nil outside of controllers, and in a function that C calls.
local function controller_here()
  return coroutine.isyieldable() and cqueues.running() or nil
end

local function state_of(core_client, controller)
  local states = clients[core_client]
  if not states then
    states = setmetatable({}, { __mode = "k" })
    clients[core_client] = states
  end
  local state = states[controller]
  if not state then
    state = { leader = nil, waiting = {} }
    states[controller] = state
  end
  return state
end

-- Closed when a coroutine stops waiting, in any way: if it was the leader, another one becomes the leader.
local place = {
  __close = function(self)
    local state, ready = self.state, self.ready
    dispatch.forget(self.core_client, self.request)
    state.waiting[ready] = nil
    if state.leader == ready then state.leader = nil end
    local heir = not state.leader and next(state.waiting)
    if heir then heir:signal() end
    ready:signal() -- if the coroutine was closed from outside, the controller still polls for it
  end,
}

local function lead(core_client, ready)
  if core_client:pollfd() then
    cqueues.poll(core_client, ready)
  else -- a build without epoll has no descriptor, so step often
    cqueues.poll(math.min(core_client:timeout() or TICK, TICK), ready)
  end
  if core_client:usable() then
    core_client:step(0)
    dispatch.run(core_client)
  end
end

local function follow(state, ready)
  state.leader:signal() -- it has a new request to start, and perhaps an earlier timeout
  state.waiting[ready] = true
  ready:wait()
  state.waiting[ready] = nil
end

--- Waits until a request is done. In a coroutine of a cqueues controller it suspends this coroutine; elsewhere it
-- blocks.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or any object with a method `done`
function loop.await(core_client, request)
  dispatch.check(core_client, request)
  local controller = controller_here()
  if not controller then return blocking.await(core_client, request) end
  if request:done() then return end
  local state, ready = state_of(core_client, controller), condition.new()
  local function wake() ready:signal() end
  local own <close> = setmetatable({ core_client = core_client, request = request, -- luacheck: ignore own
                                     state = state, ready = ready }, place)
  repeat
    dispatch.register(core_client, request, wake)
    if state.leader and state.leader ~= ready then
      follow(state, ready)
    else
      state.leader = ready
      lead(core_client, ready)
    end
  until request:done()
end

--- Waits for a time, or until the client is closed.
-- @param core_client a client of cpp.core; a coroutine that waits for one of its requests steps it
-- @param seconds number
function loop.sleep(core_client, seconds)
  dispatch.check_sleep(core_client, seconds)
  if not controller_here() then return blocking.sleep(core_client, seconds) end
  local closed = condition.new()
  local own <close> = dispatch.sleeping(core_client, function() closed:signal() end) -- luacheck: ignore own
  local due = cqueues.monotime() + seconds
  repeat closed:wait(due - cqueues.monotime()) until cqueues.monotime() >= due or not core_client:usable()
end

--- Starts a coroutine beside the running one.
-- @param coroutine_ a new coroutine, which must not raise an error
-- @return boolean: false outside of a controller
function loop.spawn(coroutine_)
  dispatch.check_thread(coroutine_)
  local controller = cqueues.running()
  if controller then controller:attach(coroutine_) end
  return controller ~= nil
end

--- Called before a client is closed: cqueues must unregister its descriptor while it is open.
function loop.release(core_client)
  dispatch.check_client(core_client)
  local descriptor = core_client:pollfd()
  if descriptor then cqueues.cancel(descriptor) end
end

return loop
