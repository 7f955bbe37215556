-- Reconciling: after an ambiguous error, what the service itself says about the offer.

local core = require "cpp.core"
local follow = require "cpp.follow"
local outcome = require "cpp.outcome"

-- The limits of all requests but the first: a client that is closed between two of them is no misuse.
local GOES_ON = {}

-- What is passed on to the requests: a client's options, and what the target names.
local function question_of(target, options)
  local question = core.snapshot(options or {})
  question.publisher, question.offer = target.publisher, target.offer
  return question
end

--- Asks the service what became of a call whose outcome is not known.
-- The list of submissions tells whether something still runs, and how the newest one ended; the offer's status, where
-- the list does not tell. What neither tells stays unknown: a guess is no answer here.
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
  local facts = { submission_id = target.submission_id, sent_at = target.sent_at }
  local list, err = client:operations(question)
  if not list then return nil, err end
  local answer = { state = "unknown", publisher = question.publisher, offer = question.offer }
  local running = follow.running(list)
  if running then
    follow.complete(client, question, GOES_ON, running)
    answer.state, answer.operation = "running", running
    return answer
  end
  facts.list = list
  facts.submission = outcome.submission_of(list, facts) or false
  local rule = outcome.of(facts)
  local offer, failed = client:offer_status(question, GOES_ON)
  if not offer and not rule then return nil, failed end
  facts.offer = offer or false
  rule = rule or outcome.of(facts)
  answer.outcome = rule.outcome == "failed" and "unknown" or rule.outcome
  answer.evidence, answer.offer_status = outcome.evidence(facts), offer and offer.state
  if answer.outcome == "canceled" then answer.state = "canceled" end
  return answer
end

return reconcile
