-- The loop of luv (libuv): calls made inside a coroutine suspend it; libuv's callbacks resume it.
--   https://github.com/luvit/luv/blob/master/docs.md
--
-- A client has a poll handle, a timer and an idle handle while a coroutine waits on it or sleeps, and none otherwise,
-- so that uv.run can return. The host may close them (uv.walk); the next call of any client that waits recreates those
-- of all clients, so that earlier waits continue.

local core = require "cpp.core"
local dispatch = require "cpp.dispatch"
local Timers = require "cpp.timers"
local uv = require "luv"

local loop = {}

local LONGEST = 86400 -- seconds of a timer, which is then started again
local TICK = 0.01 -- seconds between two steps where there is no descriptor to watch

-- [core client] = { poll =, timer =, idle =, waiting = set of places, sleepers = timers, stepping = boolean,
-- process = the identifier of the process that made them }
local watched = setmetatable({}, { __mode = "k" })

-- The host may have closed it (uv.walk), and closing twice raises.
local function close(handle)
  if handle and not handle:is_closing() then handle:close() end
end

local function unwatch(core_client)
  local handles = watched[core_client]
  if not handles then return end
  watched[core_client] = nil
  -- A forked child shares the epoll set of the parent's loop: closing would remove the descriptor from it. Without the
  -- reference, uv.run can return there.
  if handles.process == uv.os_getpid() then close(handles.poll) elseif handles.poll then handles.poll:unref() end
  close(handles.timer)
  close(handles.idle)
end

local step

local function is_gone(handle)
  return not handle or handle:is_closing()
end

-- Closes a poll handle that was started, but not stored, because of an error.
local opening = {
  __close = function(self)
    if self.handles.poll ~= self.poll then close(self.poll) end
  end,
}

-- Creates the handles of a client that are missing, or that the host has closed.
local function open(core_client, handles)
  local descriptor = core_client:pollfd()
  if is_gone(handles.timer) then handles.timer = uv.new_timer() end
  if is_gone(handles.idle) then handles.idle = uv.new_idle() end
  if not descriptor or not is_gone(handles.poll) then return end
  local new <close> = setmetatable({ handles = handles, poll = nil }, opening)
  if core_client:usable() then new.poll = uv.new_poll(descriptor) end -- a finaliser may have closed it
  if new.poll then new.poll:start("r", handles.step) end
  handles.poll = new.poll
end

-- The next timer, libcurl's or that of a sleep, in whole milliseconds, the resolution of libuv. What is due at once is
-- left to the next turn: libuv 1.44 runs a timer of 0 that a timer's callback starts in the same turn, and serves no
-- descriptor of the host meanwhile.
local function arm(core_client, handles)
  if not core_client:usable() then return end
  local seconds, due = core_client:timeout(), handles.sleepers:first()
  if not handles.poll then seconds = math.min(seconds or TICK, TICK) end
  if due then seconds = math.min(seconds or math.huge, math.max(0, due - core.monotonic())) end
  handles.timer:stop()
  handles.idle:stop()
  if not seconds then return end
  if seconds > 0 then
    handles.timer:start(math.ceil(math.min(seconds, LONGEST) * 1000), 0, handles.step)
    return
  end
  handles.idle:start(handles.step)
  if handles.idle:is_closing() then handles.idle:stop() end -- a finaliser may have closed it; libuv starts it anyway
end

-- The host closes the handles of all clients, so it is enough to check one of them.
local function reopen()
  local _, any = next(watched)
  if not any or not is_gone(any.timer) then return end
  for core_client, handles in pairs(watched) do
    if core_client:usable() then
      open(core_client, handles)
      arm(core_client, handles)
    end
  end
end

-- Begins to wait for a client, until the returned place is closed. A hook of the host may raise an error at any
-- instruction, so each handle is stored where closing the place finds it.
local function enter(place)
  reopen()
  local core_client = place.core_client
  local handles = watched[core_client]
  if not handles then
    handles = { waiting = {}, sleepers = Timers.new(), stepping = false, process = uv.os_getpid(),
                step = function() step(core_client) end }
    watched[core_client] = handles
    open(core_client, handles)
    if not core_client:usable() then -- a finaliser may close it
      watched[core_client] = nil
      close(handles.poll)
      close(handles.timer)
      close(handles.idle)
    end
  end
  handles.waiting[place] = true
  return handles
