-- One offer: how it was configured, and the operations that it has had, at most one of them running.
-- luacheck: std lua51

local operation = require "portal.operation"
local options = require "portal.options"
local steps = require "portal.steps"

local offer = {}
offer.__index = offer

local KNOWN = {
    publisher = "string", offer = "string",
    -- The operation at the start, and those that are started later.
    running = "boolean", operation = "string", operation_id = "string", elapsed = "number", queued_seconds = "number",
    steps = "table", golive_steps = "table", ends = "string",
    -- Cancelling.
    cancel_mode = "string", cancel_seconds = "number", nothing_running = "number",
    -- The place to poll, and when.
    location_form = "string", location_header = "table", retry_after = "number|string|table",
    -- How answers look.
    migrated = "boolean", array = "boolean", spelling = "table", step_spelling = "table", offer_spelling = "table",
    status = "string", extra = "table", messages = "table", preview_links = "table", live_links = "table",
    publishing_version = "number", offer_version = "number", offer_type_id = "string", slot = "string",
    version = "string", emails = "string", seller_contact = "string",
}

--- The names of the forms in which the place to poll is given.
offer.LOCATION_FORMS = { "operation_location", "operation_location_relative", "location", "legacy", "body", "none" }

local DEFAULTS = {
    operation = "publish", elapsed = 0, queued_seconds = 0, ends = "completed",
    cancel_mode = "accepted", cancel_seconds = 60, nothing_running = 400,
    location_form = "operation_location",
    publishing_version = 2, offer_version = 1, offer_type_id = "microsoft-azure-virtualmachines", slot = "preview",
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
    settings.golive_steps = steps.check(settings.golive_steps or steps.default.golive, "offer.golive_steps")
    settings.spelling = check_spelling(settings.spelling, SPELLING, "offer.spelling")
    settings.step_spelling = check_spelling(settings.step_spelling, STEP_SPELLING, "offer.step_spelling")
    settings.offer_spelling = check_spelling(settings.offer_spelling, OFFER_SPELLING, "offer.offer_spelling")
    if settings.migrated == nil then
        -- Of the forms of the place to poll, the relative Location is what migrated offers answer with.
        settings.migrated = settings.location_form == "location"
    end
    return settings
end

--- Makes an offer from its settings, with an operation already running if they say so.
-- @param settings the options listed in README.md; raises where they make no sense
-- @param random generator of operation identifiers
-- @param now time of the clock
function offer.new(settings, random, now)
    local self = setmetatable({ settings = check_settings(settings), random = random, operations = {},
        emails_given = {} }, offer)
    self.publishing_version = self.settings.publishing_version
    if self.settings.running then
        self:start(self.settings.operation, nil, now - self.settings.elapsed)
    end
    return self
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

-- Remembers the addresses that a request gave, and gives those that will be notified.
function offer:remember_emails(call, emails)
    if emails then
        table.insert(self.emails_given, { call = call, emails = emails })
    end
    -- The seller contact of the account is notified instead where the offer has been migrated.
    return self.settings.migrated and self.settings.seller_contact or emails
end

--- Starts an operation; the caller has made sure that none is running.
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
        ends = settings.ends, publishing_version = self.publishing_version, slot = settings.slot,
        emails = self:remember_emails(kind, emails),
    }
    table.insert(self.operations, fresh)
    return fresh
end

--- Cancels the running operation, in the offer's cancel mode; the caller has made sure that there is one.
function offer:cancel(emails, now)
    local active = self:active(now)
    active.emails = self:remember_emails("cancel", emails) or active.emails
    active:cancel(self.settings.cancel_mode, self.settings.cancel_seconds, now)
    return active
end

--- The operation with an identifier, or nil. Identifiers are compared without regard to case (RFC 9562).
function offer:find(id)
    for _, candidate in ipairs(self.operations) do
        if candidate.id:lower() == id:lower() then
            return candidate
        end
    end
end

--- The operation with a publishing version and a slot (both as text), or nil.
function offer:find_version(publishing_version, slot)
    for _, candidate in ipairs(self.operations) do
        if tostring(candidate.publishing_version) == publishing_version and candidate.slot == slot then
            return candidate
        end
    end
end

return offer
