-- Reconciling: queries the service about the offer after an ambiguous error.

local auth = require "cpp.auth"
local core = require "cpp.core"
local follow = require "cpp.follow"
local host = require "cpp.host"
local outcome = require "cpp.outcome"
local private = require "cpp.private"
local read = require "cpp.read"
local show = require "cpp.show"
local status = require "cpp.status"

-- The limits of all requests but the first: if the client is closed between two of them, that is not misuse.
local GOES_ON = {}

local CALLS = { cancel = "cancel", publish = "publish", go_live = "go_live" }
local LATE = 10 -- seconds after a call in which the list and the offer's status may both be late

-- The options of the requests: those of a client, and the names in the target.
local function question_of(target, options)
  local question = core.snapshot(options or {})
  question.publisher, question.offer = target.publisher, target.offer
  return question
end

-- When the call of an err was sent, by the service's clock: the time of the first response, less the time that has
-- passed since the call. Known only in the process that made the call, with the same clock.
local function sent_at(client, question, err, date)
  local call, loop = private[client].failed[err], host.loop(client, question)
  return call and date and rawequal(call.clock, loop.now) and date - math.ceil(host.now(loop) - call.sent) or nil
end

-- The outcome that reconcile reports. An outcome that may still change counts only if the list and the offer's status
-- agree.
local function told(facts, word, settles)
  local offer = facts.offer
  -- The list may be late, so an older submission counts only if the offer's status does not contradict it.
  local runs = offer and (offer.state == "running" or offer.state == "inprogress") and facts.found == "newest"
  if word == "failed" or runs and word ~= "signoff" then return "unknown" end
  local agrees = word == "none" and facts.sent_at or word == "signoff" and not facts.call
  return (not settles or agrees) and word or "unknown"
end

-- Queries once. Returns the result; or nil and an err; and the seconds after which to query again, or nil.
local function look(client, question, target, limits)
  local call = CALLS[target.call] or target.ambiguous and "cancel"
  local facts = { submission_id = target.submission_id, sent_at = target.sent_at, call = call, is_lost = true }
  local list, err, _, date = read.operations(client, question, limits)
  if not list then return nil, err end
  facts.list, facts.sent_at = list, facts.sent_at or sent_at(client, question, target, date)
  local answer = { state = "unknown", publisher = question.publisher, offer = question.offer }
  outcome.find_submission(facts)
  local submission = facts.submission
  if submission and status.ended(submission.state) == nil then
    follow.complete(client, question, GOES_ON, submission)
    submission.call, submission.sent_at = facts.call or nil, facts.sent_at
    answer.state, answer.operation = "running", show.as(client, "operation", submission, question)
    return answer
  end
  local word = outcome.of(facts)
  local offer, failed = read.offer_status(client, question, GOES_ON)
  if not offer and not word then return nil, failed end
  facts.offer = offer or false
  word = told(facts, outcome.of(facts))
  answer.outcome, answer.evidence = word, outcome.evidence(facts, auth.secrets(client, question))
  answer.offer_status = offer and offer.state
  if word == "canceled" then answer.state = "canceled" end
  local left = word == "none" and date and facts.sent_at and facts.sent_at + LATE - date
  return answer, nil, left and left > 0 and left or nil
end

--- Queries the service after an ambiguous error.
-- The list of submissions shows whether one is running, and how the newest one ended. If it does not, the offer's
-- status decides; otherwise the result is unknown. If nothing ran, the query is repeated ten seconds after the call.
-- https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations
-- @param client the client
-- @param target an ambiguous err, or a table with publisher and offer
-- @param options table or nil: any option of a client
-- @return table: state ("running", "canceled" or "unknown"); operation (the running one, with operation_id,
--   location and progress if the service sends them: a target for Client:wait); if nothing runs, outcome (as of
--   Client:wait), evidence and offer_status (the offer's normalised status); publisher, offer
-- @return nil, err if a query failed
local function reconcile(client, target, options)
  if type(target) ~= "table" then
    core.misuse("expected an err or a table with publisher and offer, got " .. type(target))
  end
  local question = question_of(target, options)
  local answer, err, left = look(client, question, target)
  if left then
    host.sleep(host.loop(client, question), client.core, left)
    answer, err = look(client, question, target, GOES_ON)
  end
  return answer, err
end

return reconcile
