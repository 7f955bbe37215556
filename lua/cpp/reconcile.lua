-- Reconciling: after an ambiguous error, what the service itself says about the offer.

local auth = require "cpp.auth"
local core = require "cpp.core"
local follow = require "cpp.follow"
local host = require "cpp.host"
local outcome = require "cpp.outcome"
local private = require "cpp.private"
local read = require "cpp.read"
local show = require "cpp.show"
local status = require "cpp.status"

-- The limits of all requests but the first: a client that is closed between two of them is no misuse.
local GOES_ON = {}

local CALLS = { cancel = "cancel", publish = "publish", go_live = "go_live" }
local LATE = 10 -- seconds after a call in which the list and the offer's status may both be late

-- What is passed on to the requests: a client's options, and what the target names.
local function question_of(target, options)
  local question = core.snapshot(options or {})
  question.publisher, question.offer = target.publisher, target.offer
  return question
end

-- When the call of an err was sent, by the service's clock: as long before the first response as it is now ago. It is
-- known in the process that made the call, by the same clock.
local function sent_at(client, question, err, date)
  local call, loop = private[client].failed[err], host.loop(client, question)
  return call and date and rawequal(call.clock, loop.now) and date - math.ceil(host.now(loop) - call.sent) or nil
end

-- The word for an outcome that reconcile may tell: of what may still change, only what the list and the offer's status
-- agree on.
local function told(facts, word, settles)
  local offer = facts.offer
  -- The list may be late: what it says of an older submission holds where the offer's status does not contradict.
  local runs = offer and (offer.state == "running" or offer.state == "inprogress") and facts.found == "newest"
  if word == "failed" or runs and word ~= "signoff" then return "unknown" end
  local agrees = word == "none" and facts.sent_at or word == "signoff" and not facts.call
  return (not settles or agrees) and word or "unknown"
end

-- Looks once. Returns the answer; or nil and an err; and the seconds after which another look is needed, or nil.
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

--- Asks the service what became of a call whose outcome is not known.
-- The list of submissions tells whether something still runs, and how the newest one ended; the offer's status, where
-- the list does not tell. What neither tells stays unknown: a guess is no answer here. That nothing ran is asked again,
-- until ten seconds after the call.
-- https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations
-- @param client the client
-- @param target an ambiguous err, or a table with publisher and offer
-- @param options table or nil: any option of a client
-- @return table: state ("running", "canceled" or "unknown"), operation (what runs, with operation_id, location and
--   progress where the service tells them: a target for Client:wait); where nothing runs, outcome (as of Client:wait),
--   evidence, offer_status (the offer's normalised status); publisher, offer
-- @return nil, err when the service cannot be asked
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
