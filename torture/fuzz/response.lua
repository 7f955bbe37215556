-- Fuzz target: a whole answer, headers and body, through libcurl and the core.
--
-- Input: a byte of flags, a byte that says where the rest is cut, the rest. The rest is a response that arrives in two
-- pieces, or two responses over a kept connection. Promises: a request ends exactly once, in bounded steps once the
-- server is silent for good; what it gives is well-formed and honest; the token is sent once and seen nowhere; a
-- location is followed to the origin of base_url and nowhere else; and where a response is cut makes no difference.

local core = require "cpp.core"
local peer = require "peer"

local TOKEN = "t0ken-that-nobody-may-see"
local ORIGIN, ADDRESS = "http://127.0.0.1:8080", "127.0.0.1 8080"
local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local CALLS = {
  { "cancel", OFFER },
  { "operations", OFFER },
  { "location", { location = "/api/operations/contoso$contoso-vm$2$preview" } },
  { "token", { tenant = "tenant", client_id = "id", client_secret = "hush-hush" } },
}
local FAILURES = { http = true, network = true, protocol = true }
local LIMIT = 2000 -- bytes of a body
local PATIENCE = 100 -- steps that do not wait

-- Flags of an input.
local CALL, KEPT, SECOND, POLL, WHOLE = 0x03, 0x04, 0x08, 0x10, 0x20

local function assert_discreet(value)
  if type(value) == "table" then
    for name, inner in pairs(value) do
      assert_discreet(name)
      assert_discreet(inner)
    end
  elseif type(value) == "string" then
    assert(not value:find(TOKEN, 1, true) and not value:find("hush-hush", 1, true), "a secret is seen")
  end
end

local function steps(client, request)
  for _ = 1, PATIENCE do
    if request:done() then return true end
    client:step(0)
  end
  return request:done()
end

-- What a success promises. `answer`: the bytes that the server sent.
local function check_success(result, name, answer)
  assert(math.type(result.status) == "integer" and result.status >= 200 and result.status < 300)
  assert(answer:find("HTTP/[%d.]+%s+" .. result.status), "a status that the server did not send")
  -- libcurl 7.88 takes a line of NULs for an empty one where it is cut between CR and LF.
  assert(answer:gsub("\0", ""):find "\n\r?\n", "an answer without the end of its headers")
  assert(result.location == nil or result.location:find("^[%w+.-]+:"), "a location that is not absolute")
  assert(result.operation_id == nil or result.location, "an operation id without location")
  if name == "operations" or name == "location" then
    assert(type(result.body) == "table" or result.status ~= 200, "a GET without a body of JSON")
  end
end

local function check_failure(failure, answer)
  assert(FAILURES[failure.kind], failure.kind)
  assert(failure.kind == "http" or type(failure.message) == "string" and not failure.message:find("%c"))
  assert(failure.kind ~= "http" or failure.status >= 400)
  assert(failure.status == nil or failure.status >= 200 and answer:find("HTTP/[%d.]+%s+" .. failure.status))
  assert(not failure.body or #failure.body <= LIMIT)
end

-- Takes the result, which must be there once, and checks it.
local function settle(client, request, name, answer)
  assert(client:finished() == request and client:finished() == nil, "not finished exactly once")
  local result, failure = request:result()
  assert((result == nil) ~= (failure == nil))
  if result then check_success(result, name, answer) else check_failure(failure, answer) end
  -- What the service says back is taken out above the core.
  if not answer:find(TOKEN, 1, true) and not answer:find("hush-hush", 1, true) then assert_discreet(result or failure) end
  local outcome = result or failure
  assert(outcome.retry_after == nil or outcome.retry_after >= 0)
  assert(type(outcome.client_request_id) == "string")
  return result, failure
end

-- Sends one request and the pieces of its response.
local function exchange(client, call, pieces, last)
  local name, options = call[1], call[2]
  local request = client:start(name, options, name ~= "token" and TOKEN or nil)
  client:step(0)
  for _, piece in ipairs(pieces) do
    if not request:done() then peer.write(piece) end
    client:step(0)
  end
  local done = steps(client, request)
  if not done and last then
    peer.finish()
    done = steps(client, request)
    assert(done, "the server has ended its answer, and the request does not end")
  end
  if not done then -- the server keeps the connection, and owes the rest
    request:abort()
    assert(request:done())
    local result, failure = request:result()
    assert(result == nil and failure.kind == "stopped")
    return nil
  end
  return settle(client, request, name, table.concat(pieces))
end

-- The same response, in one piece, to another client comes to the same. (With a NUL in its headers, libcurl 7.88 refuses
-- it or not by where it is cut.)
local function check_whole(call, answer, result)
  peer.reset()
  local client <close> = core.client { base_url = ORIGIN, authority_url = ORIGIN, max_response_bytes = LIMIT }
  local again = exchange(client, call, { answer }, true)
  assert((result == nil) == (again == nil), "answered in one piece, failed in two")
  if not result then return end -- what is wrong with a response may be seen sooner or later
  for _, name in ipairs { "status", "location", "operation_id", "request_id" } do
    assert(result[name] == again[name], "another " .. name .. " in one piece")
  end
  client:close()
end

-- A location that a response named: polled, it connects to the origin of base_url only.
local function poll(client, location)
  local request = client:start("location", { location = location }, TOKEN)
  client:step(0)
  peer.write "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"status\":\"running\"}"
  peer.finish()
  assert(steps(client, request), "polling does not end")
  local result, failure = request:result()
  if result then
    assert(location:sub(1, #ORIGIN + 1) == ORIGIN .. "/", "a location of another origin was polled")
    assert(request:result().body.status == "running")
  else
    assert(failure.kind == "untrusted" or failure.kind == "network" or failure.kind == "protocol", failure.kind)
  end
end

local function count(text, part)
  local _, times = text:gsub(part:gsub("%p", "%%%0"), "")
  return times
end

return function(input)
  if #input < 2 then return end
  local flags, cut = input:byte(1, 2)
  local rest = input:sub(3)
  local place = #rest * cut // 255
  local head, tail = rest:sub(1, place), rest:sub(place + 1)
  local call = CALLS[(flags & CALL) + 1]
  local client <close> = core.client { base_url = ORIGIN, authority_url = ORIGIN, max_response_bytes = LIMIT }
  local last = flags & KEPT == 0
  local result
  if flags & SECOND ~= 0 then
    result = exchange(client, call, { head }, false)
    exchange(client, call, { tail }, last)
  else
    result = exchange(client, call, { head, tail }, last)
  end
  local sent = peer.read()
  assert(count(sent, TOKEN) <= (flags & SECOND ~= 0 and 2 or 1), "the token went out too often")
  assert(count(sent, " HTTP/1.1\r\n") <= (flags & SECOND ~= 0 and 2 or 1), "a request was sent again")
  if flags & POLL ~= 0 and result and result.location then poll(client, result.location) end
  for _, address in ipairs(peer.addresses()) do
    assert(address == ADDRESS, "a connection to another address")
  end
  client:close()
  if flags & (WHOLE | SECOND | KEPT) == WHOLE and not rest:find("\0", 1, true) then
    check_whole(call, rest, result)
  end
  peer.reset()
end
