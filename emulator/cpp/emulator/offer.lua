-- One offer: its settings and its operations, of which at most one is running.

local cancellation = require "cpp.emulator.cancellation"
local operation = require "cpp.emulator.operation"
local options = require "cpp.emulator.options"
local steps = require "cpp.emulator.steps"

local offer = {}
offer.__index = offer

local KNOWN = {
    publisher = "string", offer = "string",
    -- The operation at the start, and those that are started later.
    running = "boolean", operation = "string", operation_id = "string", elapsed = "number", queued_seconds = "number",
    steps = "table", golive_steps = "table", ends = "string", republish = "boolean",
    -- Cancelling.
    cancel_mode = "string", cancel_seconds = "number", nothing_running = "number", nothing_running_location = "string",
    cancellation = "string", cancellation_listed = "boolean", cancellation_lost = "string",
    -- Publishing while an operation runs, and the publisher's sign-off.
    publish_running = "number", signoff = "string", signoff_status = "string",
    -- The place to poll, and when.
    location_form = "string", location_header = "table", retry_after = "number|string|table",
    -- How responses look.
    migrated = "boolean", array = "boolean", operation_times = "boolean", submission_ids = "string",
    submission_times = "boolean", list_late = "number",
    spelling = "table", step_spelling = "table", offer_spelling = "table",
    status = "string", extra = "table", messages = "table", preview_links = "table", live_links = "table",
    publishing_version = "number", offer_version = "number", offer_type_id = "string", slot = "string",
    version = "string", emails = "string", seller_contact = "string",
}

--- The names of the forms in which the place to poll is given.
offer.LOCATION_FORMS = { "operation_location", "operation_location_relative", "operation_location_legacy", "location",
    "legacy", "body", "status", "none" }

local DEFAULTS = {
    operation = "publish", elapsed = 0, queued_seconds = 0, ends = "completed", republish = false,
    cancel_mode = "accepted", cancel_seconds = 60, nothing_running = 202, nothing_running_location = "latest",
    cancellation = "publish", cancellation_listed = false, cancellation_lost = "completed",
    publish_running = 409, signoff_status = "running", operation_times = true, submission_ids = "same",
    submission_times = true, list_late = 0, location_form = "operation_location",
    publishing_version = 2, offer_version = 1, offer_type_id = "microsoft-azure-virtualmachines",
    -- Above 2^53, as in the documentation's sample.
    version = "636576975611768314",
    emails = "jdoe@contoso.com", seller_contact = "seller@contoso.com",
}

local SPELLING = { not_started = "notStarted", running = "running", completed = "completed", failed = "failed",
    canceled = "canceled" }
local STEP_SPELLING = { not_started = "notStarted", in_progress = "inProgress", complete = "complete",
    failed = "failed", canceled = "canceled", running = "running" }
local OFFER_SPELLING = { never_published = "neverPublished", not_started = "notStarted", running = "running",
    succeeded = "succeeded", canceled = "canceled", failed = "failed" }

local function check_spelling(given, standard, where)
    local known = {}
    for state in pairs(standard) do
        known[state] = "string"
    end
    return setmetatable(options.check(given or {}, known, where), { __index = standard })
end

local function check_settings(settings)
    local where = "offer"
    options.check(settings, KNOWN, where)
    if not settings.publisher or not settings.offer then
        error("offer: 'publisher' and 'offer' are needed", 0)
    end
    setmetatable(settings, { __index = DEFAULTS })
    options.one_of(settings.operation, { "publish", "golive" }, "offer.operation")
    options.one_of(settings.ends, { "completed", "failed" }, "offer.ends")
    options.one_of(settings.cancel_mode, operation.CANCEL_MODES, "offer.cancel_mode")
    options.one_of(settings.nothing_running_location, { "latest", "own", "none" }, "offer.nothing_running_location")
    options.one_of(settings.submission_ids, { "same", "other" }, "offer.submission_ids")
    options.one_of(settings.cancellation, { "publish", "own" }, "offer.cancellation")
    options.one_of(settings.cancellation_lost, { "completed", "failed" }, "offer.cancellation_lost")
    if settings.signoff then
        options.one_of(settings.signoff, { "operation", "status", "offer" }, "offer.signoff")
    end
    options.one_of(settings.location_form, offer.LOCATION_FORMS, "offer.location_form")
    if settings.location_header then
        options.check(settings.location_header, { name = "string", value = "string" }, "offer.location_header")
        options.header(settings.location_header.name, settings.location_header.value or "", "offer.location_header")
    end
    if type(settings.retry_after) == "table" then
        options.check(settings.retry_after, { date = "number" }, "offer.retry_after")
    elseif settings.retry_after then
        options.header("Retry-After", settings.retry_after, "offer.retry_after")
    end
    if not settings.version:match("^%d+$") then
        error("offer.version: decimal digits are needed", 0)
    end
    settings.steps = steps.check(settings.steps or steps.default.publish, "offer.steps")
    if settings.signoff == "operation" or settings.signoff == "status" then
        settings.steps = steps.with_signoff(settings.steps)
    end
    settings.golive_steps = steps.check(settings.golive_steps or steps.default.golive, "offer.golive_steps")
    settings.spelling = check_spelling(settings.spelling, SPELLING, "offer.spelling")
    settings.step_spelling = check_spelling(settings.step_spelling, STEP_SPELLING, "offer.step_spelling")
    settings.offer_spelling = check_spelling(settings.offer_spelling, OFFER_SPELLING, "offer.offer_spelling")
    if settings.migrated == nil then
        -- Of the forms of the place to poll, the relative Location is what migrated offers respond with.
        settings.migrated = settings.location_form == "location"
    end
    return settings
