-- Waiting: polls an operation until it has ended, and tolerates network failures.
--
-- Sources of the rules:
-- [ARM]  https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
--        (poll the location, honour Retry-After, 202 means "still running")
-- [RFC]  RFC 9110, section 10.2.3 (Retry-After)
-- [SEEN] seen by other clients of the service: cancelling takes 1 to 3 minutes (openshift-ansible), and a publish waits
--        for the publisher's sign-off (azure-img-utils); links are in doc/partner-center.md
-- What the end of an operation proves is in outcome.lua.

local auth = require "cpp.auth"
local core = require "cpp.core"
local errors = require "cpp.error"
local follow = require "cpp.follow"
local host = require "cpp.host"
local outcome = require "cpp.outcome"
local private = require "cpp.private"
local read = require "cpp.read"
local redact = require "cpp.redact"
local show = require "cpp.show"
local status = require "cpp.status"
local targets = require "cpp.target"

local TIMEOUT, INTERVAL, MAX_INTERVAL = 900, 5, 30 -- seconds; [SEEN]
local LEAST_PAUSE, MOST_PAUSE = 1, 300 -- seconds: the limits of a Retry-After; [RFC] has none
local GROWTH = 1.5
local FAILURES = 5 -- failures in a row that are tolerated
local GRACE = 60 -- seconds in which a server may not know a new operation yet (404)
local SETTLE = 60 -- seconds for which requests are repeated while their responses contradict each other
local SIGNOFF = 300 -- seconds by which a cancel of an offer that waits for the publisher has taken effect; [SEEN]
local NOTHING = "neverpublished" -- a state of an offer: a location may be that of the offer's status
local STOP_CHECK = 1 -- seconds between two calls of should_stop

local WORDS = 500 -- bytes of the service's own words in a message

-- The state of a wait is one small table, because there may be thousands of waits:
--   client, loop, held (the secrets of a client that may be closed meanwhile: see cpp.private)
--   call, status, sent_at, operation_id, submission_id: of the target
--   request, deadline, retries: the options of each poll, and its limits (see retry.call)
--   on_progress, should_stop: the callbacks
--   started, interval, longest, pause: seconds; when the wait began, its pauses, and the next one
--   follows: whether it waits for the offer, instead of an operation
--   location, operation: of the last response
--   failures, ridden_out: in a row; the second without the 404s of the GRACE
--   was_running, running_id, at_signoff: whether any operation was seen running; the id of the offer's; whether the
--   last one waits for the publisher
-- Single polls are not retried; the next poll is the retry. Only a refused token is renewed at once.
local Wait = { retries = 0, failures = 0, ridden_out = 0, was_running = false }
Wait.__index = Wait

-- The secrets to remove from a text of the service.
local function secrets_of(state)
  return auth.secrets(state.client, state.request)
end

-- The pause until the next poll. A Retry-After replaces the interval [ARM, RFC]. Otherwise the interval grows, with
-- jitter so that many waits do not poll together.
local function next_pause(state, retry_after)
  if retry_after then return math.max(LEAST_PAUSE, math.min(MOST_PAUSE, retry_after)) end
  local pause, longest = state.pause, state.longest
  state.pause = math.min(longest, pause * GROWTH)
  return math.min(longest, pause * (0.9 + 0.2 * core.random()))
end

-- A copy of the last operation, for an err.
local function presentable(state)
  if not state.operation then return nil end
  local operation, secrets = state.operation, secrets_of(state)
  local copy = redact.document(operation, secrets)
  -- Redacting a long document may truncate or omit them.
  copy.state, copy.location = operation.state, redact(operation.location, secrets)
  return copy
end

-- Completes an err so that another process can resume the wait.
local function give_up(state, err)
  local request, secrets = state.request, secrets_of(state)
  err.operation = presentable(state)
  err.location = redact(state.location, secrets)
  err.publisher = redact(err.publisher or request.publisher, secrets)
  err.offer = redact(err.offer or request.offer, secrets)
  err.operation_id = redact(state.operation_id, secrets)
  err.submission_id = redact(state.submission_id, secrets)
  err.call, err.sent_at = state.call, state.sent_at
  return nil, err
end

-- The err for an error of a callback, with the status of the accepted call.
local function raised(state, name, problem)
  host.pass_interrupt(problem)
  local text = redact.line(host.text(problem), WORDS, secrets_of(state))
  return errors.new("raised", name .. " failed: " .. text, { raised = problem, status = state.status })
