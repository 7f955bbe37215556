-- The module, one failed call after another, through the public face: each response is a 403 with a JSON body.

local cpp = require "cpp"
local settings = require "bench.module.settings"

local client = cpp.client(settings.client)

local function run(count)
  for i = 0, count - 1 do
    local result, err = client:cancel(settings.request(i))
    assert(not result and err.status == 403 and err.code == "Forbidden" and #err.message > 0, err)
  end
end

run(settings.warm_up)
local start = settings.now()
run(settings.count)
settings.report(start, settings.count)
