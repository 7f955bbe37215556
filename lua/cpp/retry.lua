-- Sends requests, and retries them: the attempts of a call, the pauses between them, and the log.
--
-- A POST is retried only if it certainly was not processed: nothing of it was sent, 429, or 503 with Retry-After. A GET
-- changes nothing, so it is retried after any failure of the transport, 408, 429 and 5xx. Both are retried once after a
-- 401, with a new token. errors.from_failure decides which failures are `retryable`.

local core = require "cpp.core"
local errors = require "cpp.error"
local auth = require "cpp.auth"
local blocking = require "cpp.loop.blocking"
local dispatch = require "cpp.dispatch"
local host = require "cpp.host"
local private = require "cpp.private"
local redact = require "cpp.redact"

local retry = {}

local timeout_of = auth.timeout_of

-- The pause of azure-core and azcore: 0.8 s, doubling, at most 60 s.
local FIRST_PAUSE, LONGEST_PAUSE = 0.8, 60

-- Endpoints that give tokens, instead of requiring one.
local OF_TOKENS = { token = true, metadata = true }

-- The methods of the other endpoints.
local METHODS = { location = "GET" }
for _, endpoint in ipairs(core.endpoints) do METHODS[endpoint.name] = endpoint.method end

local RETRIES = 3 -- a client's default
local MOST_PAUSE = 300 -- seconds: the longest accepted Retry-After, as for polls

-- The pause before the next attempt: the Retry-After of the service, or else exponential backoff, with jitter so that
-- clients that failed together do not retry together.
local function pause_before(attempt, err)
  if err.retry_after then return math.min(MOST_PAUSE, err.retry_after) end
  return math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ^ (attempt - 1) * (0.8 + 0.4 * core.random()))
end

-- Logs one attempt. Texts of the service (a location, its request id) may hold anything, so they are redacted.
local function log_attempt(loop, log, client, options, token, request, attempt, answer)
  local secrets = auth.secrets(client, options, token)
  local method, url = request:url()
  local done, problem = host.call(loop, log, {
    method = method,
    url = redact(url, secrets),
    status = answer.status,
    milliseconds = (core.monotonic() - request:started()) * 1000,
    attempt = attempt,
    kind = answer.kind, -- nil when it went well
    retry_after = answer.retry_after,
    request_id = redact.line(answer.request_id, errors.ID_LIMIT, secrets),
    client_request_id = answer.client_request_id,
  })
  if done then return end
  host.pass_interrupt(problem)
  host.warn("the log function", problem, secrets)
end

-- The seconds that a request may take: its timeout, but not beyond the deadline.
local function timeout_until(loop, client, options, deadline)
  return math.max(0.001, math.min(timeout_of(client, options), deadline - host.now(loop)))
end

-- Raises the error of a loop that waited for a request, or of Ctrl-C in the log function. A POST may have been
-- processed by then, so for a POST it raises an ambiguous err with what is known.
local function raise(loop, client, endpoint, options, token, request, problem)
  request:abort() -- unless it is done
  local result, failure = request:result()
  local is_harmless = request:url() == "GET" or OF_TOKENS[endpoint]
  if is_harmless or failure and not failure.sent then error(problem, 0) end
  local secrets = auth.secrets(client, options, token)
  if result then
    result.call, result.publisher, result.offer = endpoint, options.publisher, options.offer
    result.request_id = redact.line(result.request_id, errors.ID_LIMIT, secrets)
    if loop.now then result.sent_at = nil end -- it is in real time, but the host has its own clock
    error(errors.accepted(problem, result, secrets))
  end
  local err = errors.from_failure(failure, options, secrets)
  err.kind, err.message, err.raised, err.call = "raised", redact(host.text(problem), secrets), problem, endpoint
  error(err)
end

-- Waits for a request in a loop of the user, which may return early because other code resumed the coroutine. The step
-- makes sure that the request ends even in a loop that never waits.
local function await(loop, core_client, request)
  loop.await(core_client, request)
  while not request:done() do
    core_client:step(0)
    dispatch.run(core_client)
    loop.await(core_client, request)
  end
end

-- One attempt. Returns the result, or nil and a failure of the core; the request; and the time of sending, on the
-- loop's clock (on the monotonic clock only after a failure).
local function exchange(loop, client, endpoint, options, token, deadline, id, attempt)
  local core_client, known = client.core, private[client]
  local log = options.log or known.options.log
  local sent = loop.now and host.now(loop)
  -- Closed on every way out: when the coroutine is closed in the middle, the request is aborted.
  local request <close>, index = core_client:start(endpoint, options, token, id,
    deadline and timeout_until(loop, client, options, deadline))
  local method = METHODS[endpoint]
  if method then host.sent(method, options) end
  local result, failure
  if index then
    local awaited
    if loop == blocking or loop.scheduler then
      awaited, result, failure = pcall(loop.await, core_client, request, index)
    else
      awaited, result = pcall(await, loop, core_client, request)
    end
    if not awaited then raise(loop, client, endpoint, options, token, request, result) end
  end
  -- The blocking loop has taken the result already. Other loops only wait, and may return anything.
  if loop ~= blocking or not index then result, failure = request:result() end
  if log then
    local logged, problem = pcall(log_attempt, loop, log, client, options, token, request, attempt,
                                  result or failure)
    if not logged then raise(loop, client, endpoint, options, token, request, problem) end
  end
  if result and method == "POST" then host.accepted(options) end
  if known.watch then pcall(known.watch, endpoint, options, request, result or failure) end
  return result, failure, request, sent or failure and request:started()