end

-- The err that ends the wait: closed or stopped; or nil.
local function interruption(state)
  local should_stop, scheduler = state.should_stop, state.loop.scheduler
  local stopped = scheduler and scheduler.stopped()
  if should_stop and not stopped and state.client.core:usable() then
    local done, answer = host.call(state.loop, should_stop)
    if not done then return raised(state, "should_stop", answer) end
    stopped = answer
  end
  if not state.client.core:usable() then return errors.closed "the end of the wait" end
  return stopped and errors.new("stopped", "should_stop ended the wait") or nil
end

-- The err of a wait that has reached its deadline.
local function timed_out(state)
  local seen = state.operation and "last state: " .. (state.operation.state or "unknown") or "no status was received"
  return give_up(state, errors.new("timeout", ("the operation has not ended after %g s (%s)"):format(
    state.deadline - state.started, seen)))
end

-- The seconds to sleep until a time, or until the next call of should_stop; 0 or less if the time has come. Or nil and
-- the err that ends the wait.
local function seconds_until(state, wake)
  local err = interruption(state)
  if err then return nil, err end
  local left = wake - host.now(state.loop)
  return state.should_stop and math.min(left, STOP_CHECK) or left
end

-- The err for an operation that ended badly.
local function fail(state, operation)
  local reason = type(operation.error) == "table" and operation.error.message or operation.error
  reason = type(reason) == "string" and ": " .. redact.line(reason, WORDS, secrets_of(state)) or ""
  return give_up(state, errors.new("failed", "the operation ended " .. operation.state .. reason))
end

-- A copy of a decoded document, for a callback, which may change it.
local function copy_of(document)
  if type(document) ~= "table" then return document end
  local copy = {}
  for name, value in next, document do copy[name] = copy_of(value) end
  return copy
end

-- Calls on_progress. Returns the err that ends the wait, or nil.
local function saw(state, operation)
  state.failures, state.ridden_out = nil, nil
  state.operation, state.at_signoff = operation, status.waits_for_publisher(operation) or nil
  state.location = operation.location or state.location
  if status.ended(operation.state) == nil then
    state.was_running = true
    if state.follows then state.running_id = operation.submission_id end
  end
  show.as(state.client, "operation", operation, state.request)
  local on_progress = state.on_progress
  if not on_progress then return nil end
  local shown = copy_of(operation)
  redact.remember(show.as(state.client, "operation", shown, state.request), secrets_of(state))
  local done, problem = host.call(state.loop, on_progress, shown)
  return not done and raised(state, "on_progress", problem) or nil
end

-- The facts for the outcome that are known: see outcome.of. `known` has some of operation, list and offer.
local function facts_of(state, known)
  local call, operation = state.call, known.operation
  return {
    call = call, status = state.status,
    -- The location of a publish names the publish itself.
    sent_at = (call == "cancel" or state.follows) and state.sent_at or nil,
    operation = operation, operation_id = state.operation_id or state.operation and state.operation.id,
    submission_id = state.running_id or state.submission_id, was_running = state.was_running,
    list = known.list, offer = known.offer, follows = state.follows,
  }
end

-- Polls the operation, by its location or ids. Returns: operation, nil, retry_after; or nil, err, retry_after.
local function look_at_operation(state)
  local operation, err, retry_after = read.operation(state.client, state.request, state)
  return operation, err, retry_after or err and err.retry_after
end

-- Polls the running operation of the offer; the first one that was seen running is followed. The whole list is
-- requested, because the rules of its filter are not documented. Returns the same; or nil, nil, retry_after, list if
-- the operation has ended, or none runs.
local function look_at_offer(state)
  local list, err, retry_after = read.operations(state.client, state.request, state)
  if not list then return nil, err, err.retry_after end
  local facts = facts_of(state, { list = list })
  outcome.find_submission(facts)
  local submission = facts.submission
  if not submission or status.ended(submission.state) ~= nil then return nil, nil, retry_after, list end
  follow.complete(state.client, state.request, state, submission)
  return submission, nil, retry_after
end

-- The document that a wait for an offer returns if no operation was polled: the submission or the status that was read.
-- Returns nil and an err if there is none.
local function document_of(state, facts)
  local document = facts.submission or facts.offer
  if not document then return nil, errors.new("protocol", "the service does not report how the operation ended") end
  if facts.submission then
    follow.complete(state.client, state.request, state, document)
  else
    document.publisher, document.offer = state.request.publisher, state.request.offer
    document.progress = status.progress(document, document.state)
  end
  local ending = saw(state, document)
  return not ending and document or nil, ending
