-- Errors: the err of `nil, err`, and whether a request may be retried after a failure.
--
-- An err is a table with `kind`, `message`, `status`, `code`, `method`, `url`, `attempts`,
-- `retryable`, `ambiguous`, `request_id`, `client_request_id`, `location`, `body`, `operation`,
-- `publisher`, `offer`, `retry_after`, `reason`, as far as they are known. tostring(err) is one line.

local core = require "cpp.core"
local host = require "cpp.host"
local redact = require "cpp.redact"

local errors = { ID_LIMIT = 200 } -- bytes of the service's request id

local CODE_LIMIT, MESSAGE_LIMIT = 100, 500 -- bytes of the service's own code and message
local BODY_LIMIT = 2048 -- bytes of a response's body that an err keeps
local LONGEST_BODY = 512 * 1024 -- bytes of a body that is searched for code and message
local LINE_LIMIT = 16 * 1024 -- bytes of an err as text

-- The meaning of a status at this service, or else in HTTP. doc/errors.md names the source of each.
local MEANINGS = {
  [400] = "the request is malformed",
  [401] = "the token is missing, expired or not valid for this service",
  [403] = "the caller has no access to this publisher",
  [404] = "no such publisher, offer or operation",
  [408] = "the service gave up waiting for the request",
  [409] = "the request conflicts with the state of the offer",
  [412] = "the offer was changed meanwhile",
  [422] = "the offer or the request is not valid",
  [429] = "too many requests",
  [500] = "the service failed",
  [502] = "a gateway got an invalid response from the service",
  [503] = "the service is unavailable",
  [504] = "a gateway got no response from the service in time",
}

-- The cause of a status without a reason: "Troubleshooting common authentication errors", linked there.
local CAUSES = {
  [403] = "usual causes: the publisher's identifier is wrong, or the service principal was added by an object id"
    .. " other than that of its managed application",
}

-- err.reason, by status.
local REASONS = { [409] = "conflict", [412] = "precondition", [422] = "validation", [429] = "throttled" }

local methods = {}
local metatable = { __index = methods, __name = "cpp.error" }

