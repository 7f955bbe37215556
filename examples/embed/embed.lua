-- What the host program embed.c runs: calls of cpp in coroutines, which the host resumes.
--
-- The host gives publisher and offers, and gets a table: core (the core client, which it polls and
-- steps), jobs (functions, each to be run in a coroutine), ready (the next coroutine to resume, or
-- nil), timeout (seconds until one that sleeps is ready, or nil), run (to be called after a step)
-- and close.

local core = require "cpp.core"
local cpp = require "cpp"
local dispatch = require "cpp.dispatch"

local ready, due = {}, {}

local function waker()
  local me = coroutine.running()
  return function() ready[#ready + 1] = me end
end

local loop = {}

function loop.await(core_client, request)
  local waiting <close> = dispatch.register(core_client, request, waker()) -- luacheck: ignore waiting
  while not request:done() do coroutine.yield() end
end

function loop.sleep(core_client, seconds)
  local waiting <close> = dispatch.sleeping(core_client, waker()) -- luacheck: ignore waiting
  local timer <close> = setmetatable({}, { __close = function(self) due[self] = nil end })
  due[timer] = { time = core.monotonic() + seconds, wake = waker() }
  coroutine.yield()
end

local function next_timeout()
  if #ready > 0 then return 0 end
  local first
  for _, timer in pairs(due) do first = math.min(first or timer.time, timer.time) end
  return first and math.max(0, first - core.monotonic())
end

local function next_ready()
  for timer, entry in pairs(due) do
    if entry.time <= core.monotonic() then due[timer] = entry.wake() end
  end
  return table.remove(ready, 1)
end

local publisher = ...
local client = cpp.client {
  token = os.getenv("AZURE_TOKEN"), base_url = os.getenv("CPP_BASE_URL"), loop = loop,
}

local jobs = {}
for _, offer in ipairs { select(2, ...) } do
  jobs[#jobs + 1] = function()
    local operation, err = client:cancel { publisher = publisher, offer = offer, wait = true }
    print(offer .. ": " .. (operation and operation.state or tostring(err)))
    return operation ~= nil
  end
end

return {
  core = client.core, jobs = jobs, ready = next_ready, timeout = next_timeout,
  run = dispatch.run, close = function() client:close() end,
}
