-- Requests documents, operations, lists of operations, and the status of an offer, and checks the responses. The
-- options of each function are a copy of the caller's. [ARM]: see wait.lua.

local auth = require "cpp.auth"
local errors = require "cpp.error"
local lower = require "cpp.lower"
local redact = require "cpp.redact"
local retry = require "cpp.retry"
local show = require "cpp.show"
local status = require "cpp.status"

local read = {}

-- The err of a response that is not what was requested.
local function malformed(client, result, request, options, message)
  local method, url = request:url()
  local secrets = auth.secrets(client, options) -- a location and an id may hold anything
  return nil, errors.new("protocol", message, {
    status = result.status, method = method, url = redact(url, secrets), attempts = 1, retryable = true,
    request_id = redact.line(result.request_id, errors.ID_LIMIT, secrets),
    client_request_id = result.client_request_id,
    publisher = options.publisher, offer = options.offer, retry_after = result.retry_after,
  })
end

--- A document, as the service sends it.
-- @param client the client
-- @param endpoint string: a name of csrc/endpoint.c
-- @param options table of the call's options
-- @return the decoded body; or nil, err
function read.document(client, endpoint, options)
  local result, request = retry.call(client, endpoint, options)
  if not result then return nil, request end
  if result.body == nil then return malformed(client, result, request, options, "the response has no body") end
  return result.body
end

-- Whether a body is a list of objects. An empty object cannot be distinguished from an empty list.
local function is_list(body)
  if type(body) ~= "table" then return false end
  local count = 0
  for place, entry in pairs(body) do
    count = count + 1
    if math.type(place) ~= "integer" or type(entry) ~= "table" then return false end
  end
  return count == #body -- a null leaves a hole
end

--- A list of objects, as the service sends it.
-- @param client the client
-- @param endpoint string: a name of csrc/endpoint.c
-- @param options table of the call's options
-- @return list of tables; or nil, err
function read.list(client, endpoint, options)
  local result, request = retry.call(client, endpoint, options)
  if not result then return nil, request end
  if not is_list(result.body) then
    local problem = result.body == nil and "has no body" or "is not a list of " .. endpoint
    return malformed(client, result, request, options, "the response " .. problem)
  end
  return result.body
end

-- Names of the library in an operation, which a wait reads from its target.
local OWN = { "outcome", "evidence", "call", "sent_at", "submission_id", "operation_id", "publisher", "offer",
              "location", "retry_after" }

-- Removes members of a document that have the name of a field of the library. Otherwise a wait could take an `outcome`
-- of the service for its own.
local function remove_own(document)
  for _, name in ipairs(OWN) do document[name] = nil end
end

-- Scheme, host and effective port of an absolute URL.
local function origin_of(url)
  local scheme, rest = lower(url):match "^([^:]+)://([^/?#]*)"
  return scheme .. "://" .. rest:gsub(scheme == "https" and ":443$" or ":80$", "")
end

--- One operation, with the seconds that the service asks to wait before the next poll.
-- @param client the client
-- @param options table as for client:operation
-- @param limits table or nil: see retry.call
-- @return operation, nil, retry_after (seconds or nil); or nil, err
function read.operation(client, options, limits)
  local endpoint = options.location and "location" or "operation"
  local result, request = retry.call(client, endpoint, options, limits)
  if not result then return nil, request end
  local operation = result.body
  if type(operation) == "table" and operation[1] ~= nil and #operation == 1 then
    operation = operation[1] -- documented as an array of one
  end
  local running = result.status == 202 -- 202: still running, whatever the body says
  local usable = type(operation) == "table" and #operation == 0 and next(operation) ~= nil
  if not usable and not running then
    return malformed(client, result, request, options, "the response is not an operation")
  end
  if not usable then operation = {} end
  remove_own(operation)
  operation.state = status.normalise(operation.status, auth.secrets(client, options))
  if running and (not operation.state or status.ended(operation.state) ~= nil) then operation.state = "running" end
  if not operation.state then return malformed(client, result, request, options, "the response has no status") end
  operation.progress = status.progress(operation, operation.state)
  operation.location = select(2, request:url())
  operation.publisher, operation.offer, operation.operation_id = options.publisher, options.offer, options.operation_id
  -- [ARM]: a 202 to a poll may name another location. The token goes to the same origin only.
  if running and result.location and origin_of(result.location) == origin_of(operation.location) then
    operation.location = result.location
  end
  return show.as(client, "operation", operation, options), nil, result.retry_after
end

-- Gives each operation of a list its state.
local function note_states(list, secrets)
  for _, operation in ipairs(list) do
    remove_own(operation)
    operation.state = status.normalise(operation.submissionState, secrets)
      or status.normalise(operation.status, secrets)
  end
end

-- The operations of a list in the requested state, whether or not the service has filtered them. Only the service
-- applies a word that is not a state.
local function filtered(list, wanted)
  if status.ended(wanted) == nil and wanted ~= "running" then return list end
  local kept = {}
  for _, operation in ipairs(list) do
    if operation.state == nil or operation.state == wanted then kept[#kept + 1] = operation end
  end
  return kept
end

--- The operations (submissions) of an offer.
-- @param client the client
-- @param options table as for client:operations
-- @param limits table or nil: see retry.call
-- @return list of tables, nil, retry_after (seconds or nil), the time of the response (seconds since 1970, by the
--   service's clock, or nil); or nil, err
function read.operations(client, options, limits)
  local result, request = retry.call(client, "operations", options, limits)
  if not result then return nil, request end
  local list = result.body
  if not is_list(list) then
    return malformed(client, result, request, options, "the response is not a list of operations")
  end
  note_states(list, auth.secrets(client, options))
  return filtered(list, status.normalise(options.status)), nil, result.retry_after, request:date()
end

--- The status of an offer.
-- @param client the client
-- @param options table as for client:offer_status
-- @param limits table or nil: see retry.call
-- @return table; or nil, err
function read.offer_status(client, options, limits)
  local result, request = retry.call(client, "offer_status", options, limits)
  if not result then return nil, request end
  local answer = result.body
  if answer and answer[1] ~= nil and #answer == 1 then answer = answer[1] end
  local state = type(answer) == "table" and status.normalise(answer.status, auth.secrets(client, options))
  if not state then return malformed(client, result, request, options, "the response has no status") end
  remove_own(answer)
  answer.state = state
  return answer
end

return read
