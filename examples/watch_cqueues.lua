#!/usr/bin/env lua5.4
-- Watches some offers in a cqueues program: prints each change of their running operations, until none is running or a
-- signal comes (SIGTERM, Ctrl-C). The other work of the program continues meanwhile.
--
--   AZURE_TOKEN=... examples/watch_cqueues.lua PUBLISHER OFFER...
--
-- Exit status: 0 all operations ended well; 1 otherwise.

local cpp = require "cpp"
local cqueues = require "cqueues"
local signal = require "cqueues.signal"

local publisher, offers = arg[1], { table.unpack(arg, 2) }
if #offers == 0 then
  io.stderr:write("usage: watch_cqueues.lua PUBLISHER OFFER...\n")
  os.exit(2)
end

local client = cpp.client {
  token = os.getenv("AZURE_TOKEN"), base_url = os.getenv("CPP_BASE_URL"), loop = cpp.loop.cqueues,
}
local controller = cqueues.new()
local going, stopping, failed, ticks = true, false, 0, 0

local function watch(offer, item_client)
  local shown
  return item_client:wait({ publisher = publisher, offer = offer }, {
    timeout = 24 * 3600, interval = 1, max_interval = 10,
    on_progress = function(operation)
      local line = ("%s: %s, %d %%"):format(offer, operation.state, operation.progress or 0)
      if line ~= shown then print(line) end
      shown = line
    end,
  })
end

controller:wrap(function()
  local _
  _, failed = client:map(offers, watch, {
    should_stop = function() return stopping end,
    on_result = function(index, entry)
      if entry.err then print(offers[index] .. ": " .. tostring(entry.err)) end
    end,
  })
  client:close()
  going = false
end)

signal.block(signal.SIGTERM, signal.SIGINT) -- so that they are not delivered, but listened for
controller:wrap(function()
  signal.listen(signal.SIGTERM, signal.SIGINT):wait()
  stopping = true
end)

controller:wrap(function() -- the other work
  while going do
    ticks = ticks + 1
    cqueues.sleep(0.02)
  end
end)

io.stdout:setvbuf("line")
while going do assert(controller:step()) end
print(("%d ticks of other work meanwhile"):format(ticks))
os.exit(failed == 0 and 0 or 1, true)
