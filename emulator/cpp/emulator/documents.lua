-- The JSON documents that the service responds with: an operation, an entry of the list of operations, the status of
-- an offer, and an entry of the list of offers.

local json = require "cpp.emulator.json"
local steps = require "cpp.emulator.steps"

local documents = {}

-- The service writes seven digits of the second.
local function timestamp(clock, time)
    local wall = clock:wall(time)
    local whole = math.floor(wall)
    return string.format("%s.%07dZ", os.date("!%Y-%m-%dT%H:%M:%S", whole), math.floor((wall - whole) * 1e7))
end

-- The form of changedTime, as sampled: no zone, three digits of the second.
local function changed_time(clock, time)
    local wall = clock:wall(time)
    local whole = math.floor(wall)
    return string.format("%s.%03d", os.date("!%Y-%m-%dT%H:%M:%S", whole), math.floor((wall - whole) * 1e3))
end

local MESSAGES = {
    complete = { level = "information", html = "Step completed." },
    in_progress = { level = "information",
        html = "<p>This step is <b>in progress</b>. See <a href=\"https://cloudpartner.azure.com/#alloffers\">"
            .. "your offers</a> &amp; their status.</p>" },
    failed = { level = "error", html = "No virtual machine image was found for the plan <i>contoso</i>." },
    canceled = { level = "information", html = "The operation was <b>canceled</b> by the publisher." },
}

local function messages_of_step(entry, clock, began)
    local list = {}
    local standard = MESSAGES[entry.state]
    if entry.step.messages then
        for index, message in ipairs(entry.step.messages) do
            list[index] = { messageHtml = message.messageHtml, level = message.level or "information",
                timestamp = message.timestamp or timestamp(clock, began + entry.at) }
        end
    elseif standard then
        list[1] = { messageHtml = standard.html, level = standard.level,
            timestamp = timestamp(clock, began + entry.at) }
    end
    return json.array(list)
end

local function steps_of(offer, operation, clock)
    local list = {}
    for index, entry in ipairs(operation:progress(clock:now())) do
        list[index] = {
            id = entry.step.id or "step" .. index,
            stepName = entry.step.name,
            description = entry.step.description or entry.step.name,
            estimatedTimeFrame = entry.step.estimated,
            -- A step with `hold` has this text as its status.
            status = offer.settings.step_spelling[entry.state] or entry.state,
            messages = messages_of_step(entry, clock, operation.began),
            progressPercentage = entry.progress,
        }
    end
    return json.array(list)
end

-- The documentation shows only empty lists of links: the members of one are a guess.
local function links(given, text, path, there)
    if given then
        return json.array(given)
    end
    return there and { { text = text, uri = "https://azuremarketplace.microsoft.com/marketplace/" .. path } }
        or json.empty_array
end

local function preview_links(offer, there)
    return links(offer.settings.preview_links, "Preview", "apps/" .. offer.settings.offer .. "-preview", there)
end

local function live_links(offer, there)
    return links(offer.settings.live_links, "Live", "apps/" .. offer.settings.offer, there)
end

local SUBMISSION_TYPES = { publish = "publish", golive = "goLive", cancel = "cancel" }

-- The step of the sign-off may stand in the offer's status alone.
local function without_signoff(offer, operation, list)
    if offer.settings.signoff == "status" and operation.steps[#operation.steps] == steps.SIGNOFF then
        list[#list] = nil
    end
    return list
end

--- One operation.
function documents.operation(offer, operation, clock)
    local settings = offer.settings
    local state, since = operation:state(clock:now())
    local completed = state == "completed"
    local document = {
        id = operation.id,
        submissionType = SUBMISSION_TYPES[operation.kind],
        createdDateTime = settings.operation_times and timestamp(clock, operation.created) or nil,
        lastActionDateTime = settings.operation_times and timestamp(clock, since) or nil,
        status = settings.spelling[state],
        messages = json.array(settings.messages or {}),
        publishingVersion = operation.publishing_version,
        offerVersion = settings.offer_version,
        -- Only this value was seen. That the member is absent after a cancellation was requested is a guess.
        cancellationRequestState = operation:active(clock:now()) and not operation.cancellation and "canCancel" or nil,
        steps = without_signoff(offer, operation, steps_of(offer, operation, clock)),
        previewLinks = preview_links(offer, completed),
        liveLinks = live_links(offer, completed and operation.kind == "golive"),
        notificationEmails = not settings.migrated and operation.emails or nil,
        -- Documented as the error message of a failed operation, never sampled: the form is a guess.
        error = state == "failed" and { code = "PublishFailed", message = "A step of the operation failed." } or nil,
    }
    for name, value in pairs(settings.extra or {}) do
        document[name] = value
    end
    return document
end

--- The response to a request for one operation: the object, or a list around it where the offer is configured so.
function documents.operation_answer(offer, operation, clock)
    local document = documents.operation(offer, operation, clock)
    return offer.settings.array and { document } or document
end

--- One entry of the list of operations, as it is at a time of the clock.
function documents.submission(offer, operation, clock, now)
    local settings = offer.settings
    local state, since = operation:state(now)
    return {
        id = settings.submission_ids == "same" and operation.id or "submission-" .. operation.id,
        offerId = settings.offer,
        offerVersion = settings.offer_version,
        offerTypeId = settings.offer_type_id,
        publisherId = settings.publisher,
        submissionType = SUBMISSION_TYPES[operation.kind],
        submissionState = settings.spelling[state],
        publishingVersion = operation.publishing_version,
        -- "staging" is what the sample of the list has, where locations have "preview".
        slot = operation.slot == "preview" and "staging" or operation.slot,
        version = json.integer(settings.version),
        definition = { metadata = { emails = settings.emails } },
        changedTime = settings.submission_times and changed_time(clock, since) or nil,
    }
end

local OFFER_STATES = { completed = "succeeded" }

--- The status of an offer.
function documents.offer_status(offer, clock)
    local settings, latest = offer.settings, offer:latest()
    local state = latest and latest:state(clock:now()) or "never_published"
    local completed = state == "completed"
    local status = settings.offer_spelling[OFFER_STATES[state] or state]
    local list = latest and steps_of(offer, latest, clock) or json.empty_array
    local waits = offer:waits(clock:now())
    if waits then
        list[#list + 1] = { id = steps.SIGNOFF.id, stepName = steps.SIGNOFF.name,
            description = steps.SIGNOFF.description, status = steps.SIGNOFF.hold, messages = json.empty_array,
            progressPercentage = 0 }
    end
    if waits or latest and latest:is_waiting(clock:now()) then
        status = settings.signoff_status
    end
    return {
        status = settings.status or status,
        messages = json.array(settings.messages or {}),
        steps = list,
        previewLinks = preview_links(offer, completed),
        liveLinks = live_links(offer, completed and latest.kind == "golive"),
    }
end

--- One entry of the list of a publisher's offers. Its id is the name that all other calls take, as in the sample of
--- creating an offer; the sample of the list has a GUID.
function documents.offer(offer, clock)
    local settings, latest = offer.settings, offer:latest()
    local since = latest and select(2, latest:state(clock:now())) or 0
    return {
        offerTypeId = settings.offer_type_id,
        publisherId = settings.publisher,
        status = documents.offer_status(offer, clock).status,
        id = settings.offer,
        version = settings.offer_version,
        definition = { displayText = settings.offer },
        pcMigrationStatus = settings.migrated and "migrated" or "none",
        changedTime = changed_time(clock, since),
    }
end

return documents
