-- What each thread does (host.c): so many requests over TLS, and a tenth of that over plain HTTP, 8 at a time.
-- Every fourth looks at an operation, whose answer is JSON; the others cancel.

local core = require "cpp.core"

local TOKEN, requests = "token-of-the-checks", ...
local CALL = { publisher = "p", offer = "vm", emails = { "jondoe@contoso.com" } }
local OPERATION = { publisher = "p", offer = "vm", operation_id = "1" }

local function check(request)
  local result, failure = request:result()
  assert(result, failure and failure.message)
  if result.status == 202 then
    assert(result.location)
  else
    assert(result.status == 200 and result.body[1].number == 636576975611768314)
  end
end

local function send(client, count)
  local started, answered = 0, 0
  while answered < count do
    while started < count and started - answered < 8 do
      started = started + 1
      if started % 4 == 0 then
        client:start("operation", OPERATION, TOKEN)
      else
        client:start("cancel", CALL, TOKEN)
      end
    end
    client:step()
    for request in client.finished, client do
      check(request)
      answered = answered + 1
    end
  end
end

do
  local client <close> = core.client { base_url = os.getenv "TLS_URL", ca_file = os.getenv "CA_FILE" }
  send(client, requests)
end
local client <close> = core.client { base_url = os.getenv "PLAIN_URL" }
send(client, requests // 10)
