-- The location to poll in the response to publish, go live and cancel, in its forms.

local util = require "http.util"

local locations = {}

--- The version of the interface that the emulator speaks.
locations.API_VERSION = "2017-10-31"

local QUERY = "?api-version=" .. locations.API_VERSION

-- The dollar signs are not percent-encoded, as in the sample.
local function legacy_path(offer, name, operation)
    return string.format("/api/operations/%s$%s$%d$%s%s", util.encodeURIComponent(offer.settings.publisher), name,
        operation.publishing_version, operation.slot, QUERY)
end

local function operation_path(offer, operation)
    local publisher = util.encodeURIComponent(offer.settings.publisher)
    local name = util.encodeURIComponent(offer.settings.offer)
    return string.format("/api/publishers/%s/offers/%s/operations/%s", publisher, name, operation.id)
end

-- An absolute URL of this server, as the client sees it: a proxy in front of it may speak TLS.
local function absolute(request, path)
    local scheme = request.headers["x-forwarded-proto"] or "http"
    return scheme .. "://" .. request.headers.host .. path
end

-- The headers, or the body, of each form.
local FORMS = {
    operation_location = function(request, offer, operation)
        return { { "Operation-Location", absolute(request, operation_path(offer, operation)) } }
    end,
    operation_location_relative = function(_, offer, operation)
        return { { "Operation-Location", operation_path(offer, operation) } }
    end,
    location = function(_, offer, operation)
        return { { "Location", operation_path(offer, operation) .. QUERY } }
    end,
    legacy = function(_, offer, operation)
        return { { "Location", legacy_path(offer, util.encodeURIComponent(offer.settings.offer), operation) } }
    end,
    -- The sample of publish in the documentation of 2018 has a GUID in place of the offer's name.
    operation_location_legacy = function(_, offer, operation)
        return { { "Operation-Location", legacy_path(offer, offer.guid, operation) } }
    end,
    body = function(request, offer, operation)
        -- The documentation says that the body holds the location and shows no sample: the member's name is a guess.
        return {}, { location = absolute(request, operation_path(offer, operation)) }
    end,
    -- In no documentation: the status of the offer ends with its operation.
    status = function(_, offer)
        local settings = offer.settings
        return { { "Location", string.format("/api/publishers/%s/offers/%s/status%s",
            util.encodeURIComponent(settings.publisher), util.encodeURIComponent(settings.offer), QUERY) } }
    end,
    none = function()
        return {}
    end,
}

--- The location of an accepted request.
-- @return list of headers, and the document of the body or nil
function locations.of(request, offer, operation)
    local override = offer.settings.location_header
    if override then
        return { { override.name, override.value or "" } }
    end
    return FORMS[offer.settings.location_form](request, offer, operation)
end

--- Splits the identifier of an operation of an offer that was not migrated: publisher$offer$version$slot.
-- @return publisher, offer, version (text), slot; or nil
function locations.split_legacy(identifier)
    return identifier:match("^([^$]*)%$(.*)%$(%d+)%$([^$]*)$")
end

return locations
