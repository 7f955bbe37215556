-- The target of a wait: what the caller gave, and the options of its requests.

local core = require "cpp.core"
local follow = require "cpp.follow"

local targets = {}

-- Options of the wait itself; all others apply to each request.
local OF_WAIT = { timeout = true, interval = true, max_interval = true, on_progress = true, should_stop = true }

local CALLS = { cancel = true, publish = true, go_live = true }

-- The fields that are read from a table.
local OF_TARGET = { "location", "publisher", "offer", "operation_id", "status", "state", "outcome", "call", "sent_at",
                    "submission_id", "retry_after" }

--- Reads the target of a wait, once: the caller may change the table during the wait.
-- @param target a result, a location or a table with publisher, offer and operation_id; raises misuse for anything else
-- @return table: those of the fields above that are present and usable
function targets.read(target)
  if type(target) == "string" then return { location = target } end
  if type(target) ~= "table" then
    core.misuse("expected a result, a location or a table with publisher, offer and operation_id, got "
      .. type(target))
  end
  local own = {}
  for _, name in ipairs(OF_TARGET) do own[name] = target[name] end
  own.call = CALLS[own.call] and own.call
  own.sent_at = math.type(own.sent_at) and own.sent_at or nil
  own.retry_after = math.type(own.retry_after) and own.retry_after or nil
  return own
end

--- The options of each request of a wait: its target, and the options that are not the wait's own.
-- @param target the result of targets.read
-- @param options table: of the wait
-- @return table
function targets.request(target, options)
  local request = {}
  for name, value in pairs(options) do
    if not OF_WAIT[name] then request[name] = value end
  end
  request.location = target.location
  request.publisher, request.offer = target.publisher, target.offer
  if not request.location then
    request.operation_id = target.operation_id
  elseif not request.offer and type(target.location) == "string" then
    request.publisher, request.offer = follow.offer_in(target.location)
  end
  return request
end

--- The operation that a wait returns for a cancel that was done at once: there is nothing to poll.
-- @param result of the cancel
-- @return table
function targets.done_at_once(result)
  local operation = {}
  for name, value in pairs(result) do operation[name] = value end
  operation.outcome, operation.evidence = result.state, { response = { state = result.state } }
  return setmetatable(operation, getmetatable(result))
end

--- Raises misuse unless a target names something to wait for.
-- @param client the client
-- @param target the result of targets.read
-- @param request the result of targets.request
function targets.check(client, target, request)
  if target.location or target.operation_id then
    client.core:check(target.location and "location" or "operation", request)
  else
    client.core:check("offer_status", request)
  end
end

return targets
