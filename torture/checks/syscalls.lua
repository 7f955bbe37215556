-- Cancels over one kept connection, between two marks in the trace: `syscalls.lua count`.

local core = require "cpp.core"

local TOKEN = "token-of-the-checks"
local CALL = { publisher = "p", offer = "vm", emails = { "jondoe@contoso.com" } }
local client = core.client { base_url = os.getenv "BASE_URL", ca_file = os.getenv "CA_FILE" }

local function cancel()
  local request = client:start("cancel", CALL, TOKEN)
  while not request:done() do client:step() end
  assert(request:result().status == 202)
  client:finished()
end

-- What cannot be opened says in the trace where we are.
local function mark(name) assert(not io.open("/nowhere/" .. name)) end

for _ = 1, 10 do cancel() end
mark "begin"
for _ = 1, tonumber(arg[1]) do cancel() end
mark "end"
client:close()
