-- The outcome of a wait: the rules that say what the responses of the service prove.
--
-- The polled operation alone does not tell how a cancel ended: it may be the publish (then `completed` says that the
-- publish finished first) or an operation of the cancellation itself (then `completed` says that the cancel worked).
--
-- Sources, as the rules name them:
-- [CANCEL] "Cancel operation": the 202 names "the location of the cancellation operation"
--          https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-cancel-operations
-- [LIST]   "Retrieve operations"; its first submission is the newest, and `canceled` one of its states, as seen by
--          openshift-ansible
--          https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations
-- [OFFER]  "Retrieve the status of the offer"
--          https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-offer-status
-- [SEEN]   in clients of the service: a cancel is answered with 202 whether something ran or not, and takes 1 to 3
--          minutes (openshift-ansible); a publish waits for the publisher's sign-off until go live (azure-img-utils)
-- [LOGIC]  inferred: an offer has one running operation at most, so what ended before the cancel was sent was not
--          cancelled by it

local redact = require "cpp.redact"
local status = require "cpp.status"

local outcome = {}

-- Seconds by which a time of the service may lie before the request and still count as after it: the Date of a
-- response has no fractions, and the service has more than one clock.
local TOLERANCE = 2

-- The facts of a rule, each one word (see operation_word and the two after it):
--   operation   of a cancel, the polled one: "canceled", "completed", "failed", "signoff", or "earlier" (it ended
--               before the cancel was sent); "published": the completed one of a publish or go live; "followed": none
--               was polled, but the offer's operation was seen to run; "unseen": none was
--   submission  the one that the call was about, in the offer's list: "canceled", "completed", "failed", "running",
--               "earlier", "undated" (it ended at a time that is not known), "contradiction" (the list says otherwise
--               of the polled operation than that itself); "none": the list is empty; "unread": it cannot be read;
--               "later": it cannot be read now
--   offer       the offer's status: "canceled", "completed", "failed", "running", "signoff", "never" (nothing was ever
--               published), "other"; or "unread" or "later"
-- A fact that a rule does not name may be anything; a fact that has not been asked for matches no rule that names it.
-- The first rule that matches decides. `settles`: what it says may still change, so it holds only if it is the same
-- after a while (wait.lua).
local PROVEN, UNPROVEN = { "completed", "followed" }, { "earlier", "unseen" }
local NO_LIST = { "none", "unread", "later" }
local READ = { "canceled", "completed", "failed", "running", "signoff", "never", "other", "unread", "later" }

local RULES = {
  { operation = "canceled", outcome = "canceled", source = "CANCEL" },
  { operation = "failed", outcome = "failed", source = "CANCEL" },
  { operation = "signoff", outcome = "signoff", source = "SEEN" },
  { operation = "published", outcome = "completed", source = "LIST" },
  { operation = "completed", submission = "contradiction", settles = true, outcome = "unknown", source = "LOGIC" },
  { submission = "canceled", outcome = "canceled", source = "LIST" },
  { submission = "completed", outcome = "completed", source = "LIST" },
  { submission = "failed", outcome = "failed", source = "LIST" },
  { submission = "earlier", outcome = "none", source = "LOGIC" },
  { submission = "undated", outcome = "unknown", source = "LOGIC" },
  { submission = "running", offer = "signoff", settles = true, outcome = "signoff", source = "SEEN" },
  { submission = NO_LIST, offer = "never", outcome = "none", source = "OFFER" },
  { submission = NO_LIST, offer = "signoff", settles = true, outcome = "signoff", source = "SEEN" },
  { operation = PROVEN, submission = NO_LIST, offer = "canceled", outcome = "canceled", source = "OFFER" },
  { operation = PROVEN, submission = NO_LIST, offer = "completed", outcome = "completed", source = "OFFER" },
  { operation = UNPROVEN, submission = NO_LIST, offer = { "canceled", "completed" }, outcome = "unknown",
    source = "LOGIC" },
  { submission = { "running", "later" }, offer = READ, settles = true, outcome = "unknown", source = "LOGIC" },
  { offer = { "running", "later" }, settles = true, outcome = "unknown", source = "LOGIC" },
  { offer = READ, outcome = "unknown", source = "LOGIC" },
}

local function matches(wanted, word)
  if wanted == nil or wanted == word then return true end
  if type(wanted) ~= "table" then return false end
  for _, one in ipairs(wanted) do
    if one == word then return true end
  end
  return false
end

-- Days from 1970 to a date of the Gregorian calendar. The year begins with March, so that a leap day ends it.
local function days_of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return year * 365 + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
end

