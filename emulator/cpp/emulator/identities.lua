-- Managed identities: the instance metadata service, and App Service, which give tokens to programs on a machine.
-- https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
-- https://learn.microsoft.com/azure/app-service/overview-managed-identity

local answers = require "cpp.emulator.answers"
local options = require "cpp.emulator.options"
local tokens = require "cpp.emulator.tokens"

local identities = {}
identities.__index = identities

local refusal = answers.refusal

local IDENTITY_OPTIONS = { client_id = "string", header = "string", publishers = "table", expires_in = "number",
    expires_in_as = "string", expires_on_as = "string" }

--- Makes a machine without identities.
-- @param issuer the tokens that are valid (tokens.new)
function identities.new(issuer)
    return setmetatable({ issuer = issuer, list = {} }, identities)
end

--- Adds identities.
-- @param list of { client_id = of a user-assigned identity, header = the X-IDENTITY-HEADER that App Service requires
--   (without it, the identity is the metadata service's), and the fields of a client in tokens.lua }
function identities:add(list)
    for index, entry in ipairs(list) do
        local where = string.format("identities[%d]", index)
        self.list[#self.list + 1] = tokens.check_forms(options.check(entry, IDENTITY_OPTIONS, where), where)
    end
end

-- The identity with this client_id and header; nil if there is none.
local function find(self, client_id, header)
    for _, identity in ipairs(self.list) do
        if identity.client_id == client_id and identity.header == header then
            return identity
        end
    end
end

-- The refusal of a request to either service; nil if the request is valid.
local function problem(request, version)
    if request.fields["api-version"] ~= version then
        return refusal(400, "bad_request_102", "The api-version is missing or not supported.")
    elseif (request.fields.resource or ""):gsub("/$", "") ~= tokens.RESOURCE then
        return refusal(400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.")
    end
end

local function metadata(self, request)
    if request.headers.metadata ~= "true" or request.headers["x-forwarded-for"] then
        return refusal(400, "bad_request_102", "Required metadata header not specified")
    end
    local wrong, identity = problem(request, "2018-02-01"), find(self, request.fields.client_id, nil)
    return wrong or identity and self.issuer:issue(identity)
        or refusal(400, "invalid_request", "Identity not found")
end

local function app_service(self, request)
    local header = request.headers["x-identity-header"]
    local known = false
    for _, identity in ipairs(self.list) do
        known = known or header ~= nil and identity.header == header
    end
    if not known then
        return refusal(401, "Unauthorized", "The header X-IDENTITY-HEADER is missing or wrong.")
    end
    local wrong, identity = problem(request, "2019-08-01"), find(self, request.fields.client_id, header)
    return wrong or identity and self.issuer:issue(identity)
        or refusal(400, "invalid_request", "No User Assigned Managed Identity found for specified ClientId")
end

local PATHS = { ["metadata/identity/oauth2/token"] = metadata, ["MSI/token"] = app_service }

--- The response to GET /metadata/identity/oauth2/token and /MSI/token; nil for other paths.
function identities:answer(request)
    local act = PATHS[table.concat(request.segments, "/")]
    if act and request.method ~= "GET" then
        return answers.empty(405, { { "Allow", "GET" } })
    end
    return act and act(self, request)
end

return identities
