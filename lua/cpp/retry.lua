-- Retries: the one place where a request is sent again.
--
-- A POST is repeated only when it certainly was not processed: nothing of it left, 429, or 503 with
-- Retry-After. A GET is harmless, so it is repeated after any failure of the transport, 408, 429 and
-- 5xx. Either is repeated once after a 401, with a new token. Which is which, errors.from_failure
-- decides (`retryable`); here are the attempts, the pauses between them, and the log.

local core = require "cpp.core"
local errors = require "cpp.error"
local auth = require "cpp.auth"

local retry = {}

-- The pause of azure-core and azcore: 0.8 s, doubling, at most 60 s.
local FIRST_PAUSE, LONGEST_PAUSE = 0.8, 60

local RETRIES, TIMEOUT = 3, 300 -- a client's defaults; seconds

-- Endpoints that change nothing, or nothing that repeating would change again.
local SAFE = { operation = true, operations = true, offer_status = true, location = true, token = true }

--- The time of a loop's clock, in seconds: real monotonic time unless the loop has a `now`.
function retry.now(loop)
  return (loop.now or core.monotonic)()
end

-- What the service asked for wins; else exponential back-off, with jitter so that many clients
-- that failed together do not come back together.
local function pause_before(attempt, err)
  if err.retry_after then return err.retry_after end
  local pause = math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ^ (attempt - 1))
  return pause * (0.8 + 0.4 * core.random())
end

-- A log function that fails must not lose the result of a cancel.
local function write_log(log, entry)
  local done, problem = pcall(log, entry)
  if not done then warn("cpp: the log function failed: ", tostring(problem)) end
end

local function log_attempt(log, request, attempt, started, answer)
  local method, url = request:url()
  write_log(log, {
    method = method,
    url = url,
    status = answer.status,
    milliseconds = (core.monotonic() - started) * 1000,
    attempt = attempt,
    kind = answer.kind, -- nil when it went well
    request_id = answer.request_id,
    client_request_id = answer.client_request_id,
  })
end

-- One exchange. Returns the result, or nil and a failure of the core; and the request.
local function exchange(client, endpoint, options, token, id, attempt)
  local loop = options.loop or client.loop
  if loop.admit then loop.admit() end -- a batch bounds what is in flight
  local log = options.log or client.options.log
  local started = log and core.monotonic()
  -- Closed on every way out: when the coroutine is closed in the middle, the request is aborted.
  local request <close> = client.core:start(endpoint, options, token, id)
  loop.await(client.core, request)
  local result, failure = request:result()
  if log then log_attempt(log, request, attempt, started, result or failure) end
  return result, failure, request
end

--- Sends a request, again where that is safe, until it is answered or there is no sense in more.
-- @param client the client (see cpp.client)
-- @param endpoint string, a name of core.endpoints
-- @param options table of the call's options, checked by the core when the request starts
-- @param limits table or nil: `retries` (number) instead of the option's
-- @return the core's result and its request; or nil, err (kinds: all but `failed`)
function retry.call(client, endpoint, options, limits)
  local loop = options.loop or client.loop
  local retries = limits and limits.retries or options.retries or client.options.retries or RETRIES
  local safe = SAFE[endpoint] or false
  local attempt, paused, renewed, id = 0, 0, false, nil
  local token, failed
  if endpoint ~= "token" then
    token, failed = auth.token(client, endpoint, options)
    if not token then return nil, failed end
  end
  while true do
    attempt = attempt + 1
    local result, failure, request = exchange(client, endpoint, options, token, id, attempt)
    if result then return result, request end
    local err = errors.from_failure(failure, options, token, safe)
    err.attempts, id = attempt, err.client_request_id
    if err.status == 401 and token and not renewed then
      -- Not processed: the service did not know who asked. Only a new token makes a second try.
      renewed = true
      local fresh = auth.token(client, endpoint, options, token)
      if not fresh or fresh == token then return nil, err end
      token = fresh
    else
      local pause = pause_before(attempt, err)
      if err.status == 429 and loop.hold then loop.hold(pause) end
      paused = paused + pause
      -- A longer pause than the caller has patience for is not made: the err says when to come back.
      local patience = options.timeout or client.options.timeout or TIMEOUT
      if not err.retryable or attempt > retries or paused > patience then return nil, err end
      loop.sleep(client.core, pause)
      if loop.stopped and loop.stopped() then return nil, err end
    end
  end
end

return retry
