-- The status strings of the service: one spelling for each, and what they mean for waiting.
--
-- The service spells them in many ways (`not started`, `notStarted`, `NotStarted`; `complete`,
-- `completed`, `succeeded`; `canceled`, `cancelled`), so they are compared in lower case, without
-- blanks, `_` and `-`.
-- https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-operations
-- https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-retrieve-offer-status

local core = require "cpp.core"
local lower = require "cpp.lower"

local status = {}

local LONGEST = 50 -- bytes of a text that may be a state: those that were seen have up to 28
local UNKNOWN = "unknown"

-- Different words for the same state. Other words are kept, normalised.
local SAME = {
  complete = "completed",
  succeeded = "completed",
  cancelled = "canceled",
}

-- "Ends well" means that the operation has ended without a failure. What this proves about a cancel is in outcome.lua.
local ENDS_WELL = { completed = true, canceled = true }
local ENDS_BADLY = { failed = true, rejected = true }

--- The one spelling of a status.
-- A state is one word of letters, so it can be shown anywhere. A secret in a normalised text could not be recognised.
-- @param text string from the service; anything else gives nil
-- @param secrets list or nil: a text that holds one of these is no state (see auth.secrets)
-- @return string in lower case, such as "running", "completed", "canceled", "notstarted"; "unknown" for a text that is
--   no such word; nil
function status.normalise(text, secrets)
  if type(text) ~= "string" then return nil end
  if #text > LONGEST then return UNKNOWN end
  local plain = lower(text):gsub("[\t-\r _-]", "")
  if plain == "" then return nil end
  if not plain:find "^[a-z]+$" then return UNKNOWN end
  if secrets and core.redact(text, 2 * LONGEST, secrets):find "%[" then return UNKNOWN end
  return SAME[plain] or plain
end

--- Whether an operation in that (normalised) state is over, and how.
-- @return true if it ended well, false if it ended badly, nil if it has not ended. An unknown state counts as not
--   ended, because a wait must not report an end that did not happen
function status.ended(state)
  if ENDS_WELL[state] then return true end
  if ENDS_BADLY[state] then return false end
  return nil
end

--- Whether a document that has not ended waits for the publisher's sign-off, until go live. Its status or a step has
-- this state (seen in azure-img-utils).
-- @param document an operation or the status of an offer, decoded, with state
-- @return boolean
function status.waits_for_publisher(document)
  if document.state == "waitingforpublisherreview" then return true end
  if status.ended(document.state) ~= nil or type(document.steps) ~= "table" then return false end
  for _, step in ipairs(document.steps) do
    if type(step) == "table" and status.normalise(step.status) == "waitingforpublisherreview" then return true end
  end
  return false
end

-- The progress of a step, 0..100.
local function step_progress(step)
  if type(step) ~= "table" then return 0 end
  local state = status.normalise(step.status)
  if state == "completed" then return 100 end
  local percentage = tonumber(step.progressPercentage)
  if not percentage or percentage ~= percentage then return 0 end
  return math.max(0, math.min(100, percentage))
end

--- The progress of an operation: the mean of its steps.
-- @param operation table, decoded
-- @param state its normalised state
-- @return integer 0..100. Without steps: 100 when completed, else 0
function status.progress(operation, state)
  if state == "completed" then return 100 end
  local steps = operation.steps
  if type(steps) ~= "table" or #steps == 0 then return 0 end
  local sum = 0
  for _, step in ipairs(steps) do sum = sum + step_progress(step) end
  return sum // #steps | 0
end

--- The current step: the first one that has begun and is not done.
-- @param operation table, decoded, with state
-- @return its name, a string; nil if there is none, or the operation has ended
function status.current_step(operation)
  if status.ended(operation.state) ~= nil then return nil end
  for _, step in ipairs(type(operation.steps) == "table" and operation.steps or {}) do
    local state = type(step) == "table" and status.normalise(step.status)
    if state and state ~= "completed" and state ~= "notstarted" then
      return type(step.stepName) == "string" and step.stepName or nil
    end
  end
  return nil
end

return status
