-- The module: how long a step(0) takes at most, with CONCURRENCY requests in flight. A host that draws
-- frames or serves others calls it between two pieces of its own work. Only steps that finished a
-- request count: the others have little to do. Their time is taken on the clock of the processor, too: a
-- step(0) never sleeps, so the rest of the time on the wall is that of other processes.

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

-- Requests that are finished now, each with a response.
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

-- Returns the microseconds of the steps on either clock.
local function run(count)
  local wall, cpu, started, done = {}, {}, 0, 0
  while done < count do
    started = fill(started, done, count)
    local wall_before, cpu_before = settings.wall(), os.clock()
    client:step(0)
    local wall_after, cpu_after = settings.wall(), os.clock()
    local finished = collect()
    if finished > 0 then
      wall[#wall + 1] = (wall_after - wall_before) * 1e6
      cpu[#cpu + 1] = (cpu_after - cpu_before) * 1e6
    end
    done = done + finished
  end
  return wall, cpu
end

-- The value that a share of all does not exceed.
local function percentile(times, share)
  table.sort(times)
  return times[math.ceil(#times * share)]
end

run(settings.warm_up)
local wall, cpu = run(settings.count)
print(("p50_us=%.3f p99_us=%.3f max_us=%.3f p99_cpu_us=%.3f max_cpu_us=%.3f"):format(
  percentile(wall, 0.5), percentile(wall, 0.99), percentile(wall, 1), percentile(cpu, 0.99), percentile(cpu, 1)))
