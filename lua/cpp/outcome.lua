-- The outcome of a wait: the rules for what the responses of the service prove.
--
-- The polled operation alone does not show how a cancel ended. It may be the publish (then `completed` means that the
-- publish finished first) or an operation of the cancellation itself (then `completed` means that the cancel worked).
--
-- Sources, as the rules name them:
-- [CANCEL] "Cancel operation": the 202 names the "location of the cancellation operation"
--          https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-cancel-operations
-- [LIST]   "Retrieve operations": "Only one operation can have status running at a time"; `completed` and `failed`
--          are states. Not documented, but seen by openshift-ansible: the first submission is the newest, and
--          `canceled` is a state
--          https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations
-- [OFFER]  "Retrieve offer status"
--          https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-offer-status
-- [SEEN]   in clients of the service: a cancel gets 202 whether or not an operation ran, and takes 1 to 3 minutes
--          (openshift-ansible); a publish waits for the publisher's sign-off until go live (azure-img-utils)
-- [LOGIC]  inferred: only a cancel makes an operation `canceled`; a cancel did not cancel an operation that had ended
--          before it was sent; the first operation that ended after it was sent ran at that time [LIST]
-- doc/partner-center.md has links to these clients.

local lower = require "cpp.lower"
local redact = require "cpp.redact"
local status = require "cpp.status"

local outcome = {}

-- Seconds: a time of the service that is this much before the request still counts as after it. The Date of a response
-- has no fractions, and the service has more than one clock.
local TOLERANCE = 2
-- The same for a canceled operation: within these seconds, either another cancel came before, or the clocks differ.
local DOUBT = 10

-- The facts of a rule, each one word (see operation_word, submission_word and offer_word):
--   operation   the polled operation
--                 canceled, completed, signoff
--                 earlier       it ended before the cancel was sent
--                 unlisted      it has no time of its end, and all submissions had ended before the cancel; or it was
--                               canceled shortly before the cancel, or created after it
--                 failed        it failed, after a cancel
--                 broken        it failed, after any other call
--                 published     it completed, after a publish or go live
--                 followed      none was polled, but the offer's operation was seen running
--                 unseen        none was polled or seen
--   submission  the submission that the call was about, in the offer's list
--                 canceled, completed, failed, running
--                 earlier       none has ended since the cancel was sent, and none runs
--                 undated       the time of its end is not known, or it was canceled shortly before the cancel
--                 canceled?     canceled, in a list without times, if the response to the cancel was lost
--                 contradiction the list contradicts the polled operation
--                 none          the list is empty
--                 unread        the list cannot be read
--                 later         the list cannot be read now
--   offer       the offer's status: canceled, completed, running, signoff, never (never published), other; or unread,
--               later
-- A fact that a rule does not name may have any value. A fact that has not been requested matches no rule that names
-- it. The first rule that matches decides. `settles`: the outcome may still change, so it counts only if it is the same
-- after a while (wait.lua). The same applies while a document cannot be read now.
local PROVEN, UNPROVEN = { "completed", "followed" }, { "earlier", "unlisted", "unseen" }
local NO_LIST = { "none", "unread", "later" }
local READ = { "canceled", "completed", "running", "signoff", "never", "other", "unread", "later" }

