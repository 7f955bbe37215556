-- Fuzz target: tables of options, as they come from a program that got them from outside.
--
-- Input: a byte that says what is called, then the entries: a byte for the name, one for the kind of value and its
-- length, the bytes. Promises: what is misuse raises a message that shows no value of a secret; what is none makes a
-- request whose bytes are what the options say and nothing more, at the address that base_url names.

local core = require "cpp.core"
local peer = require "peer"

local NAMES = {
  "publisher", "offer", "emails", "operation_id", "status", "location", "wait", "interval", "max_interval",
  "on_progress", "should_stop", "concurrency", "on_result", "token", "tenant", "client_id", "client_secret", "base_url",
  "authority_url", "api_version", "timeout", "connect_timeout", "retries", "ca_file", "proxy", "max_response_bytes",
  "max_connections", "user_agent", "client_request_id", "loop", "log",
}
local SCOPES = { "client", "call", "wait", "batch" }
local TOKEN = "t0ken-that-nobody-may-see"
local BASE, ADDRESS = "http://127.0.0.1:8080", "127.0.0.1 8080"

-- Header lines of a request, and what stands in them.
local HEADERS = {
  ["Host"] = "^127%.0%.0%.1:8080$",
  ["User-Agent"] = "^[\x20-\x7e]+$",
  ["Accept"] = "^application/json$",
  ["Accept-Encoding"] = "^identity$",
  ["x-ms-client-request-id"] = "^[\x20-\x7e]+$",
  ["Authorization"] = "^Bearer " .. TOKEN:gsub("%p", "%%%0") .. "$",
  ["Content-Type"] = "^application/json$",
  ["Content-Length"] = "^%d+$",
}
local FORM_TYPE = "^application/x%-www%-form%-urlencoded$"

local function number(text) return #text >= 8 and string.unpack("<d", text) or tonumber(text) or #text end

-- Lists of strings, with holes and other entries at times.
local function list(text)
  local values = {}
  for part in text:gmatch "[^\n]*" do
    values[#values + (part == "hole" and 2 or 1)] = part == "number" and 1 or part
  end
  return values
end

local KINDS = {
  function(text) return text end,
  function(text) return text end,
  function(text) return text end,
  number,
  list,
  function(text) return #text % 2 == 0 end,
  function() return function() end end,
  function(text) return { [text] = text } end,
}

local function read_options(input, place)
  local options, secrets = {}, {}
  local function take(length)
    place = place + length
    return input:sub(place - length, place - 1)
  end
  while place < #input do
    local name, kind = take(2):byte(1, 2)
    local value = KINDS[(kind & 7) + 1](take(kind >> 3))
    local key = NAMES[name + 1] or take(name & 15)
    options[key] = value
    -- One that could not stand in a message by chance: no message holds a `$`.
    if (key == "token" or key == "client_secret") and type(value) == "string" and value:find("$", 1, true) then
      secrets[#secrets + 1] = value
    end
  end
  return options, secrets
end

-- Calls the function; misuse is an outcome, anything else it raises is not.
local function try(secrets, fn, ...)
  local done, result = pcall(fn, ...)
  if done then return result end
  assert(type(result) == "string" and result:find("cpp: ", 1, true), result)
  local said = result:gsub("unknown option '.*' %(", "") -- which may be any text, that of a secret too
  for _, secret in ipairs(secrets) do
    assert(not said:find(secret, 1, true), "a secret is seen in a message")
  end
  return nil
end

-- The path of a request target, each segment decoded.
local function segments(path)
  local found = {}
  for segment in path:gmatch "/([^/]*)" do
    found[#found + 1] = segment:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return found
end

-- The request on the wire is one, with the lines that belong to it and no others.
local function check_request(sent, endpoint, options)
  local head, body = sent:match("^(.-\r\n)\r\n(.*)$")
  assert(head, "no whole request was sent")
  local method, target = head:match("^(%u+) (/[\x21-\x7e]*) HTTP/1%.1\r\n")
  assert(method == (endpoint:find "^o" and "GET" or "POST"), "another request line")
  local seen = {}
  for name, value in head:gsub("^[^\n]*\n", ""):gmatch "([^:\r\n]*): ?([^\r\n]*)\r\n" do
    local pattern = HEADERS[name]
    if name == "Content-Type" and endpoint == "token" then pattern = FORM_TYPE end
    assert(pattern and value:find(pattern), "a header line that is not ours: " .. name)
    assert(not seen[name], "a header line twice: " .. name)
    seen[name] = value
  end
  local _, lines = head:gsub("\n", "")
  local known = 0
  for _ in pairs(seen) do known = known + 1 end
  assert(lines == known + 1, "a line that is no header")
  assert(tonumber(seen["Content-Length"] or 0) == #body, "a body of another length")
  assert((seen.Authorization ~= nil) == (endpoint ~= "token"))
  local path = segments(target:match "^[^?]*")
  if endpoint == "token" then
    assert(path[1] == options.tenant and path[2] == "oauth2" and #path == 3, "another path")
  else
    assert(path[3] == options.publisher and path[5] == options.offer and path[1] == "api", "another path")
  end
end

-- A request with these options, over the address in base_url, is what they say.
local function call(client, endpoint, options, secrets)
  if options.timeout then options.timeout = 300 end
  if options.base_url or options.authority_url then return try(secrets, client.check, client, endpoint, options) end
  local request = try(secrets, client.start, client, endpoint, options, endpoint ~= "token" and TOKEN or nil)
  if not request then return end
  client:step(0)
  client:step(0)
  local sent = peer.read()
  if sent ~= "" then
    check_request(sent, endpoint, options)
  else
    local result, failure = request:result() -- a ca_file that does not exist
    assert(result == nil and failure.kind ~= "http")
  end
  for _, address in ipairs(peer.addresses()) do assert(address == ADDRESS, "a connection to another address") end
end

local ENDPOINTS = { "cancel", "operation", "operations", "offer_status", "token" }

return function(input)
  local what = input:byte(1)
  if not what then return end
  local options, secrets = read_options(input, 2)
  if what < 128 then
    try(secrets, core.check, SCOPES[what % 4 + 1], options)
    if what < 64 then
      local client = try(secrets, core.client, options)
      if client then client:close() end
    end
  else
    local client <close> = core.client { base_url = BASE, authority_url = BASE }
    call(client, ENDPOINTS[what % 5 + 1], options, secrets)
    client:close()
  end
  peer.reset()
end
