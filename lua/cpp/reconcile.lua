-- Reconciling: after an ambiguous error, what the service itself says about the offer.

local core = require "cpp.core"
local follow = require "cpp.follow"

-- The limits of all questions but the first: a client that is closed between two of them is no misuse.
local GOES_ON = {}

-- What is passed on to the questions: a client's options, as far as the target holds some.
local function question_of(target, options)
  local question = {}
  for name, value in pairs(options or {}) do question[name] = value end
  question.publisher, question.offer = target.publisher, target.offer
  return question
end

--- Asks the service what became of a call whose outcome is not known.
-- The submissions tell whether something still runs; when nothing does, the offer's status tells
-- whether it was cancelled. What neither tells stays unknown: a guess is no answer here.
-- https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations
-- @param client the client
-- @param target an ambiguous err, or a table with publisher and offer
-- @param options table or nil: any option of a client
-- @return table: state ("canceled", "running" or "unknown"), operation (what runs, with operation_id,
--   location and progress where the service tells them: a target for Client:wait), offer_status (the
--   offer's normalised status); publisher, offer
-- @return nil, err when the service cannot be asked
local function reconcile(client, target, options)
  if type(target) ~= "table" then
    core.misuse("expected an err or a table with publisher and offer, got " .. type(target))
  end
  local question = question_of(target, options)
  question.status = "running"
  local list, err = client:operations(question)
  if not list then return nil, err end
  local answer = { state = "unknown", publisher = target.publisher, offer = target.offer }
  for _, operation in ipairs(list) do
    if operation.state == "running" or operation.state == "inprogress" then
      question.status = nil
      follow.complete(client, question, GOES_ON, operation)
      answer.state, answer.operation = "running", operation
      return answer
    end
  end
  question.status = nil
  local offer, failed = client:offer_status(question, GOES_ON)
  if not offer then return nil, failed end
  answer.offer_status = offer.state
  if offer.state == "canceled" then answer.state = "canceled" end
  return answer
end

return reconcile
