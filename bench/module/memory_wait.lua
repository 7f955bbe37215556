-- The module: resident memory of an operation that is waited for. COUNT operations are followed in one
-- process; all have been looked at once and sleep when the memory is read.

local cpp = require "cpp"
local settings = require "bench.module.settings"

local client = cpp.client(settings.client)
local before, heap_before
local looked_at, over = 0, false

-- The items, before anything is measured: they are the caller's.
local function targets(count)
  local list = {}
  for i = 1, count do
    list[i] = { publisher = "contoso", offer = "contoso-vm-" .. i, operation_id = "operation-" .. i }
  end
  return list
end

local function follow(count)
  local list = targets(count)
  looked_at, over = 0, false
  before, heap_before = settings.resident()
  local options = {
    interval = 500,
    max_interval = 500,
    on_progress = function() looked_at = looked_at + 1 end,
  }
  client:map(list, function(target, item_client) return item_client:wait(target, options) end, {
    concurrency = settings.concurrency,
    should_stop = function()
      if looked_at == count and not over then
        over = true
        if count == settings.count then settings.report_bytes(before, count, heap_before) end
      end
      return over
    end,
  })
end

follow(settings.warm_up)
follow(settings.count)