local RULES = {
  { operation = "canceled", outcome = "canceled" }, -- [LOGIC]
  { operation = "broken", outcome = "failed" }, -- [LIST]
  { operation = "signoff", outcome = "signoff" }, -- [SEEN]
  { operation = "published", outcome = "completed" }, -- [LIST]
  { submission = "contradiction", settles = true, outcome = "unknown" }, -- [LOGIC]
  { submission = "canceled", outcome = "canceled" }, -- [LIST]
  { submission = "completed", outcome = "completed" }, -- [LIST]
  { submission = "failed", outcome = "failed" }, -- [LIST]
  { submission = "earlier", offer = "signoff", settles = true, outcome = "signoff" }, -- [SEEN]
  { submission = "earlier", offer = { "running", "later" }, settles = true, outcome = "unknown" }, -- [LOGIC]
  { operation = "earlier", submission = "earlier", offer = READ, outcome = "none" }, -- [LOGIC]
  { submission = "earlier", offer = READ, settles = true, outcome = "none" }, -- [LOGIC]
  { submission = "running", offer = "signoff", settles = true, outcome = "signoff" }, -- [SEEN]
  { operation = "failed", submission = "running", offer = READ, settles = true, outcome = "failed" }, -- [CANCEL]
  { submission = "canceled?", offer = "canceled", outcome = "canceled" }, -- [OFFER]
  { submission = "running", offer = READ, settles = true, outcome = "unknown" }, -- [LOGIC]
  { operation = UNPROVEN, submission = NO_LIST, offer = "never", outcome = "none" }, -- [OFFER]
  { submission = NO_LIST, offer = "never", settles = true, outcome = "none" }, -- [OFFER]
  { submission = NO_LIST, offer = "signoff", settles = true, outcome = "signoff" }, -- [SEEN]
  { operation = PROVEN, submission = NO_LIST, offer = "canceled", outcome = "canceled" }, -- [OFFER]
  { operation = PROVEN, submission = NO_LIST, offer = "completed", outcome = "completed" }, -- [OFFER]
  { submission = "none", offer = { "canceled", "completed" }, settles = true, outcome = "unknown" }, -- [LOGIC]
  { submission = NO_LIST, offer = "running", settles = true, outcome = "unknown" }, -- [LOGIC]
  { operation = "failed", offer = READ, outcome = "failed" }, -- [CANCEL]
  { offer = READ, outcome = "unknown" }, -- [LOGIC]
}

local function matches(wanted, word)
  if type(wanted) ~= "table" then return wanted == nil or wanted == word end
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

