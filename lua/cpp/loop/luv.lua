-- The loop of luv (libuv): calls made inside a coroutine suspend it; libuv's callbacks resume it.
--   https://github.com/luvit/luv/blob/master/docs.md
--
-- A client has one poll handle and one timer while anybody waits on it, and none otherwise, so it
-- never keeps uv.run from returning.

local dispatch = require "cpp.dispatch"
local uv = require "luv"

local loop = {}

local TICK = 0.01 -- seconds between two steps where there is no descriptor to watch

-- [core client] = { poll =, timer = }
local watched = setmetatable({}, { __mode = "k" })

local function unwatch(core_client)
  local handles = watched[core_client]
  if not handles then return end
  watched[core_client] = nil
  if handles.poll then
    handles.poll:stop()
    handles.poll:close()
  end
  handles.timer:stop()
  handles.timer:close()
end

local step

-- libcurl's next timer, in whole milliseconds: libuv has no others.
local function arm(core_client, handles)
  local seconds = core_client:timeout()
  if not handles.poll then seconds = math.min(seconds or TICK, TICK) end
  handles.timer:stop()
  if seconds then
    handles.timer:start(math.ceil(seconds * 1000), 0, function() step(core_client) end)
  end
end

step = function(core_client)
  if not core_client:usable() then return end
  core_client:step(0)
  dispatch.run(core_client) -- resumes coroutines, which may do anything, closing the client too
  local handles = watched[core_client]
  if not handles then return end
  if dispatch.is_waiting(core_client) then
    arm(core_client, handles)
  else
    unwatch(core_client)
  end
end

local function watch(core_client)
  local handles = watched[core_client]
  if not handles then
    local descriptor = core_client:pollfd()
    handles = { poll = descriptor and uv.new_poll(descriptor), timer = uv.new_timer() }
    watched[core_client] = handles
    if handles.poll then handles.poll:start("r", function() step(core_client) end) end
  end
  arm(core_client, handles)
end

-- Raises in the callback what the coroutine raised, where luv reports it.
local function resume(coroutine_, ...)
  local done, problem = coroutine.resume(coroutine_, ...)
  if not done then error(debug.traceback(coroutine_, tostring(problem)), 0) end
end

local function running()
  local coroutine_, main = coroutine.running()
  if main then error("cpp.loop.luv: to be called inside a coroutine, which luv then resumes", 3) end
  return coroutine_
end

--- Waits until a request is done. To be called in a coroutine, with uv.run running outside of it.
-- @param core_client a client of cpp.core
-- @param request one of its requests, or anything with a method `done`
function loop.await(core_client, request)
  local coroutine_ = running()
  while not request:done() do
    dispatch.register(core_client, request, function() resume(coroutine_) end)
    watch(core_client)
    coroutine.yield()
  end
end

--- Waits for a time. To be called in a coroutine, with uv.run running outside of it.
-- @param _ the core client: its own handles step it
-- @param seconds number
function loop.sleep(_, seconds)
  local coroutine_ = running()
  local timer = uv.new_timer()
  timer:start(math.ceil(seconds * 1000), 0, function()
    timer:close()
    resume(coroutine_)
  end)
  coroutine.yield()
end

--- Called before a client is closed: libuv must let go of its descriptor while it is open.
loop.release = unwatch

return loop
