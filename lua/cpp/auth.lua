-- Tokens: where the bearer token of a request comes from, and when it is renewed.
--
-- A token is a string; or comes from a function; or from tenant, client_id and client_secret with
-- the client credentials grant of Microsoft Entra:
-- https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
-- Tokens of a function and of credentials are kept until 300 s before they expire (or, where nobody
-- says when that is, until the service refuses one).

local core = require "cpp.core"
local errors = require "cpp.error"
local redact = require "cpp.redact"

local auth = {}

local MARGIN = 300 -- seconds before its expiry that a token is renewed

local CREDENTIALS = { "tenant", "client_id", "client_secret" }

-- Set by cpp.client: retry.call needs tokens and tokens need retry.call.
local call

--- Breaks the circle between this module and cpp.retry.
function auth.use(retry_call)
  call = retry_call
end

local function now(client, options)
  local loop = options.loop or client.loop
  return (loop.now or core.monotonic)()
end

-- Raises unless the credentials are given together.
local function credentials_of(client, options)
  local found, missing = {}, nil
  for _, name in ipairs(CREDENTIALS) do
    found[name] = options[name] or client.options[name]
    missing = missing or not found[name] and name
  end
  if not next(found) then return nil end
  if missing then
    core.misuse(missing .. ": expected with tenant, client_id and client_secret together")
  end
  for _, name in ipairs { "authority_url", "timeout", "connect_timeout", "ca_file", "proxy",
                          "user_agent", "max_response_bytes", "loop", "log", "retries" } do
    found[name] = options[name]
  end
  return found
end

-- The service gives numbers or strings, expires_in (seconds) or expires_on (Unix time), or neither.
local function lifetime_of(answer)
  local seconds = tonumber(answer.expires_in)
  local expires_on = tonumber(answer.expires_on)
  if not seconds and expires_on then seconds = expires_on - os.time() end
  return seconds and math.max(0, seconds)
end

local function request_token(client, credentials)
  local result, err = call(client, "token", credentials)
  if not result then
    err.kind, err.ambiguous = "auth", false -- nothing of the call itself was sent
    return nil, err
  end
  local answer = result.body
  local token = type(answer) == "table" and answer.access_token
  if type(token) ~= "string" or not token:find("^[%w%-%._~%+/]+=*$") then
    return nil, errors.new("auth", "the token service's answer holds no usable access_token",
                           { status = result.status, request_id = result.request_id })
  end
  return token, lifetime_of(answer)
end

local function function_token(source, options)
  local token, detail = source()
  if type(token) ~= "string" then
    local reason = type(detail) == "string" and redact(detail, options):gsub("%c", " ")
    return nil, errors.new("auth", "the token function returned no token" ..
                             (reason and " (" .. reason .. ")" or ""))
  end
  if not token:find("^[%w%-%._~%+/]+=*$") then
    return nil, errors.new("auth", "the token function returned something that is no bearer token")
  end
  return token, type(detail) == "number" and detail or nil
end

-- Kept tokens by their source: a function itself, or what tells credentials apart.
local function entry_of(client, source, credentials)
  local key = source
  if credentials then
    key = table.concat({ credentials.authority_url or "", credentials.tenant,
                         credentials.client_id, credentials.client_secret }, "\0")
  end
  local entry = client.tokens[key]
  if not entry then
    entry = {}
    client.tokens[key] = entry
  end
  return entry
end

local function is_fresh(entry, time)
  return entry.token and (not entry.renew_at or time < entry.renew_at)
end

local function keep(entry, token, lifetime, time)
  entry.token = token
  -- A token that lives shorter than twice the margin is used for half of its life.
  entry.renew_at = lifetime and time + math.max(lifetime - MARGIN, lifetime / 2) or nil
end

-- Marks the entry as being renewed until the variable that holds the result is closed: also when
-- the token function raises or the coroutine ends in the middle.
local function begin(entry)
  entry.renewing = true
  return setmetatable({}, { __close = function() entry.renewing = nil end })
end

local function renew(client, options, entry, source, credentials)
  local guard <close> = begin(entry) -- luacheck: ignore guard
  local token, detail
  if credentials then
    token, detail = request_token(client, credentials)
  else
    token, detail = function_token(source, options)
  end
  if not token then return nil, detail end
  keep(entry, token, detail, now(client, options))
  return token
end

--- The bearer token for a call.
-- @param client the client
-- @param endpoint string: the endpoint that the token is for; its options are checked before
--   anything is asked of anybody
-- @param options table of the call's options
-- @param rejected string or nil: the token that the service has just refused with 401
-- @return string; or nil, err (kind "auth")
function auth.token(client, endpoint, options, rejected)
  local source = options.token
  local credentials
  if source == nil and (options.tenant or options.client_id or options.client_secret) then
    credentials = credentials_of(client, options)
  elseif source == nil then
    source = client.options.token
    credentials = source == nil and credentials_of(client, options) or nil
  end
  if type(source) == "string" then return source end
  client.core:check(endpoint, options)
  if not source and not credentials then
    return nil, errors.new("auth", "there is no token: give `token`, or `tenant`, `client_id` and "
      .. "`client_secret`, or set AZURE_TOKEN in the environment")
  end
  local entry = entry_of(client, source, credentials)
  local loop = options.loop or client.loop
  -- One at a time: whoever comes while a token is being renewed waits for it.
  while entry.renewing do loop.sleep(client.core, 0.02) end
  if rejected and entry.token == rejected then entry.token = nil end
  if is_fresh(entry, now(client, options)) then return entry.token end
  return renew(client, options, entry, source, credentials)
end

return auth
