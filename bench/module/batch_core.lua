-- The module, many calls at once, straight on the C core: start, step, finished. What the scheduler
-- of cancel_all adds is the difference to batch_all.lua.

local core = require "cpp.core"
local settings = require "bench.module.settings"

local client = core.client(settings.client)

-- Takes what is finished; returns how many requests that were.
local function collect()
  local done = 0
  local request = client:finished()
  while request do
    local result, failure = request:result()
    assert(result and result.status == 202 and result.location, failure and failure.message)
    done = done + 1
    request = client:finished()
  end
  return done
end

-- Returns when the clock started: after the warm-up, while all places are taken.
local function run(count)
  local started, done = 0, 0
  local start
  while done < count do
    if not start and done >= settings.warm_up then start = settings.now() end
    while started < count and started - done < settings.concurrency do
      client:start("cancel", settings.request(started), settings.token)
      started = started + 1
    end
    client:step(1)
    done = done + collect()
  end
  return start
end

settings.report(run(settings.warm_up + settings.count), settings.count)
