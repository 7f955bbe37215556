-- The module, one call after another, through the public face.

local cpp = require "cpp"
local settings = require "bench.module.settings"

local client = cpp.client(settings.client)

local function run(count)
  for i = 0, count - 1 do
    local result, err = client:cancel(settings.request(i))
    assert(result and result.status == 202 and result.location, err)
  end
end

run(settings.warm_up)
local start = settings.now()
run(settings.count)
settings.report(start, settings.count)