end

-- Ends a wait with an outcome: returns the operation; or nil and an err.
local function finish(state, known, facts, word)
  if word == "unknown" and known.err then return give_up(state, known.err) end
  local document, problem = known.operation, nil
  if not document then document, problem = document_of(state, facts) end
  if problem then return give_up(state, problem) end
  if word == "failed" then
    return fail(state, status.ended(document.state) == false and document or facts.submission)
  end
  local secrets = secrets_of(state)
  redact.remember(document, secrets)
  document.outcome, document.evidence = word, outcome.evidence(facts, secrets)
  return document
end

-- Ends a wait at its deadline. An operation that waits for the publisher has the outcome signoff, unless the wait is
-- for a cancel or a go live.
local function run_out(state)
  local operation, call = state.operation, state.call
  if operation and call ~= "cancel" and call ~= "go_live" and state.at_signoff then
    local known = { operation = operation }
    return finish(state, known, facts_of(state, known), "signoff")
  end
  return timed_out(state)
end

-- Determines the outcome of an operation that has ended, or can no longer be polled. Requests are repeated while
-- responses contradict each other. Returns false and the results of the wait; or true if the offer is followed, and an
-- operation is running after all.
local function conclude(state, known)
  local loop = state.loop
  local settled = math.min(host.now(loop) + SETTLE, state.deadline)
  local last -- the last complete facts, and their outcome
  local pause = state.interval
  while true do
    local facts = facts_of(state, known)
    local word, settles = follow.find_outcome(state.client, state.request, state, facts)
    local missed = facts.list_error or facts.offer_error
    if not last or not (missed and missed.retryable) then last = { facts = facts, word = word } end
    local now = host.now(loop)
    if not settles or now >= settled then return false, finish(state, known, last.facts, last.word) end
    if state.follows and facts.submission and status.ended(facts.submission.state) == nil then return true end
    local asked = missed and missed.retry_after
    local wake = math.min(now + (asked and next_pause(state, asked) or pause), settled)
    pause = math.max(pause, math.min(INTERVAL, pause * GROWTH))
    local left, err = seconds_until(state, wake)
    while left and left > 0 do
      loop.sleep(state.client.core, left)
      left, err = seconds_until(state, wake)
    end
    if not left then return false, give_up(state, err) end
    known.list, known.offer = nil, nil
  end
end

-- Whether an operation that has not ended waits for the publisher, so that the wait ends. A cancel of such an operation
-- takes a while to show. Returns a boolean; and the status of the offer, if only this has the step.
local function has_stopped(state, operation)
  local call = state.call
  local waited = host.now(state.loop) - state.started
  if call == "go_live" or call ~= "publish" and waited < SIGNOFF then return false end
  if state.at_signoff then return true end
  -- [SEEN]: only the offer's status may have the step.
  local steps = operation.steps
  if type(steps) == "table" and #steps > 0 and operation.progress < 100 or not state.request.offer then return false end
  local offer = read.offer_status(state.client, state.request, state)
  return offer ~= nil and status.waits_for_publisher(offer), offer
end

-- Whether the submission that a cancel stopped has ended, although its location shows a running operation: a later
-- publish may have the same location. Checked when a cancel should have taken effect. Returns the list that shows it;
-- or nil.
local function superseded(state)
  local late = host.now(state.loop) - state.started >= SIGNOFF
  if not late or state.call ~= "cancel" or state.follows or not state.request.offer then return nil end
  local list = read.operations(state.client, state.request, state)
  if not list then return nil end
  local facts = facts_of(state, { list = list })
  outcome.find_submission(facts)
  local has_ended = facts.submission and status.ended(facts.submission.state) ~= nil
  return has_ended and (facts.found == "since" or facts.found == "id") and list or nil
end

-- Whether the operation that was started may not be listed yet.
local function may_appear(state)
  local call = state.call
  return (call == "publish" or call == "go_live") and not state.was_running
    and host.now(state.loop) - state.started < GRACE
end

-- Whether the wait continues after a failure: the next poll may succeed.
local function rides_out(state, err)
  state.failures = state.failures + 1
  if not state.location and not state.follows and err.kind ~= "auth" then state.location = err.url end
  if err.kind == "http" and err.status == 404 then
    return host.now(state.loop) - state.started < GRACE
  end
  state.ridden_out = state.ridden_out + 1
  return err.retryable and state.ridden_out <= FAILURES