--- The time that a text of the service means, such as "2022-06-02T12:25:56.651"; UTC where it names no zone.
-- @param text anything
-- @return seconds since 1970; nil where it is no time
function outcome.time(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, rest =
    text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(.*)$"
  if not year then return nil end
  local fraction, zone = rest:match "^%.(%d+)(.*)$"
  local sign, hours, minutes = (zone or rest):match "^([+-])(%d%d):?(%d%d)$"
  if not sign and not (zone or rest):find "^[Zz]?$" then return nil end
  local offset = sign and (hours * 60 + minutes) * (sign == "+" and 60 or -60) or 0
  return days_of(tonumber(year), tonumber(month), tonumber(day)) * 86400 + hour * 3600 + minute * 60 + second
    + tonumber("0." .. (fraction or "0"):sub(1, 9)) - offset
end

--- Whether something that the service dates ended before a request was sent.
-- @param time seconds since 1970 or nil
-- @param sent_at the same, by the service's clock
-- @return boolean; nil where either is not known
function outcome.is_before(time, sent_at)
  return time and sent_at and time < sent_at - TOLERANCE
end

-- The publishes and go lives of a list. An operation of a cancellation may be listed too.
local function publishes_of(list)
  local publishes = {}
  for _, submission in ipairs(list) do
    local kind = type(submission.submissionType) == "string" and submission.submissionType:lower() or ""
    if submission.state and not kind:find "cancel" then publishes[#publishes + 1] = submission end
  end
  return publishes
end

--- The submission of a list that a call was about: the one with a known id; else the first that ended after the
-- request was sent; else the newest.
-- @param list list of submissions, the newest first
-- @param facts table: operation_id and submission_id (of what ran), sent_at
-- @return the submission; nil where there is none
function outcome.submission_of(list, facts)
  local publishes = publishes_of(list)
  for _, id in ipairs { facts.submission_id or false, facts.operation_id or false } do
    for _, submission in ipairs(publishes) do
      local time = outcome.time(submission.changedTime)
      local is_over = status.ended(submission.state) ~= nil and outcome.is_before(time, facts.sent_at)
      if id and submission.id == id and not is_over then return submission end
    end
  end
  for place = #publishes, 1, -1 do
    local submission = publishes[place]
    local before = outcome.is_before(outcome.time(submission.changedTime), facts.sent_at)
    if before == false and status.ended(submission.state) ~= nil then return submission end
  end
  return publishes[1]
end

-- The words of the facts: see RULES.
local function operation_word(facts)
  local operation = facts.operation
  if not operation then return (facts.was_running or facts.call ~= "cancel") and "followed" or "unseen" end
  if status.ended(operation.state) == nil then return "signoff" end
  if facts.is_earlier then return "earlier" end
  if operation.state == "completed" and (facts.call == "publish" or facts.call == "go_live") then return "published" end
  return status.ended(operation.state) and operation.state or "failed"
end

-- The word where a document could not be read.
local function unread(err)
  return err and err.retryable and "later" or "unread"
end

local function submission_word(facts)
  local submission = facts.submission
  if submission == nil then return nil end -- not asked for
  if not submission then return facts.list and "none" or unread(facts.list_error) end
  local state = submission.state
  local word = status.ended(state) == false and "failed" or status.ended(state) and state or "running"
  if word == "running" then return word end
  if submission.id ~= nil and submission.id == facts.submission_id then return word end -- it ran at the time
  local before = outcome.is_before(outcome.time(submission.changedTime), facts.sent_at)
  -- A polled operation that was seen to run contradicts that nothing was left to be canceled.
  if before then return facts.call == "cancel" and not facts.was_running and "earlier" or "undated" end
  local operation = operation_word(facts)
  if before == nil and (operation == "unseen" or operation == "earlier") then return "undated" end
  if operation == "completed" and submission.id == facts.operation_id and word ~= "completed" then
    return "contradiction"
  end
  return word
end

local OFFER_WORDS = {
  canceled = "canceled", completed = "completed", published = "completed", failed = "failed", rejected = "failed",
  running = "running", inprogress = "running", neverpublished = "never", notstarted = "never",
}

local function offer_word(facts)
  local offer = facts.offer
  if offer == nil then return nil end -- not asked for
  if not offer then return unread(facts.offer_error) end
  return status.waits_for_publisher(offer) and "signoff" or OFFER_WORDS[offer.state] or "other"
end

--- What the facts of a wait prove.
-- @param facts table: call ("cancel", "publish", "go_live" or nil), sent_at (seconds since 1970, by the service's
--   clock), operation (the polled one), is_earlier (it ended before the call), was_running (it was seen to run),
--   operation_id (its id), submission and offer (documents; false: asked for in vain; nil: not asked for), list (of
--   submissions, where it could be read), list_error and offer_error (why not)
-- @return table: outcome ("canceled", "completed", "signoff", "none", "unknown"; or "failed") and settles; or nil
--   where more must be asked for
function outcome.of(facts)
  local operation, submission, offer = operation_word(facts), submission_word(facts), offer_word(facts)
  for _, rule in ipairs(RULES) do
    if matches(rule.operation, operation) and matches(rule.submission, submission) and matches(rule.offer, offer) then
      return rule
    end
  end
  return nil
end

local WORD = 100 -- bytes of an id or a time

--- A fact as it may be shown: the service's id and time may be anything.
function outcome.fact(state, id, time)
  return {
    state = state, id = type(id) == "string" and redact.line(id, WORD) or nil,
    time = type(time) == "string" and redact.line(time, WORD) or nil,
  }
end

--- What the facts are, for people.
-- @return table: of `operation`, `submission` and `offer_status`, as far as they were read, each state, id and time
function outcome.evidence(facts)
  local operation, submission, offer = facts.operation, facts.submission, facts.offer
  return {
    operation = operation and outcome.fact(operation.state, facts.operation_id, operation.lastActionDateTime),
    submission = submission and outcome.fact(submission.state, submission.id, submission.changedTime) or nil,
    offer_status = offer and { state = offer.state } or nil,
  }
end

return outcome
