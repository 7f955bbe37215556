#!/usr/bin/env lua5.4
-- Many offers at once inside a cqueues program.
--
--   AZURE_TOKEN=... examples/cqueues.lua PUBLISHER OFFER...

local cpp = require "cpp"
local cqueues = require "cqueues"

local controller = cqueues.new()
local client = cpp.client {
  token = os.getenv("AZURE_TOKEN"), base_url = os.getenv("CPP_BASE_URL"), loop = cpp.loop.cqueues,
}

local list = {}
for place = 2, #arg do list[#list + 1] = { publisher = arg[1], offer = arg[place] } end

local failed, going = 0, true
controller:wrap(function()
  local _
  _, failed = client:cancel_all(list, {
    wait = true,
    on_result = function(index, entry)
      print(list[index].offer .. ": " .. (entry.result and entry.result.state or tostring(entry.err)))
    end,
  })
  client:close()
  going = false
end)

controller:wrap(function() -- whatever else the program does
  while going do cqueues.sleep(0.1) end
end)

assert(controller:loop())
os.exit(failed == 0 and 0 or 1, true)