end

-- Resumes the coroutines whose sleep is over. A closed coroutine no longer has a `wake`.
local function wake_sleepers(handles)
  local sleeper = handles.sleepers:take(core.monotonic())
  while sleeper do
    if sleeper.wake then sleeper.wake() end
    sleeper = handles.sleepers:take(core.monotonic())
  end
end

step = function(core_client)
  local handles = watched[core_client]
  if not handles then return end
  if not core_client:usable() then return dispatch.closed(core_client) end -- in a forked child
  handles.stepping = true
  core_client:step(0)
  dispatch.run(core_client) -- resumes coroutines, which may do anything, closing the client too
  wake_sleepers(handles)
  handles.stepping = false
  if watched[core_client] ~= handles or not core_client:usable() then return end
  if next(handles.waiting) then
    open(core_client, handles)
    arm(core_client, handles)
  else
    unwatch(core_client)
  end
end

-- Closed when a coroutine stops waiting, in any way: the last one closes the handles. During a step the next call may
-- come at once, so the step closes them at its end.
local place = {
  __close = function(self)
    local handles = watched[self.core_client]
    if not handles then return end
    handles.waiting[self] = nil
    if not next(handles.waiting) and not handles.stepping then unwatch(self.core_client) end
  end,
}

-- Removes the sleep of a coroutine.
local sleeping = { __close = function(self) self.wake = nil end }

-- Resumes a coroutine in its own callback, where luv reports its error, so that others are still woken.
local function resume(coroutine_)
  if coroutine.status(coroutine_) ~= "suspended" then return end
  local done, problem = coroutine.resume(coroutine_)
  if done then return end
  local message = debug.traceback(coroutine_, tostring(problem))
  coroutine.close(coroutine_) -- closes what an error leaves open: a batch in it, and its requests
  local timer = uv.new_timer()
  timer:start(0, 0, function()
    close(timer)
    error(message, 0)
  end)
end

local function running()
  local coroutine_, main = coroutine.running()
  if main then core.misuse "cpp.loop.luv: to be called inside a coroutine, which luv then resumes" end
  if not coroutine.isyieldable() then
    core.misuse "cpp.loop.luv: cannot wait in a function that C calls (as gsub, sort and metamethods do)"
  end
  return coroutine_
end

--- Waits until a request is done. Call it in a coroutine, with uv.run running outside of it.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or any object with a method `done`
function loop.await(core_client, request)
  dispatch.check(core_client, request)
  local coroutine_ = running()
  local own <close> = setmetatable({ core_client = core_client }, place)
  local handles = enter(own)
  repeat
    local waiting <close> = -- luacheck: ignore waiting
      dispatch.register(core_client, request, function() resume(coroutine_) end)
    arm(core_client, handles)
    if not request:done() then coroutine.yield() end
  until request:done()
end

--- Waits for a time, or until the client is closed. Call it in a coroutine, with uv.run running outside of
-- it.
-- @param core_client a client of cpp.core; its own handles step it
-- @param seconds number
function loop.sleep(core_client, seconds)
  dispatch.check_sleep(core_client, seconds)
  local coroutine_ = running()
  local function wake() resume(coroutine_) end
  local waiting <close> = dispatch.sleeping(core_client, wake) -- luacheck: ignore waiting
  local own <close> = setmetatable({ core_client = core_client }, place)
  local handles, due = enter(own), core.monotonic() + seconds
  local sleeper <close> = setmetatable({ wake = wake }, sleeping)
  handles.sleepers:add(due, sleeper)
  arm(core_client, handles)
  repeat coroutine.yield() until core.monotonic() >= due or not core_client:usable()
end

--- Starts a coroutine beside the running one.
-- @param coroutine_ a new coroutine, which must not raise an error
function loop.spawn(coroutine_)
  dispatch.check_thread(coroutine_)
  resume(coroutine_)
end

--- Called before a client is closed: libuv must unregister its descriptor while it is open.
loop.release = unwatch

return loop
