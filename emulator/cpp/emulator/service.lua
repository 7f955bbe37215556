-- The service: which request gets which response. Pure state, no input or output; time comes from the clock given.
--
-- Of the codes of errors, InvalidAPIVersion and Forbidden are the service's. All others are guesses.

local answers = require "cpp.emulator.answers"
local documents = require "cpp.emulator.documents"
local json = require "cpp.emulator.json"
local locations = require "cpp.emulator.locations"
local offers = require "cpp.emulator.offer"
local requests = require "cpp.emulator.requests"
local tokens = require "cpp.emulator.tokens"
local util = require "http.util"

local service = {}
service.__index = service

--- Makes a service without publishers.
-- @param clock the emulator's clock
-- @param random generator of identifiers
-- @param credentials the tokens that are valid (tokens.new)
function service.new(clock, random, credentials)
    return setmetatable({ clock = clock, random = random, credentials = credentials, publishers = {} }, service)
end

--- Makes a publisher known.
function service:add_publisher(name)
    self.publishers[name] = self.publishers[name] or {}
end

--- Creates an offer, or replaces one together with its operations; its publisher becomes known.
function service:put_offer(settings)
    local fresh = offers.new(settings, self.random, self.clock:now())
    self:add_publisher(fresh.settings.publisher)
    self.publishers[fresh.settings.publisher][fresh.settings.offer] = fresh
    return fresh
end

--- The offer with this name, or nil.
function service:find_offer(publisher, name)
    local offers_of = self.publishers[publisher] or {}
    local offer = offers_of[name]
    for _, candidate in pairs(offer and {} or offers_of) do
        if candidate.guid == name then
            offer = candidate
        end
    end
    if offer then
        offer:renew(self.clock:now())
    end
    return offer
end