end

-- Waits until an attempt may start; err: the failure of the attempt before. Returns true; or nil and an err if the
-- client was closed meanwhile (a client that was closed before the call is misuse, which the core raises), or the loop
-- is being stopped. A batch bounds the requests in flight and delays them after a 429, for at most `patience` seconds
-- and not beyond the deadline. A request for a token, for which all items may wait, is not delayed: it has no `options`
-- here.
local function admit(client, loop, options, err, deadline, patience)
  local scheduler = loop.scheduler
  local admitted
  if scheduler and options then admitted = scheduler.admit(deadline, patience) end
  if (scheduler or err) and not client.core:usable() then return nil, errors.closed() end
  if scheduler and scheduler.stopped() then return nil, err or errors.stopped() end
  if admitted ~= false then return true end
  return nil, err or errors.new("timeout", "the batch could not send this request in time", { retryable = true })
end

-- Whether a pause is too long for the timeout or the deadline. The err then has the seconds to wait, `retry_after`.
local function has_time(loop, client, options, deadline, paused, pause)
  if deadline then return host.now(loop) + pause <= deadline end
  return paused + pause <= timeout_of(client, options)
end

-- Retries after the first attempt failed, if that is safe.
local function go_on(loop, client, endpoint, options, limits, token, failure, sent)
  local retries = limits and limits.retries or options.retries or private[client].options.retries or RETRIES
  local deadline = limits and limits.deadline
  local attempt, paused, renewed = 1, 0, false
  local of_tokens = OF_TOKENS[endpoint] or false
  local safe = failure.method == "GET" or of_tokens -- it changes nothing, or only issues a token
  while true do
    local err = errors.from_failure(failure, options, auth.secrets(client, options, token), safe, of_tokens)
    err.attempts = attempt
    local refused = err.status == 401 and token and not renewed
    local pause = not refused and pause_before(attempt, err)
    if pause then
      if err.status == 429 and loop.scheduler and not of_tokens then loop.scheduler.hold(pause) end
      local wanted = err.retry_after or pause
      -- Most machines have no metadata service: if there is no response, a retry does not help.
      local is_absent = endpoint == "metadata" and err.kind ~= "http"
      if not err.retryable or is_absent or attempt > retries
        or not has_time(loop, client, options, deadline, paused, wanted) then
        return nil, err, sent
      end
    end
    if not client.core:usable() then return nil, errors.closed() end -- closed by another call, resumed in the same step
    if refused then
      -- The service rejected the token, and processed nothing. Only a new token justifies a second request.
      renewed = true
      local fresh, reason = auth.token(client, endpoint, options, token, limits)
      if not fresh then return nil, reason end
      if fresh == token then return nil, err, sent end
      token = fresh
    else
      paused = paused + pause
      host.sleep(loop, client.core, pause)
    end
    local admitted, ending = admit(client, loop, not of_tokens and options or nil, err, deadline,
                                   timeout_of(client, options) - paused)
    if not admitted then return nil, ending end
    attempt = attempt + 1
    local result, request
    result, failure, request, sent = exchange(loop, client, endpoint, options, token, deadline, err.client_request_id,
                                              attempt)
    if renewed and (result or failure.status ~= 401) then auth.accepted(client, options, token) end
    if result then return result, request, sent end
  end
end

--- Sends a request, and retries it while that is safe and may help.
-- @param client the client (see cpp.client)
-- @param endpoint string, a name of csrc/endpoint.c
-- @param options table of the call's options, checked by the core when the request starts
-- @param limits table or nil: `retries` (number), instead of the option; `deadline` (on the loop's clock), which no
--   pause and no request exceeds
-- @param loop table or nil: the result of host.loop for this call, if the caller has it already
-- @return the core's result and its request; or nil, err (all kinds except `failed`); and the time at which the last
--   request was sent, on the loop's clock, or nil if none was
function retry.call(client, endpoint, options, limits, loop)
  loop = loop or host.loop(client, options)
  local scheduler = loop.scheduler
  -- A request of a longer call, or of a batch's item, began before the client was closed, so that is not misuse.
  if (limits or scheduler) and not client.core:usable() then return nil, errors.closed() end
  local deadline = limits and limits.deadline
  local token, err
  if METHODS[endpoint] then
    token, err = auth.token(client, endpoint, options, nil, limits)
    if not token then return nil, err end
  end
  if scheduler and not (token and scheduler.may_send()) then
    local admitted, ending = admit(client, loop, token and options, nil, deadline, timeout_of(client, options))
    if not admitted then return nil, ending end
  end
  local result, failure, request, sent = exchange(loop, client, endpoint, options, token, deadline, nil, 1)
  if result then return result, request, sent end
  return go_on(loop, client, endpoint, options, limits, token, failure, sent)
end

return retry
