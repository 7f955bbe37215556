-- The module, many calls at once, through the public face: cancel_all.

local cpp = require "cpp"
local settings = require "bench.module.settings"

local client = cpp.client(settings.client)

local total = settings.warm_up + settings.count
local list = {} -- the caller's own: made before the clock starts
for i = 1, total do list[i] = settings.request(i) end

-- The clock starts after the warm-up, while all places are taken.
local start = settings.now()
local done = 0
local entries, failed = client:cancel_all(list, {
  concurrency = settings.concurrency,
  on_result = function()
    done = done + 1
    if done == settings.warm_up then start = settings.now() end
  end,
})
assert(failed == 0 and entries[total].result.location, tostring(entries[1].err))
settings.report(start, settings.count)