--- One readable line without secrets: kind, message, request, ids.
function metatable.__tostring(err)
  local parts = { err.kind, ": ", err.message }
  if err.attempts and err.attempts > 1 then
    parts[#parts + 1] = (" (after %d attempts)"):format(err.attempts)
  end
  if err.ambiguous then
    parts[#parts + 1] = " (the service may have acted on it)"
  end
  if err.method and err.url then parts[#parts + 1] = ": " .. err.method .. " " .. err.url end
  if err.request_id then parts[#parts + 1] = " [request id " .. err.request_id .. "]" end
  return redact.line(table.concat(parts), LINE_LIMIT)
end

-- The service's code and message. Documented: {"error": {"code", "message"}}. Frameworks in front of the service omit
-- "error", or use capital letters. The token service sends {"error": "invalid_client", "error_description": "..."} (RFC
-- 6749, section 5.2).
local function service_words(body)
  local decoded = #body <= LONGEST_BODY and core.decode(body)
  if type(decoded) ~= "table" then return nil end
  local inner = type(decoded.error) == "table" and decoded.error or decoded
  if type(decoded.Variant) == "table" then inner = { message = decoded.Variant.error } end -- seen with 500
  local code = inner.code or inner.Code
  local message = inner.message or inner.Message
  if type(decoded.error) == "string" then
    code, message = decoded.error, decoded.error_description
  end
  return type(code) == "string" and code or nil, type(message) == "string" and message or nil
end

local function describe(err, secrets, of_tokens)
  local code, words
  if err.body then code, words = service_words(err.body) end
  err.code = code and redact.line(code, CODE_LIMIT, secrets)
  if err.kind == "http" then
    local meaning = of_tokens and "the token service refused" or MEANINGS[err.status] or "the service refused"
    err.message = ("%d: %s"):format(err.status, meaning)
    err.reason = not of_tokens and REASONS[err.status] or nil
  end
  if code or words then
    local said = table.concat({ code or "", words or "" }, code and words and ": " or "")
    err.message = ("%s (%s)"):format(err.message, redact.line(said, MESSAGE_LIMIT, secrets))
  end
  if err.kind == "http" and CAUSES[err.status] and not of_tokens then
    err.message = err.message .. "; " .. CAUSES[err.status]
  end
end

-- Statuses below 500 after which a POST may have been processed. A 303 may name its result (RFC 9110, section 15.4.4).
local UNCLEAR = { [303] = true, [408] = true }

-- Statuses from 500 on which mean that the request was not processed. All others, known or not, count as 500 (RFC 9110,
-- section 15).
local NOT_PROCESSED = {
  [501] = true, [505] = true, [506] = true, [507] = true, [508] = true, [510] = true, [511] = true,
}

-- Whether the service may have processed a POST.
local function is_ambiguous(err)
  local status = err.status
  if status == 503 then return err.retry_after == nil end -- with Retry-After: refused, by the service or a proxy
  if status and status >= 500 then return not NOT_PROCESSED[status] end
  if status and status >= 300 then return UNCLEAR[status] or false end
  return err.sent
end

-- Whether sending the same request again is safe and may help. The service's documentation says of its 4xx: "do not
-- retry the request before fixing the underlying cause". 408 and 429 have temporary causes.
local function is_retryable(err, safe)
  local status = err.status
  if err.kind == "http" then
    if status == 429 or (status == 503 and err.retry_after) then return true end
    return safe and (status == 408 or status >= 500)
  end
  return err.transient and (safe or not err.sent)
end

--- Makes an err from a failure of the core.
-- @param failure table from request:result()
-- @param options table of the call's options: publisher, offer
-- @param secrets list: what to redact, as of auth.secrets
-- @param safe boolean or nil: the request changes nothing, so sending it again is harmless
-- @param of_tokens boolean or nil: the request was for a token
-- @return err
function errors.from_failure(failure, options, secrets, safe, of_tokens)
  local err = setmetatable(failure, metatable)
  describe(err, secrets, of_tokens)
  err.body = redact.line(err.body, BODY_LIMIT, secrets)
  err.message = redact(err.message, secrets)
  err.url = redact(err.url, secrets) -- a location may hold anything
  err.location = redact(err.location, secrets)
  err.request_id = redact.line(err.request_id, errors.ID_LIMIT, secrets)
  err.ambiguous = not safe and is_ambiguous(err)
  err.retryable = is_retryable(err, safe)
  err.publisher, err.offer = options.publisher, options.offer
  err.sent, err.transient = nil, nil
  return err
end

--- Makes an err of the Lua layer.
-- @param kind string, one of the public kinds
-- @param message string, one line without secrets
-- @param fields table or nil: more fields
-- @return err
function errors.new(kind, message, fields)
  local err = setmetatable({ retryable = false, ambiguous = false }, metatable)
  for name, value in pairs(fields or {}) do err[name] = value end
  err.kind, err.message = kind, message
  return err
end

local SENT = "this request was sent"

--- Makes the err for something that did not happen, because the client was closed.
-- @param event string or nil: what did not happen; nil: a request was not sent
function errors.closed(event)
  return errors.new("closed", "the client was closed before " .. (event or SENT))
end

--- Makes the err for something that did not happen, because its batch is being stopped.
-- @param event as for errors.closed
function errors.stopped(event)
  return errors.new("stopped", "should_stop ended the batch before " .. (event or SENT))
end

--- Makes an err that holds an error, in `raised`.
-- @param problem anything
-- @param secrets list: what to keep out, as of auth.secrets
-- @param fields table or nil: more fields
-- @return err, of kind "raised"
function errors.carrying(problem, secrets, fields)
  local err = errors.new("raised", redact(host.text(problem), secrets), fields)
  err.raised = problem
  return err
end

--- Makes an err that holds an error which was raised after a call was accepted, and names this call.
-- @param problem anything
-- @param result table: of the call
-- @param secrets list: what to redact, as of auth.secrets
function errors.accepted(problem, result, secrets)
  return errors.carrying(problem, secrets, {
    status = result.status, call = result.call, sent_at = result.sent_at,
    location = redact(result.location, secrets), operation_id = redact(result.operation_id, secrets),
    submission_id = redact(result.submission_id, secrets), publisher = result.publisher, offer = result.offer,
    request_id = result.request_id, client_request_id = result.client_request_id,
  })
end

--- Makes an err from an error; an error that is an err already is returned unchanged.
-- @param problem anything
-- @param secrets list: what to keep out, as of auth.secrets
-- @param fields table: more fields
-- @return err, of kind "raised"
function errors.raised(problem, secrets, fields)
  if type(problem) == "table" and rawequal(getmetatable(problem), metatable) then return problem end
  return errors.carrying(problem, secrets, fields)
end

return errors
