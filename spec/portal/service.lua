-- The service: which request gets which answer. Pure state, no input or output; time comes from the clock given.
--
-- Codes of errors: InvalidAPIVersion is one that the service was seen to use. All others are guesses: plausible
-- words in its style, for a client must not depend on them.
-- luacheck: std lua51

local answers = require "portal.answers"
local documents = require "portal.documents"
local json = require "portal.json"
local locations = require "portal.locations"
local offers = require "portal.offer"
local requests = require "portal.requests"
local tokens = require "portal.tokens"
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
function service:find_offer(publisher, offer)
    return self.publishers[publisher] and self.publishers[publisher][offer]
end

-- The body of a request that starts or cancels an operation.
-- @return the addresses to notify or nil; or false and the answer to a body that makes no sense
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

function calls.cancel(self, request, offer, emails)
    local now = self.clock:now()
    if not offer:active(now) then
        -- The documentation does not say what this answers. 202 is possible as well, for it was seen to come
        -- whether something was cancelled or not; then the place to poll is that of the last operation.
        local status = offer.settings.nothing_running
        if status == 202 then
            return accepted(self, request, offer, offer:latest())
        end
        return answers.failure(status, "NoRunningOperation", "The offer has no running operation to cancel.")
    end
    local operation = offer:cancel(emails, now)
    if offer.settings.cancel_mode == "synchronous" then
        return answers.empty(200)
    end
    return accepted(self, request, offer, operation)
end

local function start(kind)
    return function(self, request, offer, emails)
        local now = self.clock:now()
        if offer:active(now) then
            -- An offer has at most one running operation; status and code are guesses.
            return answers.failure(409, "OperationInProgress", "The offer has a running operation.")
        end
        return accepted(self, request, offer, offer:start(kind, emails, now))
    end
end
calls.publish = start("publish")
calls.golive = start("golive")

function calls.status(self, _, offer)
    return answers.json(200, documents.offer_status(offer, self.clock))
end

local function operation_answer(self, offer, operation)
    local headers = operation:active(self.clock:now()) and add_retry_after(self, offer, {}) or {}
    return answers.json(200, documents.operation_answer(offer, operation, self.clock), headers)
end

function calls.operation(self, _, offer, id)
    return operation_answer(self, offer, offer:find(id))
end

function calls.legacy_operation(self, _, offer, version, slot)
    return operation_answer(self, offer, offer:find_version(version, slot))
end

local function plain(status)
    return (status:lower():gsub("[%s_%-]", ""))
end

function calls.submissions(self, request, offer)
    -- "status" is documented; "submissionState" is what the client named pub sends.
    local filter = request.fields.status or request.fields.submissionState
    local list = {}
    for index = #offer.operations, 1, -1 do
        local operation = offer.operations[index]
        local entry = documents.submission(offer, operation, self.clock)
        local state = operation:state(self.clock:now())
        if not filter or filter == "" or plain(filter) == plain(entry.submissionState)
            or plain(filter) == plain(state) then
            list[#list + 1] = entry
        end
    end
    return answers.json(200, json.array(list))
end

function calls.offers(self, request)
    local list = {}
    for _, offer in pairs(self.publishers[request.segments[3]]) do
        list[#list + 1] = documents.offer(offer, self.clock)
    end
    table.sort(list, function(a, b) return a.id < b.id end)
    return answers.json(200, json.array(list))
end

local METHODS = { cancel = "POST", publish = "POST", golive = "POST" }

-- Which call a path means: { call, publisher, offer, further arguments }, or nil. Every segment is decoded already.
local function route(segments)
    if segments[1] ~= "api" then
        return nil
    elseif segments[2] == "operations" and #segments == 3 then
        local publisher, offer, version, slot = locations.split_legacy(segments[3])
        return publisher and { "legacy_operation", publisher, offer, version, slot }
    elseif segments[2] ~= "publishers" or segments[4] ~= "offers" then
        return nil
    end
    local publisher, offer, action = segments[3], segments[5], segments[6]
    if #segments == 4 then
        return { "offers", publisher }
    elseif #segments == 6 and (METHODS[action] or action == "status" or action == "submissions") then
        return { action, publisher, offer }
    elseif #segments == 7 and action == "submissions" and segments[7] == "" then
        return { action, publisher, offer }
    elseif #segments == 7 and action == "operations" then
        return { "operation", publisher, offer, segments[7] }
    end
end

-- The answer to a request for what does not exist, or nil.
local function missing(self, target, offer)
    if not target then
        return answers.failure(404, "NotFound", "There is nothing at this address.")
    elseif not self.publishers[target[2]] then
        return answers.failure(404, "PublisherNotFound", "The publisher does not exist.")
    elseif not offer and target[1] ~= "offers" then
        return answers.failure(404, "OfferNotFound", "The offer does not exist.")
    elseif target[1] == "operation" and not offer:find(target[4])
        or target[1] == "legacy_operation" and not offer:find_version(target[4], target[5]) then
        return answers.failure(404, "OperationNotFound", "The operation does not exist.")
    end
end

--- Answers a request for the service.
-- @param request { method =, segments =, fields = of the query, headers = by lower case name, body = }
function service:answer(request)
    local caller = self.credentials:find(requests.bearer(request.headers.authorization))
    if not caller then
        return answers.failure(401, "Unauthorized", "A valid token is needed.", { { "WWW-Authenticate", "Bearer" } })
    elseif request.fields["api-version"] ~= locations.API_VERSION then
        return answers.failure(400, "InvalidAPIVersion", "The api-version is missing or not supported.")
    end
    local target = route(request.segments)
    if target and not tokens.allows(caller, target[2]) then
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