end

--- Makes an offer from its settings, with an operation already running if they say so.
-- @param settings the options listed in doc/emulator.md; raises if they are wrong
-- @param random generator of operation identifiers
-- @param now time of the clock
function offer.new(settings, random, now)
    local self = setmetatable({ settings = check_settings(settings), random = random, operations = {},
        cancellations = {}, emails_given = {}, guid = random:guid() }, offer)
    self.publishing_version = self.settings.publishing_version
    if self.settings.running then
        self:start(self.settings.operation, nil, now - self.settings.elapsed)
    end
    return self
end

-- The number of operations that an offer with `republish` keeps.
local REMEMBERED = 100

--- Starts the next operation if the last one has ended and the offer has `republish`.
function offer:renew(now)
    local latest = self:latest()
    if not self.settings.republish or not latest or latest:active(now) then
        return
    end
    -- Operations that would have ended since are skipped: the new one starts when the last of them would have ended.
    local _, ended = latest:state(now)
    local seconds = self.settings.queued_seconds + steps.outcome(self.settings.steps, self.settings.ends)
    if seconds > 0 and seconds < math.huge then
        ended = ended + (now - ended) // seconds * seconds
    end
    self:start("publish", nil, ended)
    if #self.operations > REMEMBERED then
        table.remove(self.operations, 1)
    end
end

--- The most recent operation, or nil.
function offer:latest()
    return self.operations[#self.operations]
end

--- The operation that has not ended yet, or nil.
function offer:active(now)
    local latest = self:latest()
    return latest and latest:active(now) and latest or nil
end

--- Records the addresses of a request, and returns those that will be notified.
function offer:remember_emails(call, emails)
    if emails then
        table.insert(self.emails_given, { call = call, emails = emails })
    end
    -- For a migrated offer, the seller contact of the account is notified instead.
    return self.settings.migrated and self.settings.seller_contact or emails
end

--- Starts an operation; the caller has checked that none is running.
-- @param kind "publish" or "golive"
function offer:start(kind, emails, now)
    local settings = self.settings
    if #self.operations > 0 then
        self.publishing_version = self.publishing_version + 1
    end
    local fresh = operation.new {
        id = #self.operations == 0 and settings.operation_id or self.random:guid(),
        kind = kind, created = now, began = now + settings.queued_seconds,
        steps = kind == "golive" and settings.golive_steps or settings.steps,
        ends = settings.ends, publishing_version = self.publishing_version,
        slot = settings.slot or (kind == "golive" and "production" or "preview"),
        emails = self:remember_emails(kind, emails),
    }
    table.insert(self.operations, fresh)
    return fresh
end

--- The operation of a cancellation, as the service may make one.
function offer:add_cancellation(target, now)
    local fresh = cancellation.new {
        id = self.random:guid(), target = target, created = now, lost = self.settings.cancellation_lost,
        publishing_version = self.publishing_version + 100 + #self.cancellations, slot = "preview",
    }
    table.insert(self.cancellations, fresh)
    return fresh
end

--- Cancels the running operation, in the offer's cancel mode.
-- @return the operation to poll; nil where there is none
function offer:cancel(emails, now)
    local settings, active = self.settings, self:active(now)
    self.cancel_hit = active or false
    if not active then
        if settings.nothing_running_location == "own" then
            return self:add_cancellation(nil, now)
        end
        return settings.nothing_running_location == "latest" and self:latest() or nil
    end
    active.emails = self:remember_emails("cancel", emails) or active.emails
    active:cancel(settings.cancel_mode, settings.cancel_seconds, now)
    return settings.cancellation == "own" and self:add_cancellation(active, now) or active
end

--- The true result of the last cancel, which the service does not show.
-- @return nil where there was none; "none", or what became of the operation that ran: "running", "signoff", ...
function offer:truth(now)
    if self.cancel_hit == nil then
        return nil
    elseif not self.cancel_hit then
        return "none"
    end
    return self.cancel_hit:is_waiting(now) and "signoff" or (self.cancel_hit:state(now))
end

--- Whether the offer waits for the publisher's sign-off, the publish having ended.
function offer:waits(now)
    local latest = self:latest()
    return self.settings.signoff == "offer" and latest ~= nil and latest.kind == "publish"
        and latest:state(now) == "completed"
end

--- The operations that a list has, the oldest first.
function offer:listed()
    local list = {}
    for _, one in ipairs(self.operations) do
        list[#list + 1] = one
    end
    for _, one in ipairs(self.settings.cancellation_listed and self.cancellations or {}) do
        list[#list + 1] = one
    end
    table.sort(list, function(a, b) return a.created < b.created end)
    return list
end

--- The operation with an identifier, or nil. Identifiers are compared without regard to case (RFC 9562).
function offer:find(id)
    for _, list in ipairs { self.operations, self.cancellations } do
        for _, candidate in ipairs(list) do
            if candidate.id:lower() == id:lower() then
                return candidate
            end
        end
    end
end

--- The operation with a publishing version and a slot (both as text), or nil.
function offer:find_version(publishing_version, slot)
    for _, list in ipairs { self.operations, self.cancellations } do
        for _, candidate in ipairs(list) do
            if tostring(candidate.publishing_version) == publishing_version and candidate.slot == slot then
                return candidate
            end
        end
    end
end

return offer
