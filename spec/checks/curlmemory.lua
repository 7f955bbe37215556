-- Scenarios for curlmemory.c: `curlmemory.lua scenario` returns what is done while libcurl's memory runs out, and
-- what must work afterwards.

local core = require "cpp.core"

local TOKEN = "token-of-the-checks"
local CALL = { publisher = "p", offer = "vm", emails = { "jondoe@contoso.com" } }
local LOCATION = "/api/publishers/p/offers/vm/operations/1-1?api-version=2017-10-31"

local function await(client, request)
  while not request:done() do client:step() end
  return request:result()
end

-- A function that must return something, or raise that memory ran out.
local function or_no_memory(fn, ...)
  local done, value = pcall(fn, ...)
  if done then return value end
  assert(tostring(value):find("memory", 1, true), tostring(value))
  return nil
end

-- "untrusted": libcurl's URL parser calls a lack of memory a malformed URL, and in doubt nothing is sent.
-- What an answer or a failure may be: whole, or a failure that says what it was. "protocol" because libcurl
-- calls a header line that is too long "out of memory", so these two cannot be told apart.
local function check(result, failure, status)
  if result then
    assert(result.status == status, result.status)
    if status == 202 then
      assert(result.location and result.location:find("/operations/%d+%-%d+%?api%-version=2017%-10%-31$"),
        "the answer's location is lost or cut: " .. tostring(result.location))
    else
      assert(result.body[1].status == "canceled")
    end
    return
  end
  assert(failure.kind == "network" or failure.kind == "protocol" or failure.kind == "tls"
    or failure.kind == "timeout" or failure.kind == "untrusted",
    failure.kind .. ": " .. failure.message)
  assert(#failure.message > 0 and not failure.message:find(TOKEN, 1, true))
  -- An answer that came but could not be kept is no reason to send again.
  assert(failure.status == nil or failure.sent)
  assert(failure.kind ~= "untrusted" or not failure.sent)
end

local function calls(base_url)
  local client
  local started, completed = 0, 0

  local function start(...)
    local request = or_no_memory(client.start, client, ...)
    if request then started = started + 1 end
    return request
  end

  local function one(status, ...)
    local request = start(...)
    if not request then return end
    local result, failure = await(client, request)
    completed = completed + 1
    check(result, failure, status)
    assert(client:finished() == nil, "a request completed twice")
  end

  local function run()
    client = or_no_memory(core.client, { base_url = base_url, ca_file = os.getenv "CA_FILE", timeout = 0.5 })
    if not client then return end
    one(202, "cancel", CALL, TOKEN)
    one(202, "cancel", CALL, TOKEN) -- over a kept connection
    one(200, "location", { location = LOCATION }, TOKEN)
    -- And one that nobody holds.
    if start("cancel", CALL, TOKEN) then
      while client:step() > 0 do end
      local request = assert(client:finished(), "a request was lost")
      completed = completed + 1
      local result, failure = request:result()
      check(result, failure, 202)
    end
    assert(client:finished() == nil and client:step(0) == 0)
    assert(started == completed)
  end

  local function after()
    if not client then return end
    -- An HTTP/2 connection that was hit may still be kept, and fail whoever takes it next: once.
    local result
    for _ = 1, 3 do
      local request = client:start("cancel", CALL, TOKEN)
      local failure
      result, failure = await(client, request)
      check(result, failure, 202)
      if result then break end
    end
    assert(result, "the client is not usable afterwards")
  end

  return run, after
end

local scenarios = {}

function scenarios.plain()
  return calls(os.getenv "PLAIN_URL")
end

function scenarios.tls()
  return calls(os.getenv "TLS_URL")
end

-- What must not be trusted is not, whatever memory there is.
function scenarios.untrusted()
  local base = os.getenv "PLAIN_URL"
  local with_user = base:gsub("//", "//user:secret@")
  local client

  local function refused(location, may_be)
    local request = or_no_memory(client.start, client, "location", { location = location }, TOKEN)
    if not request then return end
    local result, failure = await(client, request)
    assert(not result, "trusted: " .. location)
    assert(may_be[failure.kind], failure.kind)
    assert(not failure.sent, "sent: " .. location)
  end

  local function run()
    for _, url in ipairs { with_user, with_user:gsub(":secret", ""), base .. "?a=b", base .. "#a",
                           "http://example.com", "ftp://127.0.0.1" } do
      assert(not pcall(core.client, { base_url = url }), "accepted: " .. url)
    end
    client = or_no_memory(core.client, { base_url = base, timeout = 0.5 })
    if not client then return end
    local may_be = { untrusted = true, network = true }
    refused(with_user .. LOCATION, may_be)
    refused("http://127.0.0.1:1" .. LOCATION, may_be)
    refused("https://example.com/", may_be)
    -- And what is the service's own is never called a stranger's.
    local request = or_no_memory(client.start, client, "location", { location = base .. LOCATION }, TOKEN)
    if request then
      local result, failure = await(client, request)
      check(result, failure, 200)
    end
  end

  local function after()
    if client then check(assert(await(client, client:start("cancel", CALL, TOKEN))), nil, 202) end
  end

  return run, after
end

return scenarios[...]()