--- The offers of a publisher, by name.
function service:offers_of(publisher)
    local list = {}
    for _, offer in pairs(self.publishers[publisher]) do
        offer:renew(self.clock:now())
        list[#list + 1] = offer
    end
    table.sort(list, function(a, b) return a.settings.offer < b.settings.offer end)
    return list
end

--- The names of the publishers.
function service:publisher_names()
    local names = {}
    for name in pairs(self.publishers) do
        names[#names + 1] = name
    end
    table.sort(names)
    return names
end

-- The body of a request that starts or cancels an operation.
-- @return the addresses to notify or nil; or false and the response to an invalid body
local function read_body(request)
    if request.body == "" then
        return nil
    end
    local media_type = (request.headers["content-type"] or ""):lower():match("^%s*([^;%s]*)")
    if media_type ~= "application/json" then
        return false, answers.failure(400, "InvalidContentType", "The content type has to be application/json.")
    end
    local document = json.decode(request.body)
    if type(document) ~= "table" or not request.body:match("^%s*{") then
        return false, answers.failure(400, "InvalidRequestBody", "The body is not a JSON object.")
    end
    local metadata = document.metadata
    if metadata == nil then
        return nil
    elseif type(metadata) ~= "table" then
        return false, answers.failure(400, "InvalidRequestBody", "'metadata' has to be an object.")
    end
    local emails = metadata["notification-emails"]
    if emails ~= nil and type(emails) ~= "string" then
        return false, answers.failure(400, "InvalidRequestBody",
            "'notification-emails' has to be one string, comma separated.")
    end
    return emails
end

-- Retry-After, if the offer is configured to give one: seconds, a text as it is, or a date so many seconds ahead.
local function add_retry_after(self, offer, headers)
    local value = offer.settings.retry_after
    if type(value) == "table" then
        value = util.imf_date(math.floor(self.clock:wall() + value.date))
    end
    if value then
        headers[#headers + 1] = { "Retry-After", tostring(value) }
    end
    return headers
end

-- The 202 to a call that started or cancels an operation; without one, it names no location.
local function accepted(self, request, offer, operation)
    local headers, document = {}, nil
    if operation then
        headers, document = locations.of(request, offer, operation)
        add_retry_after(self, offer, headers)
    end
    return document and answers.json(202, document, headers) or answers.empty(202, headers)
end

-- The calls. Each gets the service, the request, the offer and the rest of the path or the addresses of the body.
local calls = {}

--- Cancels what runs on the offer.
function calls.cancel(self, request, offer, emails)
    local now = self.clock:now()
    local runs = offer:active(now) ~= nil
    local operation = offer:cancel(emails, now)
    if not runs then
        -- Not documented. A 202 was seen whether or not something was cancelled.
        local status = offer.settings.nothing_running
        if status == 202 then
            return accepted(self, request, offer, operation)
        end
        return answers.failure(status, "NoRunningOperation", "The offer has no running operation to cancel.")
    elseif offer.settings.cancel_mode == "synchronous" then
        return answers.empty(200)
    end
    return accepted(self, request, offer, operation)
end

-- Makes the call that starts an operation of a kind.
local function start(kind)
    return function(self, request, offer, emails)
        local now = self.clock:now()
        local active = offer:active(now)
        if active and kind == "golive" and active:is_waiting(now) then
            active:release(now)
        elseif active then
            -- An offer has at most one running operation. That publish is idempotent then is documented; a 409 was
            -- seen. Its code is a guess.
            local status = kind == "publish" and offer.settings.publish_running or 409
            if status == 409 then
                return answers.failure(409, "OperationInProgress", "The offer has a running operation.")
            elseif status == 200 then
                return answers.empty(200)
            end
            return accepted(self, request, offer, active)
        end
        return accepted(self, request, offer, offer:start(kind, emails, now))
    end
end
calls.publish = start("publish")
calls.golive = start("golive")

--- The status of the offer.
function calls.status(self, _, offer)
    return answers.json(200, documents.offer_status(offer, self.clock))
end

-- The document of an operation, with a Retry-After while it runs.
local function operation_answer(self, offer, operation)
    local headers = operation:active(self.clock:now()) and add_retry_after(self, offer, {}) or {}
    return answers.json(200, documents.operation_answer(offer, operation, self.clock), headers)
end

--- An operation by its id.
function calls.operation(self, _, offer, id)
    return operation_answer(self, offer, offer:find(id))
end

--- An operation by the version and the slot of its offer, as old locations name it.
function calls.legacy_operation(self, _, offer, version, slot)
    return operation_answer(self, offer, offer:find_version(version, slot))
end

-- A state without case and separators: "Not Started" is "notstarted".
local function plain(status)
    return (status:lower():gsub("[%s_%-]", ""))
end

--- The operations of the offer, newest first; those of one status, if the query names one.
function calls.submissions(self, request, offer)
    -- "status" is documented; "submissionState" is what the client named pub sends.
    local filter = request.fields.status or request.fields.submissionState
    local list = {}
    local operations = offer:listed()
    for index = #operations, 1, -1 do
        local operation = operations[index]
        local now = self.clock:now() - offer.settings.list_late
        local entry = documents.submission(offer, operation, self.clock, now)
        local state = operation:state(now)
        local wanted = not filter or filter == "" or plain(filter) == plain(entry.submissionState)
            or plain(filter) == plain(state)
        if wanted and operation.created <= now then
            list[#list + 1] = entry
        end
    end
    return answers.json(200, json.array(list))
end

--- The offers of the publisher; those of one type, if the query names one.
function calls.offers(self, request)
    local list = {}
    local kind = (request.fields["$filter"] or ""):match("^offerTypeId eq '(.*)'$")
    for _, offer in ipairs(self:offers_of(request.segments[3])) do
        if not kind or offer.settings.offer_type_id == kind then
            list[#list + 1] = documents.offer(offer, self.clock)
        end
    end
    return answers.json(200, json.array(list))
end

--- All publishers.
function calls.publishers(self)
    local list = {}
    for index, name in ipairs(self:publisher_names()) do
        -- As pub saw it.
        list[index] = { version = 0, id = name, definition = { displayText = "The publisher " .. name } }
    end
    return answers.json(200, json.array(list))
end

--- The offer itself: a version and a slot have the same document.
function calls.offer(self, _, offer)
    return answers.json(200, documents.offer(offer, self.clock))
end
calls.versions, calls.slot = calls.offer, calls.offer

local METHODS = { cancel = "POST", publish = "POST", golive = "POST" }

local SLOTS = { draft = true, preview = true, production = true }

-- What follows the name of an offer: the call, and its argument.
local function action_of(action, argument)
    if action == nil then
        return "offer"
    elseif (METHODS[action] or action == "status" or action == "submissions") and argument == nil then
        return action
    elseif action == "operations" and argument then
        return "operation"
    elseif action == "versions" and tonumber(argument) or action == "slot" and SLOTS[argument or ""] then
        return action
    end
end

-- The call of a path: { call, publisher, offer, further arguments }, or nil. The segments are decoded. The last slash
-- is optional.
local function route(segments)
    local count = segments[#segments] == "" and #segments - 1 or #segments
    if segments[1] ~= "api" then
        return nil
    elseif segments[2] == "operations" and count == 3 then
        local publisher, offer, version, slot = locations.split_legacy(segments[3])
        return publisher and { "legacy_operation", publisher, offer, version, slot }
    elseif segments[2] ~= "publishers" or count > 7 then
        return nil
    elseif count == 2 then
        return { "publishers" }
    elseif segments[4] ~= "offers" then
        return nil
    elseif count == 4 then
        return { "offers", segments[3] }
    end
    local action = action_of(count > 5 and segments[6] or nil, count > 6 and segments[7] or nil)
    return action and { action, segments[3], segments[5], segments[7] }
end

-- The response to a request for what does not exist, or nil.
local function missing(self, target, offer)
    if not target then
        return answers.failure(404, "NotFound", "There is nothing at this address.")
    elseif target[1] == "publishers" then
        return nil
    elseif not self.publishers[target[2]] then
        return answers.failure(404, "PublisherNotFound", "The publisher does not exist.")
    elseif not offer and target[1] ~= "offers" then
        return answers.failure(404, "OfferNotFound", "The offer does not exist.")
    elseif target[1] == "operation" and not offer:find(target[4])
        or target[1] == "legacy_operation" and not offer:find_version(target[4], target[5]) then
        return answers.failure(404, "OperationNotFound", "The operation does not exist.")
    end
end

--- Responds to a request for the service.
-- @param request { method =, segments =, fields = of the query, headers = by lower case name, body = }
function service:answer(request)
    local caller = self.credentials:find(requests.bearer(request.headers.authorization))
    if not caller then
        return answers.failure(401, "Unauthorized", "A valid token is needed.", { { "WWW-Authenticate", "Bearer" } })
    elseif request.fields["api-version"] ~= locations.API_VERSION then
        return answers.failure(400, "InvalidAPIVersion", "The api-version is missing or not supported.")
    end
    local target = route(request.segments)
    if target and target[2] and not tokens.allows(caller, target[2]) then
        return answers.failure(403, "Forbidden", "The caller has no access to this publisher.")
    end
    local offer = target and target[3] and self:find_offer(target[2], target[3])
    local refusal = missing(self, target, offer)
    if refusal then
        return refusal
    end
    local method = METHODS[target[1]] or "GET"
    if request.method == "POST" then
        local emails, problem = read_body(request)
        if problem then
            return problem
        elseif method == "POST" then
            return calls[target[1]](self, request, offer, emails)
        end
    end
    if request.method ~= method then
        return answers.failure(405, "MethodNotAllowed", "This address takes " .. method .. " requests.",
            { { "Allow", method } })
    end
    return calls[target[1]](self, request, offer, target[4], target[5])
end

return service
