#!/usr/bin/env lua5.4
-- Watches some offers in a luv (libuv) program: prints each change of their running operations, until none is running
-- or a signal comes (SIGTERM, Ctrl-C). The other work of the program continues meanwhile.
--
--   AZURE_TOKEN=... examples/watch_luv.lua PUBLISHER OFFER...
--
-- Exit status: 0 all operations ended well; 1 otherwise.

local cpp = require "cpp"
local uv = require "luv"

local publisher, offers = arg[1], { table.unpack(arg, 2) }
if #offers == 0 then
  io.stderr:write("usage: watch_luv.lua PUBLISHER OFFER...\n")
  os.exit(2)
end

local client = cpp.client {
  token = os.getenv("AZURE_TOKEN"), base_url = os.getenv("CPP_BASE_URL"), loop = cpp.loop.luv,
}
local stopping, failed, ticks = false, 0, 0

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

local handles = {} -- the program's own

for _, name in ipairs { "sigterm", "sigint" } do
  local handle = uv.new_signal()
  handle:start(name, function() stopping = true end)
  handles[#handles + 1] = handle
end

local timer = uv.new_timer() -- the other work
timer:start(0, 20, function() ticks = ticks + 1 end)
handles[#handles + 1] = timer

coroutine.wrap(function()
  local _
  _, failed = client:map(offers, watch, {
    should_stop = function() return stopping end,
    on_result = function(index, entry)
      if entry.err then print(offers[index] .. ": " .. tostring(entry.err)) end
    end,
  })
  client:close()
  for _, handle in ipairs(handles) do handle:close() end -- uv.run returns when none is left
end)()

io.stdout:setvbuf("line")
uv.run()
print(("%d ticks of other work meanwhile"):format(ticks))
os.exit(failed == 0 and 0 or 1, true)