end

-- Handles a failed poll; returns the same as step. If the service no longer knows the operation, it has ended, and the
-- list shows how. After the deadline there is no further poll.
local function miss(state, err, retry_after)
  if host.now(state.loop) >= state.deadline or rides_out(state, err) then return true, retry_after end
  err.attempts = state.failures
  local was_there = state.was_running or state.call == "cancel" -- an accepted cancel had an operation
  local is_gone = err.kind == "http" and err.status == 404 and was_there and not state.follows
  if is_gone and state.request.offer then return conclude(state, { err = err }) end
  return false, give_up(state, err)
end

-- Polls once. Returns true, and the seconds that the service asks to wait before the next poll; or, at the end of the
-- wait, false and the operation, or false, nil and an err.
local function step(state)
  local look = state.follows and look_at_offer or look_at_operation
  local operation, err, retry_after, list = look(state)
  if err then return miss(state, err, retry_after) end
  if operation then
    local ending = saw(state, operation)
    if ending then return false, give_up(state, ending) end
    local is_over = status.ended(operation.state) ~= nil
      or operation.state == NOTHING and state.call == "cancel"
    if is_over then return conclude(state, { operation = operation }) end
    local ended = superseded(state)
    if ended then return conclude(state, { list = ended }) end
    local stopped, offer = has_stopped(state, operation)
    if stopped then return conclude(state, { operation = operation, offer = offer }) end
    if state.request.location then state.request.location = operation.location end
  elseif not may_appear(state) then
    return conclude(state, { list = list })
  end
  return true, retry_after
end

-- Polls until the end. `result`: the seconds to wait before the first poll, or nil. Keep the call stack from here to
-- the loop's sleep short, and the variables few: they take memory in every wait.
local function poll(state, result)
  local goes_on, err = true, nil
  if not result then goes_on, result, err = step(state) end
  while goes_on do
    local wake = math.min(host.now(state.loop) + next_pause(state, result), state.deadline)
    local left
    left, err = seconds_until(state, wake)
    while left and left > 0 do
      state.loop.sleep(state.client.core, left)
      left, err = seconds_until(state, wake)
    end
    if not left then return give_up(state, err) end
    if host.now(state.loop) >= state.deadline then return run_out(state) end
    goes_on, result, err = step(state)
  end
  return result, err
end

--- Waits until an operation has ended.
-- @param client the client
-- @param given a result of cancel, publish or go_live; a location (string); or a table with publisher, offer and
--   operation_id; without operation_id, the running operation of the offer
-- @param options table or nil: cpp.WaitOptions in types/options.lua
-- @param goes_on true if the wait is part of a longer call: then a client that was closed meanwhile is not misuse, as
--   in an item of a batch
-- @return the operation after it has ended, with its outcome; or nil, err: kinds failed, timeout, stopped, closed, and
--   those of Client:operation
local function wait(client, given, options, goes_on)
  options = core.snapshot(options or {})
  core.check("wait", options)
  local target = targets.read(given)
  if target.outcome == "none" then return given end -- nothing was sent
  local is_done = target.status == 200 and not target.location and target.state == "canceled"
  if is_done then return targets.done_at_once(given) end
  local request = targets.request(target, options)
  local loop = host.loop(client, options)
  local is_closed = (goes_on or loop.scheduler) and not client.core:usable()
  if not is_closed then targets.check(client, target, request) end
  local started = host.now(loop)
  local interval = options.interval or INTERVAL
  local state = setmetatable({
    client = client, loop = loop, held = private[client].secrets[1],
    request = request, deadline = started + (options.timeout or TIMEOUT),
    started = started, interval = interval, longest = math.max(interval, options.max_interval or MAX_INTERVAL),
    pause = interval, location = target.location,
  }, Wait) -- with more fields at once, the table would have room for too many
  state.call, state.status, state.sent_at = target.call, target.status, target.sent_at
  state.operation_id, state.submission_id = target.operation_id, target.submission_id
  state.on_progress, state.should_stop = options.on_progress, options.should_stop
  state.follows = not (target.location or target.operation_id) or nil
  if is_closed then return give_up(state, interruption(state)) end
  return poll(state, target.call and target.retry_after)
end

return wait
