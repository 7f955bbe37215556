#!/usr/bin/env lua5.4
-- Many offers at once inside a luv (libuv) program.
--
--   AZURE_TOKEN=... examples/luv.lua PUBLISHER OFFER...

local cpp = require "cpp"
local uv = require "luv"

local client = cpp.client {
  token = os.getenv("AZURE_TOKEN"), base_url = os.getenv("CPP_BASE_URL"), loop = cpp.loop.luv,
}

local list = {}
for place = 2, #arg do list[#list + 1] = { publisher = arg[1], offer = arg[place] } end

local timer = uv.new_timer() -- whatever else the program does
timer:start(100, 100, function() end)

local failed = 0
coroutine.wrap(function()
  local _
  _, failed = client:cancel_all(list, {
    wait = true,
    on_result = function(index, entry)
      print(list[index].offer .. ": " .. (entry.result and entry.result.state or tostring(entry.err)))
    end,
  })
  client:close()
  timer:close()
end)()

uv.run()
os.exit(failed == 0 and 0 or 1, true)
