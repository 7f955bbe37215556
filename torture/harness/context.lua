-- What the scenarios of the harness share: the servers, a client, and the check of each outcome.

local context = {}

context.TOKEN = "token-of-the-checks"
-- Refused by the servers.
context.STALE_TOKEN = "stale-token-" .. ("0123456789"):rep(30)
-- Percent-encoding changes most of its parts.
context.SECRET = "first-part/of the=client+secret%&\u{fc}" .. "~:?#[]@!$'()*+,;=/second-part"
-- Of a managed identity, and of the option headers.
context.IDENTITY_HEADER = "identity-header-0123456789"
local EMAILS = { "jondoe@contoso.com", "jane@contoso.com" }

-- Several KiB of them.
context.MANY_EMAILS = {}
for i = 1, 100 do context.MANY_EMAILS[i] = ("many-roe-%04d-"):format(i):rep(4) .. "x@many.example" end

-- What must not stay in memory that was freed: a list of { name, text }. The texts are pieces of the secrets, as they are
-- and percent-encoded, so that a part of a copy is found: what is left of one and twice as long holds a whole piece.
context.SECRETS = {}
local PIECE = 12 -- bytes

local function escape(text, format)
  return (text:gsub("[^%w%-._~]", function(byte) return format:format(byte:byte()) end))
end

for _, secret in ipairs {
  { "token", context.TOKEN }, { "token", context.STALE_TOKEN:sub(1, 60) }, { "token of the token service", "granted-token-" },
  { "client secret", context.SECRET }, { "header", context.IDENTITY_HEADER }, { "address", EMAILS[1] }, { "address", EMAILS[2] },
  { "address", "many-roe-" }, { "address", "x@many.example" },
} do
  local name, text, seen = secret[1], secret[2], {}
  for _, spelled in ipairs { text, escape(text, "%%%02X"), escape(text, "%%%02x") } do
    for from = 1, math.max(1, #spelled - PIECE + 1), PIECE do
      local piece = spelled:sub(from, from + PIECE - 1)
      if not seen[piece] then table.insert(context.SECRETS, { name, piece }) end
      seen[piece] = true
    end
  end
end

context.CA_FILE = os.getenv "CA_FILE"
context.URLS = {
  plain = os.getenv "PLAIN_URL", tls = os.getenv "TLS_URL", raw = os.getenv "RAW_URL",
  refused = os.getenv "REFUSED_URL", lookup = os.getenv "LOOKUP_URL",
  -- Servers that must not be trusted; they respond all the same, and note each byte of a request.
  wrong_host = os.getenv "WRONG_HOST_URL", unknown_authority = os.getenv "UNKNOWN_AUTHORITY_URL",
  expired = os.getenv "EXPIRED_URL",
}

-- What a failure of memory or of a call may be reported as. "untrusted" because libcurl's URL parser calls a lack
-- of memory a malformed URL, and in doubt nothing is sent.
context.MAY_BE = { network = true, protocol = true, tls = true, timeout = true, untrusted = true, auth = true,
                 raised = true }

-- The context of a scenario: see scenarios.lua.
context.Context = {}
local Context = context.Context
Context.__index = Context

-- The client of a scenario, which `after` finds again.
function Context:new_client(options)
  local own = { base_url = self.url, token = context.TOKEN, retries = 0, timeout = self.timeout,
                ca_file = context.CA_FILE, proxy = "" }
  for name, value in pairs(options or {}) do own[name] = value or nil end
  self.client = self.cpp.client(own)
  return self.client
end

-- The options of one POST, with an id by which the servers' notes are compared.
function Context:call(offer, more)
  self.calls = self.calls + 1
  local id = self.id .. "-" .. self.calls
  self.requests[id] = 1
  local call = { publisher = "p", offer = offer, emails = EMAILS, client_request_id = id }
  for name, value in pairs(more or {}) do call[name] = value end
  return call
end

-- Raises: this must not be.
function context.fail(what, result, err)
  error(("%s: %s %s"):format(what, tostring(result and result.status or result), tostring(err)), 0)
end

-- Notes an outcome other than the usual; checks that it is an err, typed, complete and discreet.
function Context:note_err(err)
  local text = tostring(err)
  if not context.MAY_BE[err.kind] then context.fail("an err of the wrong kind", nil, err) end
  if #err.message == 0 or text:find(context.TOKEN, 1, true) then context.fail("an empty or indiscreet err", nil, err) end
  if err.kind == "raised" and not text:find("memory", 1, true) then context.fail("it raised", nil, err) end
  if self.outcome == "answered" then self.outcome = err.kind end
end

-- Checks what a call gave. `expected`: a function that tells whether a result is right; or the kind (and the status)
-- of the err that is right. `id` is that of a POST.
function Context:check(id, expected, status, result, err)
  if err and id and err.method ~= "GET" and not err.status and not err.ambiguous then
    self.requests[id] = (err.attempts or 1) - 1 -- the last one was not sent, says the err
  end
  if result ~= nil then
    if type(expected) ~= "function" or not expected(result) then context.fail("a wrong result", result, err) end
    return result
  end
  if err.kind ~= expected or err.status ~= status then self:note_err(err) end
  return nil, err
end

-- Whether a result is that of a POST that was accepted.
function context.accepted(result)
  return result.status == 202 and result.location ~= nil
    and result.location:find("^https?://.*/operations/%d+%-%d+%?api%-version=2017%-10%-31$") ~= nil
end

-- Whether an operation is the one that has ended, of the server.
function context.canceled(operation)
  return operation.state == "canceled" and operation.number == 636576975611768314
end

-- A cancel of an offer of the server; see torture/checks/servers.lua for their responses.
function Context:cancel(client, offer, expected, status, more)
  local call = self:call(offer, more)
  return self:check(call.client_request_id, expected, status, client:cancel(call))
end

return context
