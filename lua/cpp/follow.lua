-- What a wait looks at: one operation by its location or ids; or, where an accepted call named no
-- place to poll, whatever runs on the offer.
--
-- Each function here takes the client, the options of the request and its limits (see retry.call),
-- and returns: operation, nil, retry_after (seconds or nil), over (true when it has certainly
-- ended, whatever its state is called); or nil, err.

local core = require "cpp.core"
local status = require "cpp.status"

local follow = {}

local function with(request, fields)
  local copy = {}
  for name, value in pairs(request) do copy[name] = value end
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

-- The id of an operation of a list, where it is one that can be asked for: it is the service's word, of any type.
local function id_of(operation)
  local id = operation.id
  return pcall(core.check, "call", { operation_id = id }) and id or nil
end

--- Looks at one operation: request.location, or request.publisher, offer and operation_id.
function follow.operation(client, request, limits)
  return client:look(request, limits)
end

-- How the last operation of an offer ended, now that none runs: its own word, where its id was
-- seen while it ran, or else the offer's status.
local function last_word(client, request, limits, id)
  if id then
    local operation, err, retry_after = client:look(with(request, { operation_id = id }), limits)
    if operation and status.ended(operation.state) ~= nil then return operation, nil, retry_after, true end
    if err and err.retryable then return nil, err end -- it may still say it
  end
  local offer, err = client:offer_status(request, limits)
  if not offer then return nil, err end
  offer.location, offer.progress = nil, status.progress(offer, offer.state)
  return offer, nil, nil, offer.state ~= "running" and offer.state ~= "inprogress"
end

--- Completes an operation of a list, which tells neither where it can be polled nor how far it is.
-- @param operation an operation of client:operations; gets publisher, offer and progress, and
--   operation_id and location where the service tells them. What it has of these names is replaced: it would
--   be the service's own, of any type
function follow.complete(client, request, limits, operation)
  operation.publisher, operation.offer = request.publisher, request.offer
  operation.operation_id = id_of(operation)
  operation.location, operation.progress = nil, status.progress(operation, operation.state)
  if not operation.operation_id then return end
  local seen = client:look(with(request, { operation_id = operation.operation_id }), limits)
  if seen then operation.location, operation.progress = seen.location, seen.progress end
end

local function is_running(operation)
  return operation.state ~= nil and status.ended(operation.state) == nil
    and operation.state ~= "notstarted"
end

--- Makes a function that looks at what runs on the offer request.publisher, request.offer. An
-- offer has one running operation at most, so when none runs any more, the one that was followed
-- has ended.
function follow.offer()
  local id
  return function(client, request, limits)
    local list, err, retry_after = client:operations(with(request, { status = "running" }), limits)
    if not list then return nil, err end
    for _, operation in ipairs(list) do
      if is_running(operation) then -- the filter is asked for, and not relied upon
        follow.complete(client, request, limits, operation)
        id = operation.operation_id or id
        return operation, nil, retry_after
      end
    end
    return last_word(client, request, limits, id)
  end
end

return follow
