-- The module, many calls at once, through the public face: cancel_all.

local cpp = require "cpp"
local settings = require "bench.module.settings"

local client = cpp.client(settings.client)

local function run(count)
  local list = {}
  for i = 1, count do list[i] = settings.request(i) end
  local start = settings.now() -- the list is the caller's; what is measured is the work on it
  local entries, failed = client:cancel_all(list, { concurrency = settings.concurrency })
  assert(failed == 0 and entries[count].result.location, entries[1].err)
  return start
end

run(settings.warm_up)
settings.report(run(settings.count), settings.count)
