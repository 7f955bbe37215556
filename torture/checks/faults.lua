-- Cancels with every ending there is, over and over: what the memory checkers look on at.
--
--     lua5.4 faults.lua [rounds]
--
-- Works on the servers of server.py. One round makes 25 calls of the package and as many of its core.

local cpp = require "cpp"
local core = cpp.core

local PLAIN, TLS, RAW = os.getenv "PLAIN_URL", os.getenv "TLS_URL", os.getenv "RAW_URL"
local REFUSED, CA_FILE = os.getenv "REFUSED_URL", os.getenv "CA_FILE"
local TOKEN = "token-of-the-checks"
local rounds = tonumber(arg[1]) or 4
local EMAILS = { "jondoe@contoso.com", "jane@contoso.com" }

local function call(offer) return { publisher = "p", offer = offer, emails = EMAILS } end

local function client(base_url, options)
  local all = { base_url = base_url, token = TOKEN, retries = 0, ca_file = CA_FILE }
  for name, value in pairs(options or {}) do all[name] = value end
  return cpp.client(all)
end

-- Each ending by its kind and, where it has one, its status.
local function expect(kind, status, result, err)
  if kind == nil then
    assert(result, tostring(err))
    assert(result.status == status, result.status)
    return result
  end
  assert(not result, "expected an error of kind " .. kind)
  assert(err.kind == kind and err.status == status, ("expected %s %s, got %s"):format(kind, status, tostring(err)))
  assert(not tostring(err):find(TOKEN, 1, true))
end

local function misuse(fn, ...)
  local done, message = pcall(fn, ...)
  assert(not done and type(message) == "string", "expected misuse to raise")
end

local function answers(url)
  local c <close> = client(url)
  for _ = 1, 3 do expect(nil, 202, c:cancel(call "vm")) end
  expect("http", 404, c:cancel(call "missing"))
  expect("http", 400, c:cancel(call "bad"))
  expect("http", 500, c:cancel(call "broken"))
  expect("network", nil, c:cancel(call "dropped"))
  local result = expect(nil, 202, c:cancel(call "vm"))
  local operation = assert(c:wait(result))
  assert(operation.state == "canceled" and operation.number == 636576975611768314)
  expect("untrusted", nil, c:operation "https://evil.invalid/api/operations/1")
end

local function broken_answers()
  local c <close> = client(RAW)
  expect("network", nil, c:cancel(call "reset"))
  expect("protocol", nil, c:cancel(call "headers"))
  expect("protocol", 200, c:cancel(call "body"))
  expect("protocol", nil, c:cancel(call "garbage"))
  for _ = 1, 2 do
    expect(nil, 202, c:cancel(call "once"))
    c.loop.sleep(c.core, 0.05) -- the kept connection dies meanwhile
  end
  local result = expect(nil, 202, c:cancel(call "foreign"))
  expect("untrusted", nil, c:operation(result.location))
  local late = call "stall"
  late.timeout = 0.02
  expect("timeout", nil, c:cancel(late))
end

local function no_answers()
  local refused <close> = client(REFUSED)
  expect("network", nil, refused:cancel(call "vm"))
  local large <close> = client(PLAIN, { max_response_bytes = 10 })
  expect("http", 404, large:cancel(call "missing"))
  local distrusting <close> = client(TLS, { ca_file = "/dev/null" })
  local _, err = distrusting:cancel(call "vm")
  assert(err.kind == "tls", tostring(err))
end

local function misuses()
  local c = client(PLAIN)
  misuse(c.cancel, c)
  misuse(c.cancel, c, { publisher = "p" })
  misuse(c.cancel, c, { publisher = "p", offer = ".." })
  misuse(c.cancel, c, { publisher = "p", offer = "vm", emials = "x@y" })
  misuse(c.cancel, c, { publisher = "p", offer = "vm", emails = { "x@y", 5 } })
  misuse(c.cancel, c, { publisher = "p", offer = "vm", emails = { "x@y\r\n" } })
  misuse(c.cancel, c, { publisher = "p", offer = "vm", base_url = "ftp://x" })
  misuse(c.cancel, c, { publisher = "p", offer = "vm", token = "a\r\nb" })
  misuse(cpp.client, { base_url = "http://example.com" })
  misuse(cpp.client, { timeout = 0 / 0 })
  c:close()
  c:close()
  misuse(c.cancel, c, call "vm")
  misuse(core.client, 5)
  misuse(core.decode)
  assert(core.decode "[1, 2" == nil and core.decode '{"a":[1,{"b":null}]}'.a[1] == 1)
end

local function core_client(url) return core.client { base_url = url, ca_file = CA_FILE } end

local function run(c)
  while c:step() > 0 do end
end

-- Requests whose userdata nothing holds, in every order of collection; and aborted ones.
local function lifetimes(url)
  local c = core_client(url)
  for _ = 1, 8 do c:start("cancel", call "vm", TOKEN) end
  collectgarbage()
  run(c)
  local count = 0
  for request in function() return c:finished() end do
    assert(request:result().status == 202)
    count = count + 1
  end
  assert(count == 8)
  local stalled = core_client(RAW)
  local held = {}
  for i = 1, 6 do held[i] = stalled:start("cancel", call "stall", TOKEN) end
  stalled:step(0.01)
  held[1]:abort()
  held[1]:abort()
  assert(select(2, held[1]:result()).kind == "stopped")
  do
    local scoped <close> = held[2]
    assert(not scoped:done())
  end
  held[2], held[3] = nil, nil
  collectgarbage()
  stalled:step(0.01)
  stalled = nil -- luacheck: ignore (a request that is held keeps its client)
  collectgarbage()
  assert(not held[4]:done())
  held[4]:abort()
  -- The client and its requests go at once, whichever comes first.
  held = nil -- luacheck: ignore
  collectgarbage()
  local closed = core_client(RAW)
  local request = closed:start("cancel", call "stall", TOKEN)
  closed:step(0.01)
  closed:close()
  assert(select(2, request:result()).kind == "closed")
  misuse(closed.step, closed)
  local unread = core_client(url)
  unread:start("cancel", call "vm", TOKEN)
  run(unread)
end

-- A coroutine that is closed, and one that is dropped, in the middle of a call.
local function coroutines()
  local loop = { await = function() coroutine.yield() end, sleep = function() coroutine.yield() end }
  local c <close> = client(RAW, { loop = loop })
  local closed = coroutine.create(function() c:cancel(call "stall") end)
  assert(coroutine.resume(closed))
  assert(coroutine.close(closed))
  local dropped = coroutine.create(function() c:cancel(call "stall") end)
  assert(coroutine.resume(dropped))
  c.core:step(0.01)
  dropped = nil -- luacheck: ignore
  collectgarbage()
end

for _ = 1, rounds do
  answers(PLAIN)
  answers(TLS)
  broken_answers()
  no_answers()
  misuses()
  lifetimes(PLAIN)
  lifetimes(TLS)
  coroutines()
end

-- luacheck: globals LEFT
-- What runs when the state is closed: lua5.4 closes it at its end.
LEFT = { core_client(RAW), core_client(TLS), client(RAW) }
for _ = 1, 10 do
  LEFT[1]:start("cancel", call "stall", TOKEN)
  LEFT[2]:start("cancel", call "vm", TOKEN)
end
LEFT[#LEFT + 1] = LEFT[1]:start("cancel", call "stall", TOKEN)
LEFT[1]:step(0.01)
LEFT[2]:step(0.01)
print("done")