--- The time in a text of the service, such as "2022-06-02T12:25:56.651"; UTC if it has no zone.
-- @param text anything
-- @return seconds since 1970; nil if the text is not a time
function outcome.time(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, rest =
    text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(.*)$"
  if not year or year < "2000" then return nil end -- .NET writes "0001-01-01T00:00:00" for no time
  local fraction, zone = rest:match "^(%.%d+)(.*)$"
  local sign, hours, minutes = (zone or rest):match "^([+-])(%d%d):?(%d%d)$"
  if not sign and not (zone or rest):find "^[Zz]?$" then return nil end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 or minute > 59 or second > 60 then return nil end
  local offset = sign and (hours * 60 + minutes) * (sign == "+" and 60 or -60) or 0
  return days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    + tonumber(("0%.7s"):format(fraction or "")) - offset
end

-- When an operation ended, given its state and time (seconds since 1970 or nil): "since" the call was sent; "near":
-- shortly before, within the difference of the clocks; "doubtful" (see DOUBT); or "before". nil if not known.
local function when(time, state, facts)
  local lead = time and facts.sent_at and facts.sent_at - time
  if not lead then return nil end
  if lead <= 0 then return "since" end
  if lead <= TOLERANCE then return "near" end
  return state == "canceled" and lead <= DOUBT and "doubtful" or "before"
end

-- The publishes and go lives of a list. An operation of a cancellation may be listed too.
local function publishes_of(list)
  local publishes = {}
  for _, submission in ipairs(list) do
    local kind = type(submission.submissionType) == "string" and lower(submission.submissionType) or ""
    if submission.state and not kind:find "cancel" then publishes[#publishes + 1] = submission end
  end
  return publishes
end

--- The running submission of a list. The newest one may still be queued; an older one that was never started does not
-- count.
-- @param list list of submissions, the newest first
-- @return the submission, or nil
function outcome.running(list)
  for place, submission in ipairs(publishes_of(list)) do
    local state = submission.state
    if status.ended(state) == nil and (place == 1 or state ~= "notstarted") then return submission end
  end
  return nil
end

--- Whether the ids of two documents are the same: the service may write them in either case.
function outcome.is_same(id, other)
  return id ~= nil and other ~= nil and lower(tostring(id)) == lower(tostring(other))
end

-- The newest submission of a list that has ended, or nil.
local function newest_ended(publishes)
  for _, submission in ipairs(publishes) do
    if status.ended(submission.state) ~= nil then return submission end
  end
  return nil
end

local function by_id(list, id)
  for _, submission in ipairs(list) do
    if outcome.is_same(submission.id, id) then return submission end
  end
  return nil
end

-- The time at which a submission ended, from the list or the polled operation.
local function time_of(submission, facts)
  local time = outcome.time(submission.changedTime)
  if time or not facts.operation or not outcome.is_same(submission.id, facts.operation_id) then return time end
  return outcome.time(facts.operation.lastActionDateTime)
end

-- When a submission ended: see `when`. nil also if it has not ended.
local function when_ended(submission, facts)
  return status.ended(submission.state) ~= nil and when(time_of(submission, facts), submission.state, facts) or nil
end

local STARTS = { publish = true, go_live = true } -- calls that start a submission of their own

-- A submission that has ended since the call was sent. For a cancel, the first one: it was running when the cancel was
-- sent, because an offer has at most one running operation, and operations of the cancellation and later publishes are
-- newer. A submission that ended shortly before counts only if no other was canceled since or is the polled operation.
-- For a publish or go live, the last one.
local function ended_since(publishes, facts)
  local found
  for _, submission in ipairs(publishes) do -- the newest first
    local ended = when_ended(submission, facts)
    local is_meant = found and (found.state == "canceled" or outcome.is_same(found.id, facts.operation_id))
    if ended == "since" or ended == "near" and not is_meant or ended == "doubtful" and not found then
      found = submission
      if STARTS[facts.call] then break end
    end
  end
  return found
end

-- The submission that was seen running. The list in which it was seen may have been late.
local function known_one(publishes, facts)
  local submission = by_id(publishes, facts.submission_id)
  local ended = submission and when_ended(submission, facts)
  return (not ended or ended == "since") and submission or nil
end

-- Whether a running submission ran before the call was sent, according to its time.
local function ran_before(submission, facts)
  local changed = outcome.time(submission.changedTime)
  return changed ~= nil and changed <= facts.sent_at + TOLERANCE
end

-- The submission that the call was about, according to the times of the list.
local function dated_one(publishes, facts)
  local since, running, newest = ended_since(publishes, facts), outcome.running(publishes), newest_ended(publishes)
  local ended = newest and when_ended(newest, facts)
  facts.none_since = ended == "before" or ended == "doubtful"
  local runs = running and (STARTS[facts.call] or not since
    or when_ended(since, facts) ~= "since" and ran_before(running, facts))
  if runs then return running, "running" end
  if since then return since, "since" end
  return ended and newest or nil, "earlier"
end

--- Finds the submission that a call was about, in the list of the facts.
-- @param facts table: list; gets submission (false: there is none); `found`, the way in which it was found: "id" (it
--   was seen running), "since" (it ended after the call was sent, or shortly before), "running", "earlier" (all
--   submissions ended before the call) or "newest"; and none_since: whether the newest ended one ended before the call
--   was sent
function outcome.find_submission(facts)
  local publishes = publishes_of(facts.list)
  local submission, found = known_one(publishes, facts), "id"
  if not submission and facts.sent_at then submission, found = dated_one(publishes, facts) end
  if not submission then
    submission = by_id(publishes, facts.operation_id) or outcome.running(publishes) or publishes[1]
    found = "newest"
  end
  facts.submission, facts.found = submission or false, found
end

local REUSED = 30 -- seconds: an operation that was created this long after the cancel does not belong to it

-- Whether the polled operation of a cancel ended before the cancel was sent: "earlier", "unlisted" or nil. If the
-- operation has no time, the list decides, in which it may have another id. A location with the name of the offer
-- instead of an id may also show a later publish.
local function earlier_word(facts)
  local operation = facts.operation
  local created = outcome.time(operation.createdDateTime)
  if created and facts.sent_at and created > facts.sent_at + REUSED then return "unlisted" end
  if facts.was_running then return nil end
  local listed = facts.list and by_id(facts.list, facts.operation_id)
  local time = outcome.time(operation.lastActionDateTime) or listed and outcome.time(listed.changedTime)
  local ended = when(time, operation.state, facts)
  if ended == "before" then return "earlier" end
  if ended == "doubtful" then return "unlisted" end
  return not time and facts.none_since and "unlisted" or nil
end

-- The words for the facts: see RULES.
local function operation_word(facts)
  local operation, call = facts.operation, facts.call
  if not operation or operation.state == "neverpublished" then
    return (facts.was_running or call ~= "cancel") and "followed" or "unseen"
  end
  if status.ended(operation.state) == nil then return "signoff" end
  local earlier = earlier_word(facts)
  if earlier then return earlier end
  if status.ended(operation.state) == false then return call == "cancel" and "failed" or "broken" end
  if operation.state == "completed" and (call == "publish" or call == "go_live") then return "published" end
  return operation.state
end

-- The word for a document that could not be read.
local function unread(err)
  return err and err.retryable and "later" or "unread"
end

local function submission_word(facts)
  local submission, found = facts.submission, facts.found
  if submission == nil then return nil end -- not asked for
  if not submission then return facts.list and "none" or unread(facts.list_error) end
  local ended = status.ended(submission.state)
  if ended == nil then return "running" end
  local word = ended and submission.state or "failed"
  local is_polled = outcome.is_same(submission.id, facts.operation_id)
  if found == "earlier" then
    if facts.call ~= "cancel" then -- a 200 to publish: published before, in this version
      return facts.status == 200 and word == "completed" and word or "undated"
    end
    local was_seen = is_polled and facts.was_running and not facts.follows -- seen running by a poll, not in a list
    return was_seen and word or "earlier"
  end
  local operation = operation_word(facts)
  if operation == "completed" and is_polled and word ~= "completed" then return "contradiction" end
  local is_proven = found ~= "newest" or not matches(UNPROVEN, operation)
  if is_proven and when_ended(submission, facts) ~= "doubtful" then return word end
  return facts.is_lost and word == "canceled" and not time_of(submission, facts) and "canceled?" or "undated"
end

local OFFER_WORDS = {
  canceled = "canceled", completed = "completed", published = "completed", running = "running", inprogress = "running",
  neverpublished = "never", notstarted = "never",
}

local function offer_word(facts)
  local offer = facts.offer
  if offer == nil then return nil end -- not asked for
  if not offer then return unread(facts.offer_error) end
  local word = status.waits_for_publisher(offer) and "signoff" or OFFER_WORDS[offer.state] or "other"
  return word == "never" and facts.was_running and not facts.list and "other" or word
end

--- The outcome that the facts of a wait prove.
-- @param facts table: call ("cancel", "publish", "go_live" or nil) and its status; sent_at (seconds since 1970, by the
--   service's clock); is_lost (no response to the call was read); operation (the polled one; or, if `follows`, that of
--   the list) and operation_id; was_running (an operation was seen running); submission_id (of the submission that was
--   seen running); submission and found (see outcome.find_submission); offer; list (of submissions); list_error and
--   offer_error. submission and offer are documents; false: requested, but not usable; nil: not requested
-- @return "canceled", "completed", "signoff", "none", "unknown" or "failed"; and whether that may still change; or nil
--   if more must be requested
function outcome.of(facts)
  local operation, submission, offer = operation_word(facts), submission_word(facts), offer_word(facts)
  for _, rule in ipairs(RULES) do
    if matches(rule.operation, operation) and matches(rule.submission, submission) and matches(rule.offer, offer) then
      return rule.outcome, rule.settles or submission == "later" or offer == "later"
    end
  end
  return nil
end

local LONGEST = 200 -- bytes of an id or a time
local ID, TIME = "^[A-Za-z0-9%-._~$:]+$", "^%d[%d%-:.+TtZz ]*$"

-- A text of the service, if it has the given form and holds no secret; or nil.
local function in_form(text, form, secrets)
  if type(text) ~= "string" or #text > LONGEST or not text:find(form) then return nil end
  return redact.line(text, LONGEST, secrets) == text and text or nil
end

--- A fact without secrets: the id and the time of the service may have any value.
-- @param secrets list: what to redact, as of auth.secrets
function outcome.fact(state, id, time, secrets)
  return { state = state, id = in_form(id, ID, secrets), time = in_form(time, TIME, secrets) }
end

--- The evidence that a caller gets.
-- @param secrets list: what to redact, as of auth.secrets
-- @return table: `operation`, `submission` and `offer_status`, if they were read, each with state, id and time
function outcome.evidence(facts, secrets)
  local operation, submission, offer = facts.operation, facts.submission, facts.offer
  if facts.follows then operation, submission = nil, submission or operation end
  return {
    operation = operation and outcome.fact(operation.state, facts.operation_id, operation.lastActionDateTime, secrets),
    submission = submission and outcome.fact(submission.state, submission.id, submission.changedTime, secrets) or nil,
    offer_status = offer and { state = offer.state } or nil,
  }
end

return outcome
