-- Fuzz target: the body of an error, through the whole package to the err that a program gets.
--
-- Input: a byte that chooses the status, a byte that chooses the call, the body; in it, "{T}" and "{E}" stand for the
-- token and an address, which a service may well say back. Promises: nil and an err with a known kind, whose every
-- text is free of the token and the address; tostring is one line; nothing is sent twice; what is ambiguous or
-- retryable follows from status and call alone.

local cpp = require "cpp"
local peer = require "peer"

local TOKEN, EMAIL = "t0ken-that-nobody-may-see", "jane.doe@contoso.example"
local ORIGIN = "http://127.0.0.1:8080"
local STATUSES = { 400, 401, 403, 404, 408, 409, 412, 429, 500, 502, 503, 504, 599, 300, 200, 202 }
local UNCLEAR = { [408] = true, [500] = true, [502] = true, [503] = true, [504] = true, [599] = true }
local MAY_RUN_NOTHING = { [400] = true, [404] = true, [409] = true }
local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local CANCEL = { publisher = "contoso", offer = "contoso-vm", emails = { EMAIL } }
local CALLS = {
  function(client) return client:cancel(CANCEL) end,
  function(client) return client:operation "/api/operations/contoso$contoso-vm$2$preview" end,
  function(client) return client:operations(OFFER) end,
  function(client) return client:offer_status(OFFER) end,
}
local BODY_LIMIT, LINE_LIMIT = 2048, 2048

-- A loop whose server responds at once.
local loop = { sleep = function() error "a pause, where nothing is to be sent again" end }
local answer
function loop.await(core_client, request)
  core_client:step(0)
  peer.write(answer)
  peer.finish()
  for _ = 1, 100 do
    if request:done() then return end
    core_client:step(0)
  end
  error "the request does not end"
end

local function assert_discreet(value)
  if type(value) == "table" then
    for name, inner in pairs(value) do
      assert_discreet(name)
      assert_discreet(inner)
    end
  elseif type(value) == "string" then
    assert(not value:find(TOKEN, 1, true), "the token is seen")
    assert(not value:find(EMAIL, 1, true), "the address is seen")
    assert(utf8.len(value) and not value:find "%c" and not value:find "\xc2[\x80-\x9f]", "a text that is not printable")
  end
end

local function check(err, status, post)
  assert(type(err) == "table" and type(err.message) == "string")
  assert_discreet(err)
  local line = tostring(err)
  assert_discreet(line)
  assert(not line:find "[\r\n%c]" and #line <= LINE_LIMIT, "not one line")
  assert(err.code == nil or type(err.code) == "string" and #err.code <= 100)
  assert(err.body == nil or #err.body <= BODY_LIMIT)
  assert(err.attempts == nil or err.attempts == 1)
  if status >= 400 then
    assert(err.kind == "http" and err.status == status)
    assert(err.ambiguous == (post and UNCLEAR[status] or false))
    assert(err.retryable == (status == 429 or not post and (status == 408 or status >= 500)))
  else
    assert(err.kind == "protocol" and err.status == status, err.kind)
    assert(err.ambiguous == (post and status < 300))
  end
end

return function(input)
  if #input < 2 then return end
  local choice, which = input:byte(1, 2)
  local status = STATUSES[choice % #STATUSES + 1]
  local body = input:sub(3):gsub("{T}", TOKEN):gsub("{E}", EMAIL)
  answer = ("HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
    :format(status, #body, body)
  local client <close> = cpp.client { base_url = ORIGIN, token = TOKEN, retries = 0, loop = loop }
  local post = which % #CALLS == 0
  local result, err = CALLS[which % #CALLS + 1](client)
  if result == nil then check(err, status, post) else assert(status < 300) end
  local looks = post and MAY_RUN_NOTHING[status] and 1 or 0 -- at the operations, after a refusal
  assert(#peer.addresses() <= 1 + looks, "sent again")
  client:close()
  peer.reset()
end
