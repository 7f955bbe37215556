-- The module, many calls at once, straight on the C core: start, step, finished. What the scheduler
-- of cancel_all adds is the difference to batch_all.lua.

local core = require "cpp.core"
local settings = require "bench.module.settings"

local client = core.client(settings.client)

local function run(count)
  local started, done = 0, 0
  while done < count do
    while started < count and started - done < settings.concurrency do
      client:start("cancel", settings.request(started), settings.token)
      started = started + 1
    end
    client:step()
    local request = client:finished()
    while request do
      local result, failure = request:result()
      assert(result and result.status == 202 and result.location, failure and failure.message)
      done = done + 1
      request = client:finished()
    end
  end
end

run(settings.warm_up)
local start = settings.now()
run(settings.count)
settings.report(start, settings.count)
