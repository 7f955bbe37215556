-- The requests of a wait: one operation, by its location or ids; what runs on an offer; and what else shows how an
-- operation has ended.
--
-- Each function here takes the client, the options of the request and its limits (see retry.call).

local core = require "cpp.core"
local errors = require "cpp.error"
local outcome = require "cpp.outcome"
local read = require "cpp.read"
local status = require "cpp.status"

local follow = {}

local function with(request, fields)
  local copy = {}
  for name, value in pairs(request) do copy[name] = value end
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

local IDENTIFIER = "^[A-Za-z0-9%-._~$:]+$" -- as in csrc/url.c

--- The id of an operation of a list, if it can be used in a request. The service may send any value, of any type.
function follow.id_of(operation)
  local id = operation.id
  return type(id) == "string" and id:find(IDENTIFIER) and pcall(core.check, "call", { operation_id = id }) and id or nil
end

local function decoded(segment)
  return (segment:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local GUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

--- The offer that a location names.
-- @param location string
-- @return publisher, offer; nil if the location names none
function follow.offer_in(location)
  local publisher, offer = location:match "/publishers/([^/?#]+)/offers/([^/?#]+)/operations/"
  if publisher then
    publisher, offer = decoded(publisher), decoded(offer)
  else -- publisher$offer$version$slot
    local id = location:match "/operations/([^/?#]+)"
    if id then publisher, offer = decoded(id):match "^([^$]+)%$([^$]+)%$" end
    if offer and offer:find(GUID) then return nil end -- the GUID of an offer cannot be used in a call
  end
  if pcall(core.check, "call", { publisher = publisher, offer = offer }) then return publisher, offer end
  return nil
end

--- Completes an operation of a list, which has no location and no progress.
-- @param operation an operation of client:operations; gets publisher, offer, progress and submission_id, and
--   operation_id, location and steps if the service sends them
function follow.complete(client, request, limits, operation)
  local id = follow.id_of(operation)
  operation.publisher, operation.offer = request.publisher, request.offer
  operation.submission_id, operation.operation_id = id, id
  operation.progress = status.progress(operation, operation.state)
  if not id or status.ended(operation.state) ~= nil then return end
  local seen, err = read.operation(client, with(request, { operation_id = id }), limits)
  if seen then
    operation.location, operation.progress, operation.steps = seen.location, seen.progress, seen.steps
  elseif err.status == 404 then
    operation.operation_id = nil -- a submission may have another id than its operation
  end
end

--- Whether an operation runs on an offer: by its submissions and, if none runs, by its status, since the list may be
-- late.
-- @return boolean; the running submission; the newest one, if none runs; the status, if it was read; or nil, err
function follow.runs(client, request, limits)
  local list, err = read.operations(client, request, limits)
  if not list then return nil, err end
  local running = outcome.running(list)
  if running then return true, running end
  for _, submission in ipairs(list) do
    if not submission.state then
      return nil, errors.new("protocol", "a submission of the offer has no state", { method = "GET" })
    end
  end
  -- With limits: a client that was closed since the first request gives an err instead of raising.
  local offer, problem = read.offer_status(client, request, limits or {})
  -- If the response has no status, the list decides. Without any response, nothing is known.
  local without = problem and not problem.retryable and (problem.kind == "http" or problem.kind == "protocol")
  if not offer and not without then return nil, problem end
  local state = offer and offer.state
  return state == "running" or state == "inprogress" or state == "waitingforpublisherreview", nil, list[1], offer
end

--- Requests the evidence for the outcome of a call, one document after another, until the outcome is clear.
-- @param facts table: see outcome.of; list, submission and offer are filled in
-- @return as outcome.of
function follow.find_outcome(client, request, limits, facts)
  local operation = facts.operation
  -- The list shows when an operation ended that has no time of its own, and was not seen running.
  local is_dated = not facts.sent_at or facts.was_running or operation and outcome.time(operation.lastActionDateTime)
  if is_dated and not facts.list then
    local word, settles = outcome.of(facts)
    if word then return word, settles end
  end
  if not request.offer then -- the offer is not known
    facts.submission, facts.offer = false, false
    return outcome.of(facts)
  end
  if not facts.list then facts.list, facts.list_error = read.operations(client, request, limits) end
  if facts.list then outcome.find_submission(facts) else facts.submission = false end
  local word, settles = outcome.of(facts)
  if word then return word, settles end
  local offer, err = read.offer_status(client, request, limits)
  facts.offer, facts.offer_error = offer or false, err
  return outcome.of(facts)
end

return follow
