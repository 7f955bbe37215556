-- The loop of cqueues: calls made inside a cqueues coroutine suspend that coroutine only.
--   https://25thandclement.com/~william/projects/cqueues.html
--
-- A core client speaks cqueues' own protocol (pollfd, events, timeout), so it is polled as it is.
-- Of all coroutines that wait on one client, one polls and steps it; the others sleep on a condition
-- until their request is done or it is their turn to poll.

local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local dispatch = require "cpp.dispatch"

local loop = {}

local TICK = 0.01 -- seconds between two steps where there is no descriptor to watch

-- [core client] = { poller = true while one coroutine polls, waiting = { [condition] = true } }
local clients = setmetatable({}, { __mode = "k" })

local function state_of(core_client)
  local state = clients[core_client]
  if not state then
    state = { poller = false, waiting = {} }
    clients[core_client] = state
  end
  return state
end

-- Ends the turn of the coroutine that polls, whichever way it leaves: another one takes over.
local turn = {
  __close = function(self)
    self.state.poller = false
    local heir = next(self.state.waiting)
    if heir then heir:signal() end
  end,
}

local function poll(core_client, state, request)
  local own <close> = setmetatable({ state = state }, turn) -- luacheck: ignore own
  state.poller = true
  while not request:done() do
    if core_client:pollfd() then
      cqueues.poll(core_client)
    else -- a build without epoll: nothing to watch, so look often
      cqueues.sleep(math.min(core_client:timeout() or TICK, TICK))
    end
    if not core_client:usable() then return end
    core_client:step(0)
    dispatch.run(core_client)
  end
end

local function wait_for_turn(core_client, state, request)
  local ready = condition.new()
  state.waiting[ready] = true
  dispatch.register(core_client, request, function() ready:signal() end)
  ready:wait()
  state.waiting[ready] = nil
  dispatch.forget(core_client, request)
end

--- Waits until a request is done. To be called in a coroutine of a cqueues controller.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or anything with a method `done`
function loop.await(core_client, request)
  local state = state_of(core_client)
  while not request:done() do
    if state.poller then
      wait_for_turn(core_client, state, request)
    else
      poll(core_client, state, request)
    end
  end
end

--- Waits for a time.
-- @param _ the core client: whoever waits for one of its requests steps it
-- @param seconds number
function loop.sleep(_, seconds)
  cqueues.sleep(seconds)
end

--- Called before a client is closed: cqueues must forget its descriptor while it is open.
function loop.release(core_client)
  local descriptor = core_client:pollfd()
  if descriptor then cqueues.cancel(descriptor) end
end

return loop
