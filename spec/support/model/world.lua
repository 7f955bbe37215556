-- A world for host programs: a virtual clock, coroutines, loops over them, and core clients whose requests end when the
-- world says so. Nothing is sent, and a run depends on its seed alone.
--
--   local world = World.new(seed)
--   local client = world:client(options, respond)         -- respond(endpoint, options, token): see Core:start
--   world:spawn(function() client:cancel { ... } end)
--   world:run()                                           -- until nothing is left to do

local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local Timers = require "cpp.timers"

local MOST_TURNS = 300000

local START = 987654321.25 -- seconds: an error that takes a time for a duration shows

local World = {}
World.__index = World

local YIELDED = {} -- what a coroutine of the world yields; anything else is an error

local function resume(self, thread)
  if coroutine.status(thread) ~= "suspended" then return end
  local done, sign = coroutine.resume(thread)
  if not done then
    self.raised[#self.raised + 1] = debug.traceback(thread, tostring(sign))
    coroutine.close(thread)
  elseif coroutine.status(thread) == "suspended" and sign ~= YIELDED then
    error "a coroutine of the host has been given what was not for it"
  end
end

World.LOOP_FAILS = "the loop has failed"

--- A value that calls a function at the end of its scope.
function World.at_end(fn) return setmetatable({}, { __close = fn }) end

--- Makes a world.
function World.new(seed)
  local self = setmetatable({
    state = seed, now = START, events = Timers.new(), ready = {}, tasks = {}, raised = {}, waited = 0, registered = {},
    spawned = setmetatable({}, { __mode = "k" }), failing = nil, -- its loops fail once in so many waits
  }, World)
  self.loops = { self:loop "first", self:loop "second" }
  self.loops[2].spawn = function(thread)
    self.tasks[thread], self.spawned[thread] = true, true
    if self:chance(2) then self.ready[#self.ready + 1] = thread else resume(self, thread) end
  end
  return self
end

--- A whole number from 1 to `most`; the same ones for the same seed, in every version of Lua.
function World:random(most)
  self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
  return (self.state >> 33) % most + 1
end

--- True once in so many times.
function World:chance(times) return self:random(times) == 1 end

--- One of a list.
function World:pick(list) return list[self:random(#list)] end

--- Calls a function after so many seconds.
-- @return to-be-closed value that takes it back
function World:after(seconds, fn)
  local event = setmetatable({ fn = fn }, { __close = function(own) own.fn = nil end })
  self.events:add(self.now + seconds, event)
  return event
end

--- Starts a coroutine of the host.
function World:spawn(fn)
  local thread = coroutine.create(fn)
  self.tasks[thread] = true
  self.ready[#self.ready + 1] = thread
  return thread
end

--- Suspends the running coroutine of the host for so many seconds, as a host's own sleep does.
function World:sleep(seconds)
  local thread = coroutine.running()
  assert(self.tasks[thread], "not a coroutine of the host")
  local event <close> = self:after(seconds, function() self.ready[#self.ready + 1] = thread end) -- luacheck: ignore event
  coroutine.yield(YIELDED)
end

--- Runs until nothing is left to do. Raises after so many turns that the host must be turning in place.
function World:run()
  for _ = 1, MOST_TURNS do
    local thread = table.remove(self.ready, 1)
    if thread then
      resume(self, thread)
    else
      local time = self.events:first()
      if not time then return end
      self.now = math.max(self.now, time)
      local event = self.events:take(time)
      if event.fn then event.fn() end
    end
  end
  error "the host makes no progress"
end

-- A loop of the host: its coroutines are suspended. It notes that it knows a client, until it is told to forget it.
function World:loop(name)
  local loop = { name = name }
  local function enter(core)
    assert(core:usable(), "a loop is used with a closed client")
    local thread = coroutine.running()
    assert(self.tasks[thread], "a loop of the host is used outside of its coroutines")
    self.registered[core] = self.registered[core] or {}
    self.registered[core][loop] = true
    return function() self.ready[#self.ready + 1] = thread end
  end
  local function may_fail()
    if self.failing and self:chance(self.failing) then error(self:chance(2) and World.LOOP_FAILS or "interrupted!", 0) end
  end
  function loop.now() return self.now end
  function loop.await(core, request, place)
    may_fail()
    local wake = enter(core)
    -- By its place, so that the order in which coroutines are woken depends on the seed alone.
    if place then dispatch.waiters(core).requests[place] = wake end
    local waiting <close> = not place and dispatch.register(core, request, wake) or nil -- luacheck: ignore waiting
    while not request:done() do coroutine.yield(YIELDED) end
    may_fail()
  end
  function loop.sleep(core, seconds)
    may_fail()
    local wake, over = enter(core), self.now + seconds
    local waiting <close> = dispatch.sleeping(core, wake) -- luacheck: ignore waiting
    local event <close> = self:after(seconds, wake) -- luacheck: ignore event
    repeat coroutine.yield(YIELDED) until self.now >= over or not core:usable()
    may_fail()
  end
  function loop.release(core)
    if self.registered[core] then self.registered[core][loop] = nil end
  end
  return loop
end

local Request = {}
Request.__index = Request

function Request:done() return self.ended end
function Request:url() return self.method, self.target end
function Request.resolve(_, location) return location end
function Request.started() return cpp.core.monotonic() end
function Request.date() return nil end

function Request:result()
  if self.outcome.kind then return nil, self.outcome end
  return self.outcome
end

function Request:abort()
  if not self.ended then self:finish { kind = "stopped", message = "aborted", sent = true } end
end

function Request:__close()
  self:abort()
  self.unclaimed = false
end

function Request:finish(outcome)
  self.ended, self.outcome = true, outcome
  self.core.all[self.place] = nil
  if self.over then self.over() end
  outcome.method, outcome.url = self.method, self.target
  outcome.client_request_id = self.id
  self.core.running = self.core.running - 1
end

-- A core client: what checks options is real, requests are not.
local Core = {}
Core.__index = Core

function Core:usable() return self.real:usable() end
function Core:check(...) return self.real:check(...) end
function Core:timeout() return self.real:timeout() end
function Core.pollfd() return nil end

--- Starts a request. The world's `respond` gives its outcome (as request:result does), after how many seconds, and
-- optionally a function to be called when it is responded to, and one for whenever it ends.
function Core:start(endpoint, options, token, id, timeout)
  self:check(endpoint, options) -- raises where it is closed
  local world = self.world
  self.ids = self.ids + 1
  local request = setmetatable({
    core = self, place = self.ids, ended = false, id = id or "id-" .. self.ids,
    method = (endpoint == "cancel" or endpoint == "token") and "POST" or "GET",
    target = options.location or "https://portal.test/" .. (options.offer or endpoint),
  }, Request)
  local outcome, seconds, ending, over = self.respond(endpoint, options, token)
  request.over = over
  local limit = timeout or options.timeout or 300
  if seconds > limit then
    outcome, seconds, ending = { kind = "timeout", message = "no response", sent = true, transient = true }, limit, nil
  end
  self.running = self.running + 1
  self.all[request.place] = request
  world:after(seconds, function()
    if request.ended then return end
    request:finish(outcome)
    if ending then ending() end
    request.unclaimed = true
    self.finished_ones[#self.finished_ones + 1] = request
    dispatch.run(self)
  end)
  return request, request.place
end

function Core:finished()
  local request
  repeat request = table.remove(self.finished_ones, 1) until not request or request.unclaimed
  if not request then return nil end
  request.unclaimed = false
  return request, request.place, 0
end

-- It rings once, at the earliest time that was asked for.
function Core:alarm(seconds)
  local time = self.world.now + seconds
  local alarm = self.alarm_event
  if alarm and alarm.fn and alarm.time <= time then return end
  if alarm then alarm.fn = nil end
  alarm = self.world:after(seconds, function()
    self.alarm_event = nil
    if self:usable() then dispatch.run(self) end
  end)
  alarm.time, self.alarm_event = time, alarm
end

function Core:close()
  self.real:close()
  for place = 1, self.ids do
    local request = self.all[place]
    if request then request:finish { kind = "closed", message = "closed", sent = true } end
  end
end

--- Makes a client whose requests the world ends.
-- @param respond function(endpoint, options, token) -> outcome, seconds, function or nil, function or nil
function World:client(options, respond)
  local client = cpp.client(options)
  client.core = setmetatable({
    real = client.core, world = self, respond = respond, ids = 0, running = 0, finished_ones = {}, all = {},
  }, Core)
  return client
end

return World
