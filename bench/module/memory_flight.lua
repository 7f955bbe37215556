-- The module: resident memory of a request in flight. COUNT requests are sent to a server that never
-- responds; WARM_UP and CONCURRENCY are not used.

local core = require "cpp.core"
local settings = require "bench.module.settings"

local client = core.client(settings.client)

-- The client keeps what runs.
local function start(index)
  client:start("cancel", settings.request(index), settings.token)
end

local function run(seconds)
  local deadline = settings.wall() + seconds
  while settings.wall() < deadline do client:step(0.1) end
end

start(1) -- what the first one loads belongs to none
run(0.5)
local before = settings.resident()
for i = 2, settings.count + 1 do start(i) end
run(2)
settings.report_bytes(before, settings.count)
