-- What each thread of threads.c does: `threads.lua cancels`, 8 at a time, half of the clients over TLS.

local core = require "cpp.core"

local TOKEN, cancels = "token-of-the-checks", ...
local CALL = { publisher = "p", offer = "vm", emails = { "jondoe@contoso.com" } }
local clients = {
  core.client { base_url = os.getenv "PLAIN_URL" },
  core.client { base_url = os.getenv "TLS_URL", ca_file = os.getenv "CA_FILE" },
}

local function cancel_all(client, count)
  local started, answered = 0, 0
  while answered < count do
    while started < count and started - answered < 8 do
      client:start("cancel", CALL, TOKEN)
      started = started + 1
    end
    client:step()
    for request in client.finished, client do
      local result, failure = request:result()
      assert(result, failure and failure.message)
      assert(result.status == 202 and result.location)
      answered = answered + 1
    end
  end
end

cancel_all(clients[1], cancels - cancels // 10)
cancel_all(clients[2], cancels // 10) -- fewer: encryption is slow, and none of ours
