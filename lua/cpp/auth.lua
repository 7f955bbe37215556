-- Tokens: where the bearer token of a request comes from, and when it is renewed.
--
-- A token is a string; or comes from a function (the user's, or one of cpp.credentials); or is requested with tenant,
-- client_id and client_secret, by the client credentials grant of Microsoft Entra:
-- https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
-- Tokens of functions and credentials are kept until 300 s before they expire or, if their expiry is not known, until
-- the service refuses them.

local Chain = require "cpp.credentials.chain"
local core = require "cpp.core"
local errors = require "cpp.error"
local host = require "cpp.host"
local lower = require "cpp.lower"
local private = require "cpp.private"
local redact = require "cpp.redact"

local auth = {}

local MARGIN = 300 -- seconds: a token is renewed this long before its expiry
local REFUSED = 10 -- seconds: if a new token is refused too, it is not replaced for this long
local TIMEOUT = 300 -- seconds, the default
local FIRST_LOOK, LOOK = 0.001, 0.02 -- seconds between two checks of a renewal: the first, doubling up to the last
local USABLE, LONGEST = "^[A-Za-z0-9%-%._~%+/]+=*$", 65536 -- RFC 6750, section 2.1; bytes

local CREDENTIALS = { "tenant", "client_id", "client_secret" }

-- Set by cpp.client: retry.call needs tokens and tokens need retry.call.
local call

--- Breaks the circle between this module and cpp.retry.
function auth.use(retry_call)
  call = retry_call
end

--- Whether a text can be a bearer token.
function auth.is_token(text)
  return #text <= LONGEST and text:find(USABLE) ~= nil
end

--- The timeout of a call: the seconds that a request may take, and that all pauses may take together.
function auth.timeout_of(client, options)
  return options.timeout or private[client].options.timeout or TIMEOUT
end

-- Options of a call that also apply to the request for its token.
local OF_REQUESTS = { "timeout", "connect_timeout", "ca_file", "proxy", "user_agent", "max_response_bytes", "loop",
                      "log", "retries" }

-- These options as one text. A failure may be due to them (a short timeout, another proxy), so only calls with the same
-- options share it.
local function manner_of(options)
  local manner = ""
  for _, name in ipairs(OF_REQUESTS) do
    if name ~= "loop" and name ~= "log" then manner = manner .. "\0" .. tostring(options[name]) end
  end
  return manner
end

-- Adds these options to a request for a token.
local function complete(fields, options)
  for _, name in ipairs(OF_REQUESTS) do
    if fields[name] == nil then fields[name] = options[name] end
  end
  return fields
end

-- The credentials of a call, or nil; and the name of the first that is missing, or nil.
local function credentials_of(defaults, options)
  local found, missing = {}, nil
  for _, name in ipairs(CREDENTIALS) do
    found[name] = options[name] or defaults[name]
    missing = missing or not found[name] and name
  end
  if not next(found) then return nil end
  found.scope, found.authority_url = options.scope or defaults.scope, options.authority_url
  return complete(found, options), missing
end

--- The credentials of a call, or nil. Raises misuse if one of them is missing.
-- @param defaults table: the options of the client
-- @param options table of the call's options
function auth.credentials(defaults, options)
  local credentials, missing = credentials_of(defaults, options)
  if missing then core.misuse(missing .. ": expected with tenant, client_id and client_secret together") end
  return credentials
end

-- The seconds until a token expires, or nil. The service sends expires_in (seconds), expires_on (Unix time) or neither,
-- as numbers or strings. `date`: the Unix time of the response by the sender's clock, or nil; this machine's clock may
-- be wrong. A token that seems to have expired when it is issued means that a clock is wrong: the lifetime is not
-- known.
local function lifetime_of(answer, date)
  local seconds = tonumber(answer.expires_in)
  local expires_on = tonumber(answer.expires_on)
  if not seconds and expires_on then seconds = expires_on - (date or os.time()) end
  return seconds and seconds > 0 and seconds or nil
end

-- The source of a call's token: a string or a function; nil if the token comes from credentials, or there is none. A
-- call's own credentials take precedence over the token of its client.
local function source_of(defaults, options)
  return options.token
    or not (options.tenant or options.client_id or options.client_secret)
      and defaults.token or nil
end

-- The key of a kept token: the function, or the credentials as one text.
local function key_of(source, credentials)
  if not credentials then return source end
  return table.concat({ credentials.authority_url or "", credentials.scope or "", credentials.tenant,
                        credentials.client_id, credentials.client_secret }, "\0")
end

local CLOSED = { options = {}, tokens = {} } -- of a client that was closed before the call

-- The kept entry for the token of a call, or nil.
local function entry_of(known, options)
  local source = source_of(known.options, options)
  if type(source) == "function" then return known.tokens[source] end
  if source then return nil end
  local credentials, missing = credentials_of(known.options, options)
  return credentials and not missing and known.tokens[key_of(nil, credentials)] or nil
end

--- The secrets of a call: its own token, secret and addresses, those of its client, the kept token, and the token
-- before it.
-- @param client the client
-- @param options table of the call's options
-- @param token string or nil: the bearer token that is sent
-- @return list for redact.line
function auth.secrets(client, options, token)
  local known = private[client].secrets[1] or CLOSED
  local own, entry = known.options, entry_of(known, options)
  return {
    token or "", own.token or "", own.client_secret or "",
    entry and entry.token or "", entry and entry.previous or "", entry and entry.secret or "",
    options.token or "", options.client_secret or "",
    emails = options.emails,
  }
end

--- Notes that the service did not refuse a token, so that it is replaced at once when it is refused later.
-- @param client the client, which may be closed
-- @param options table of the call's options
-- @param token string: the bearer token of the call
function auth.accepted(client, options, token)
  local entry = entry_of(private[client].secrets[1] or CLOSED, options)
  if entry and entry.token == token then entry.replaced_at = nil end
end

-- RFC 6749, section 5.1: the case does not matter. An absent type counts as Bearer.
local function is_bearer(token_type)
  return token_type == nil or type(token_type) == "string" and lower(token_type) == "bearer"
end

local function request_token(client, endpoint, credentials, limits)
  local result, request = call(client, endpoint, credentials, limits and { deadline = limits.deadline })
  if not result then
    local err = request
    if err.kind ~= "closed" and err.kind ~= "stopped" then err.kind = "auth" end
    err.ambiguous = false -- nothing of the call itself was sent
    if err.status and err.status < 300 then err.body = nil end -- it may hold a token, cut short
    return nil, err
  end
  local answer = result.body
  local token = type(answer) == "table" and answer.access_token
  local problem = (type(token) ~= "string" or not auth.is_token(token)) and "has no usable access_token"
    or not is_bearer(answer.token_type) and "has a token_type other than Bearer"
  if problem then
    return nil, errors.new("auth", "the token service's response " .. problem,
      { status = result.status,
        request_id = redact.line(result.request_id, errors.ID_LIMIT, auth.secrets(client, credentials)) })
  end
  return token, lifetime_of(answer, request:date())
end

-- A function of the host may fail like any network request, which is not misuse.
local function function_token(loop, client, source, options)
  local called, token, detail = host.call(loop, source)
  if not called then
    host.pass_interrupt(token)
    token, detail = nil, token
  end
  if type(token) ~= "string" then
    if token then detail = nil end -- it may be the seconds
    if token and Chain.of(token) then
      detail = "it returned another token function: a function of cpp.credentials is called, as in "
        .. "token = cpp.credentials.default()"
    end
    local reason = detail ~= nil and redact.line(host.text(detail), 500, auth.secrets(client, options))
    return nil, errors.new("auth", (called and "the token function returned no token" or "the token function failed")
                             .. (reason and " (" .. reason .. ")" or ""))
  end
  if not auth.is_token(token) then
    return nil, errors.new("auth", "the token function returned an invalid token")
  end
  return token, tonumber(detail)
end

-- The link's own timeouts are for services that respond at once or not at all. Shorter ones of the call take
-- precedence.
local function shorten(fields, options, defaults)
  for _, name in ipairs { "timeout", "connect_timeout" } do
    local wanted = options[name] or defaults[name]
    if fields[name] and wanted then fields[name] = math.min(fields[name], wanted) end
  end
end

-- The err that ends the search for a token (closed, stopped, or out of time); or nil.
-- @param give_up number: the time at which the search ends, on the loop's clock
local function ending(loop, client, give_up)
  if not client.core:usable() then return errors.closed() end
  if loop.scheduler and loop.scheduler.stopped() then return errors.stopped() end
  if host.now(loop) < give_up then return nil end
  return errors.new("auth", "the token was not renewed in time", { retryable = true })
end

-- The advice if no link of the default chain has a token. The command has its own.
local ADVICE = "give `token`, set AZURE_TOKEN, or run az login"

-- The request that a chain of cpp.credentials gets.
local function request_of(loop, client, options, entry, limits)
  local defaults = private[client].options
  local request = {
    scope = options.scope or defaults.scope, authority_url = options.authority_url or defaults.authority_url,
    is_token = auth.is_token, advice = private[client].advice or ADVICE,
  }
  function request.ending() return ending(loop, client, limits and limits.deadline or math.huge) end
  function request.send(endpoint, fields, names)
    entry.secret = fields.client_secret or fields.token
    shorten(fields, options, defaults)
    local right, problem = pcall(client.core.check, client.core, endpoint, complete(fields, options))
    if not right then -- a wrong environment variable is not misuse
      local name, expected = host.text(problem):match "cpp: ([%l_]+): (.*)$"
      if not name then error(problem, 0) end
      return nil, errors.new("auth", (names[name] or name) .. ": " .. expected)
    end
    return request_token(client, endpoint, fields, limits)
  end
  return request
end

local function is_fresh(entry, time)
  return entry.token and (not entry.renew_at or time < entry.renew_at)
end

local function keep(entry, token, lifetime, time)
  entry.replaced_at = not entry.token and entry.previous and time or nil
  entry.token, entry.previous = token, entry.token or entry.previous
  -- A token that lives shorter than twice the margin is used for half of its life.
  entry.renew_at = lifetime and time + math.max(lifetime - MARGIN, lifetime / 2) or nil
end

-- A renewal: first the coroutine that runs it (weak: a dropped coroutine never ends it); then its token, or its failure
-- with `retryable` of its err, and the options of the request that failed (nil: the options do not matter).
local function new_renewal(thread)
  return setmetatable({ thread = thread, token = nil, failed = nil, manner = nil }, { __mode = "v" })
end

-- Marks the entry as being renewed until the returned value is closed, even if the coroutine is closed in the middle.
-- The mark is set last: if memory ran out after it, nothing would remove it.
local function begin(entry, renewal)
  local guard = setmetatable({}, { __close = function()
    if entry.renewal == renewal then entry.renewal = nil end
  end })
  entry.renewal = renewal
  return guard
end

local function renew(loop, client, options, entry, renewal, source, credentials, limits)
  local guard <close> = begin(entry, renewal) -- luacheck: ignore guard
  local token, detail
  local chain = Chain.of(source)
  if credentials then
    token, detail = request_token(client, "token", credentials, limits)
  elseif chain then
    token, detail = chain:ask(request_of(loop, client, options, entry, limits))
  else
    token, detail = function_token(loop, client, source, options)
  end
  if not token then
    local users = source and not chain
    -- A failure by this call's deadline is not shared: another call may have more time.
    if users or not limits then
      renewal.failed, renewal.retryable = detail.kind == "auth" and detail.message, detail.retryable
    end
    if not users then renewal.manner = manner_of(options) end
    return nil, detail
  end
  if not client.core:usable() then return nil, errors.closed() end
  keep(entry, token, detail, host.now(loop))
  renewal.token = token
  return token
end

-- Runs a token function in its own coroutine, so that it delays no call. Returns the renewal; or nil if the loop has no
-- `spawn`.
local function renew_beside(loop, client, options, entry, source)
  local renewal = new_renewal()
  entry.renewal = renewal -- if the loop raises an error, it counts as abandoned
  local function run(outer)
    renewal.thread = coroutine.running()
    local done, problem = pcall(renew, outer, client, options, entry, renewal, source)
    if not done then
      renewal.failed = "the token function failed (" .. redact(host.text(problem), auth.secrets(client, options)) .. ")"
    end
  end
  renewal.thread = host.spawn(loop, run)
  if renewal.thread then return renewal end
  entry.renewal = nil
  return nil
end

-- Whether nothing will end the renewal: its coroutine is dead or gone.
local function is_abandoned(renewal)
  return not renewal.thread or coroutine.status(renewal.thread) == "dead"
end

-- The longest time that a call waits for a renewal, in seconds.
local function patience(loop, client, options, limits)
  return limits and limits.deadline or host.now(loop) + auth.timeout_of(client, options)
end

-- Waits until a renewal has ended. All waiting calls share its failure, except those with other options of a request.
-- Returns true; or nil and an err if there is no token in time.
local function wait_for(renewal, loop, client, options, entry, give_up)
  local look = FIRST_LOOK
  local place <close> = loop.scheduler and loop.scheduler.place() -- luacheck: ignore place
  while entry.renewal == renewal and not is_abandoned(renewal) do
    local err = ending(loop, client, give_up)
    if err then return nil, err end
    loop.sleep(client.core, math.min(look, math.max(0, give_up - host.now(loop))))
    look = math.min(look * 2, LOOK)
  end
  if not client.core:usable() then return nil, errors.closed() end
  if renewal.failed and (not renewal.manner or renewal.manner == manner_of(options)) then
    return nil, errors.new("auth", renewal.failed, { retryable = renewal.retryable })
  end
  return true
end

-- One renewal at a time: other calls wait for it. Returns true; or nil and an err. `users`: the token comes from a
-- function of the user.
local function wait_for_others(loop, client, options, entry, users, limits)
  local give_up = patience(loop, client, options, limits)
  while entry.renewal and not is_abandoned(entry.renewal) do
    if host.is_held_up(entry.renewal.thread) then
      if not users then return true end -- the renewal continues only after this call, which gets its own token
      return nil, errors.new("auth", "the token function made a call that needs its own token")
    end
    local waited, err = wait_for(entry.renewal, loop, client, options, entry, give_up)
    if not waited then return nil, err end
  end
  return true
end

-- The token of a token function that runs beside this call; or nil and an err.
local function token_of(renewal, loop, client, options, entry, limits)
  local waited, err = wait_for(renewal, loop, client, options, entry, patience(loop, client, options, limits))
  if not waited then return nil, err end
  if renewal.token then return renewal.token end
  return nil, errors.new("auth", "the token function did not finish")
end

--- The bearer token for a call.
-- @param client the client
-- @param endpoint string: the endpoint that the token is for; its options are checked before anything is requested
-- @param options table of the call's options
-- @param rejected string or nil: the token that the service has just refused with 401
-- @param limits table or nil: `deadline`, as for retry.call; like the timeout, it bounds the wait for a renewal
-- @return string; or nil, err (kind "auth"; "closed" if the client was closed meanwhile; "stopped" in a batch that
--   is being stopped)
function auth.token(client, endpoint, options, rejected, limits)
  local defaults = private[client].options
  local source = source_of(defaults, options)
  if type(source) == "string" then return source end
  local credentials = not source and auth.credentials(defaults, options)
  client.core:check(endpoint, options)
  local key = key_of(source, credentials)
  local tokens = private[client].tokens
  local entry = tokens[key] or {}
  tokens[key] = entry
  local loop = host.loop(client, options)
  local users = source and not Chain.of(source)
  if entry.renewal then
    local waited, err = wait_for_others(loop, client, options, entry, users, limits)
    if not waited then return nil, err end
  end
  if rejected and entry.token == rejected then
    local age = entry.replaced_at and host.now(loop) - entry.replaced_at -- below 0 on the clock of another loop
    if age and age >= 0 and age < REFUSED then return rejected end
    entry.token, entry.previous = nil, rejected
  end
  if is_fresh(entry, host.now(loop)) then return entry.token end
  local beside = users and renew_beside(loop, client, options, entry, source)
  if beside then return token_of(beside, loop, client, options, entry, limits) end
  return renew(loop, client, options, entry, new_renewal(coroutine.running()), source, credentials, limits)
end

--- Gets a new token from the chain behind a token function of cpp.credentials, without regard to kept tokens.
-- @return token, and the seconds until it expires or nil; or nil, err
function auth.ask_chain(client, token_function)
  return Chain.of(token_function):ask(request_of(client.loop, client, {}, {}))
end

return auth
