#!/usr/bin/env lua5.4
-- Your own loop: a program with a `select` loop over LuaSocket, in which calls of cpp suspend only their coroutine.
-- doc/loops.md explains it.
--
--   AZURE_TOKEN=... examples/loop_select.lua PUBLISHER OFFER...

local core = require "cpp.core"
local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local socket = require "socket"

-- The loop: what a client needs.
local loop, ready, due = {}, {}, {}

local function waker()
  local me = coroutine.running()
  return function() ready[#ready + 1] = me end
end

function loop.await(core_client, request)
  local waiting <close> = dispatch.register(core_client, request, waker()) -- luacheck: ignore waiting
  while not request:done() do coroutine.yield() end
end

function loop.sleep(core_client, seconds)
  local waiting <close> = dispatch.sleeping(core_client, waker()) -- luacheck: ignore waiting
  local timer <close> = setmetatable({}, { __close = function(self) due[self] = nil end })
  local time = core.monotonic() + seconds
  due[timer] = { time = time, wake = waker() }
  repeat coroutine.yield() until core.monotonic() >= time or not core_client:usable()
end

function loop.spawn(thread)
  ready[#ready + 1] = thread
end

-- The host: waits for the client's descriptor (and for its own sockets, if it had any), for timers,
-- and resumes what is ready.
local function watch(core_client, longest)
  local timeout = math.min(longest, core_client:timeout() or longest)
  for _, timer in pairs(due) do timeout = math.min(timeout, timer.time - core.monotonic()) end
  local watched = { getfd = function() return core_client:pollfd() end }
  socket.select({ watched }, nil, #ready > 0 and 0 or math.max(0, timeout))
  core_client:step(0)
  dispatch.run(core_client)
end

local function turn(core_client, longest)
  if core_client:usable() then watch(core_client, longest) end
  for timer, entry in pairs(due) do
    if entry.time <= core.monotonic() then due[timer] = entry.wake() end
  end
  local threads = ready
  ready = {}
  for _, thread in ipairs(threads) do
    if coroutine.status(thread) == "suspended" then assert(coroutine.resume(thread)) end
  end
end

-- The program: one coroutine for each offer, and a clock.
local publisher = arg[1]
if not arg[2] then
  io.stderr:write("usage: loop_select.lua PUBLISHER OFFER...\n")
  os.exit(2)
end

local client = cpp.client {
  token = os.getenv("AZURE_TOKEN"), base_url = os.getenv("CPP_BASE_URL"), loop = loop,
}
local running, failed, ticks = 0, 0, 0
for place = 2, #arg do
  running = running + 1
  coroutine.wrap(function()
    local operation, err = client:cancel { publisher = publisher, offer = arg[place], wait = true }
    print(arg[place] .. ": " .. (operation and operation.state or tostring(err)))
    if not operation then failed = failed + 1 end
    running = running - 1
  end)()
end

while running > 0 do
  turn(client.core, 0.01)
  ticks = ticks + 1
end
client:close()
print(("%d turns of the loop meanwhile"):format(ticks))
os.exit(failed == 0 and 0 or 1, true)
