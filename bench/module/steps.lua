-- The module: how long a step(0) takes at most, with CONCURRENCY requests in flight. A host that draws
-- frames or serves others calls it between two pieces of its own work. Only steps that finished a
-- request count: the others have little to do.

local core = require "cpp.core"
local settings = require "bench.module.settings"

local client = core.client(settings.client)

local function fill(started, done, count)
  while started < count and started - done < settings.concurrency do
    client:start("cancel", settings.request(started), settings.token)
    started = started + 1
  end
  return started
end

-- Requests that are finished now, each of them answered.
local function collect()
  local done = 0
  local request = client:finished()
  while request do
    assert(request:result())
    done = done + 1
    request = client:finished()
  end
  return done
end

local function run(count)
  local times, started, done = {}, 0, 0
  while done < count do
    started = fill(started, done, count)
    local before = core.monotonic()
    client:step(0)
    local took = core.monotonic() - before
    local finished = collect()
    if finished > 0 then times[#times + 1] = took * 1e6 end
    done = done + finished
  end
  return times
end

run(settings.warm_up)
local times = run(settings.count)
table.sort(times)
print(("p50_us=%.3f p99_us=%.3f max_us=%.3f"):format(times[(#times + 1) // 2],
  times[math.ceil(#times * 0.99)], times[#times]))
