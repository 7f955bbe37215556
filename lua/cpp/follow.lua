-- What a wait asks the service: one operation, by its location or ids; what runs on an offer; and what else tells how
-- an operation has ended.
--
-- Each function here takes the client, the options of the request and its limits (see retry.call).

local core = require "cpp.core"
local outcome = require "cpp.outcome"
local status = require "cpp.status"

local follow = {}

local UNKNOWN = { outcome = "unknown" }

local function with(request, fields)
  local copy = {}
  for name, value in pairs(request) do copy[name] = value end
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

local IDENTIFIER = "^[%w%-._~$:]+$" -- as csrc/url.c takes them of a location

--- The id of an operation of a list, where it is one that can be asked for: it is the service's word, of any type.
function follow.id_of(operation)
  local id = operation.id
  return type(id) == "string" and id:find(IDENTIFIER) and pcall(core.check, "call", { operation_id = id }) and id or nil
end

local function decoded(segment)
  return segment and segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
end

--- The offer that a location names.
-- @param location string
-- @return publisher, offer; nil where it names none
function follow.offer_in(location)
  local publisher, offer = location:match "/publishers/([^/?#]+)/offers/([^/?#]+)/operations/"
  if not publisher then publisher, offer = location:match "/operations/([^/?#$]+)%$([^/?#$]+)%$" end
  publisher, offer = decoded(publisher), decoded(offer)
  if pcall(core.check, "call", { publisher = publisher, offer = offer }) then return publisher, offer end
  return nil
end

--- Looks at one operation: request.location, or request.publisher, offer and operation_id.
-- @return operation, nil, retry_after (seconds or nil); or nil, err
function follow.operation(client, request, limits)
  return client:look(request, limits)
end

--- Completes an operation of a list, which tells neither where it can be polled nor how far it is.
-- @param operation an operation of client:operations; gets publisher, offer and progress, and operation_id, location
--   and steps where the service tells them. What it has of these names is replaced: it would be the service's own, of
--   any type
function follow.complete(client, request, limits, operation)
  operation.publisher, operation.offer = request.publisher, request.offer
  operation.operation_id = follow.id_of(operation)
  operation.location, operation.progress = nil, status.progress(operation, operation.state)
  if not operation.operation_id or status.ended(operation.state) ~= nil then return end
  local seen = client:look(with(request, { operation_id = operation.operation_id }), limits)
  if seen then operation.location, operation.progress, operation.steps = seen.location, seen.progress, seen.steps end
end

--- The submission of a list that runs. A list's newest one may still be queued; an older one that was never started
-- is no operation.
-- @param list list of client:operations, the newest first
-- @return the submission, or nil
function follow.running(list)
  for place, submission in ipairs(list) do
    local state = submission.state
    if state and status.ended(state) == nil and (place == 1 or state ~= "notstarted") then return submission end
  end
  return nil
end

--- Looks at what runs on the offer request.publisher, request.offer. The list is read whole: what its filter means is
-- not documented, and what has ended tells as much.
-- @return the running operation, nil, retry_after (seconds or nil); nil, nil, retry_after, list where none runs; or
--   nil, err
function follow.offer(client, request, limits)
  local list, err, retry_after = client:operations(request, limits)
  if not list then return nil, err end
  local running = follow.running(list)
  if not running then return nil, nil, retry_after, list end
  follow.complete(client, request, limits, running)
  return running, nil, retry_after
end

-- Reads the list into the facts, if that was not done, and what the call was about in it.
local function ask_list(client, request, limits, facts)
  if not facts.list then
    local list, err = client:operations(request, limits)
    facts.list, facts.list_error = list, err
  end
  facts.submission = facts.list and outcome.submission_of(facts.list, facts) or false
  if facts.submission and facts.submission.id == facts.operation_id then
    -- The operation does not have to say when it ended: the list does.
    local time = outcome.time(facts.submission.changedTime)
    facts.is_earlier = facts.is_earlier or not facts.was_running and outcome.is_before(time, facts.sent_at) or false
  end
end

--- Asks what the outcome of a call rests on, one thing after another, until it is clear.
-- @param facts table: see outcome.of; list, submission and offer are filled in
-- @return as outcome.of
function follow.find_outcome(client, request, limits, facts)
  local operation = facts.operation
  local is_dated = not facts.sent_at or facts.was_running or operation and outcome.time(operation.lastActionDateTime)
  local rule = is_dated and not facts.list and outcome.of(facts)
  if rule then return rule end
  if not request.offer then return outcome.of(facts) or UNKNOWN end -- there is no offer to ask for
  ask_list(client, request, limits, facts)
  rule = outcome.of(facts)
  if rule then return rule end
  local offer, err = client:offer_status(request, limits)
  facts.offer, facts.offer_error = offer or false, err
  return outcome.of(facts)
end

return follow
