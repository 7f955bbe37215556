-- Tokens: static ones, those issued to clients, and the endpoint that issues them.
-- Errors have the codes of Microsoft Entra; if its documentation has several, the choice is a guess.

local answers = require "cpp.emulator.answers"
local options = require "cpp.emulator.options"
local requests = require "cpp.emulator.requests"

local tokens = {}
tokens.__index = tokens

-- The resource of tokens for the service. Clients name it at the emulator, too.
tokens.RESOURCE = "https://cloudpartner.azure.com"

local TOKEN_OPTIONS = { token = "string", publishers = "table", expires_in = "number" }
local CLIENT_OPTIONS = { tenant = "string", client_id = "string", client_secret = "string", assertion = "string",
    publishers = "table", expires_in = "number", expires_in_as = "string", expires_on_as = "string" }
local FORMS = { "string", "number", "missing" }

local refusal = answers.refusal

--- The tokens that are valid, and the clients known, from the start.
tokens.DEFAULT_TOKENS = { { token = "emulator-token" } }
tokens.DEFAULT_CLIENTS = {
    { tenant = "emulator-tenant", client_id = "emulator-client", client_secret = "emulator-secret" },
}

--- Makes the set of valid tokens.
-- @param clock the emulator's clock
-- @param random generator of the tokens to be issued
function tokens.new(clock, random)
    local self = setmetatable({ clock = clock, random = random, issued = 0, valid = {}, clients = {} }, tokens)
    self:add_tokens(tokens.DEFAULT_TOKENS)
    self:add_clients(tokens.DEFAULT_CLIENTS)
    return self
end

-- A set of publishers from a list of them; nil means every publisher.
local function publisher_set(list)
    if not list then
        return nil
    end
    local set = {}
    for _, publisher in ipairs(list) do
        set[publisher] = true
    end
    return set
end

--- Makes a token valid.
function tokens:grant(token, publishers, expires_in)
    self.valid[token] = {
        publishers = publisher_set(publishers),
        expires = expires_in and self.clock:now() + expires_in or math.huge,
    }
end

--- Adds static tokens; one that is known already is replaced (an `expires_in` of 0 revokes it).
-- @param list of { token =, publishers = list or nothing for all, expires_in = seconds or nothing for never }
function tokens:add_tokens(list)
    for index, entry in ipairs(list) do
        options.check(entry, TOKEN_OPTIONS, string.format("tokens[%d]", index))
        if not entry.token then
            error(string.format("tokens[%d]: 'token' is needed", index), 0)
        end
        self:grant(entry.token, entry.publishers, entry.expires_in)
    end
end

--- Raises unless the values of expires_in_as and expires_on_as are known.
-- @param entry a client or an identity
-- @param where what it is, for the message
function tokens.check_forms(entry, where)
    options.one_of(entry.expires_in_as or "string", FORMS, where .. ".expires_in_as")
    options.one_of(entry.expires_on_as or "string", FORMS, where .. ".expires_on_as")
    return entry
end

--- Adds clients that can get tokens; one that is known already is replaced.
-- @param list of { tenant =, client_id =, client_secret =, publishers =, expires_in = 3600, expires_in_as = "string",
--   expires_on_as = "string" }; the last two may be "string", "number" or "missing". With assertion, in place of
--   client_secret: the JSON Web Token that its client_assertion has to be
function tokens:add_clients(list)
    for index, entry in ipairs(list) do
        local where = string.format("clients[%d]", index)
        options.check(entry, CLIENT_OPTIONS, where)
        if not (entry.tenant and entry.client_id and (entry.client_secret or entry.assertion)) then
            error(where .. ": 'tenant', 'client_id' and 'client_secret' are needed", 0)
        end
        tokens.check_forms(entry, where)
        self.clients[entry.tenant] = self.clients[entry.tenant] or {}
        self.clients[entry.tenant][entry.client_id] = entry
    end
end

--- What is known of a token that is valid now, or nil.
function tokens:find(token)
    local entry = token and self.valid[token]
    return entry and self.clock:now() < entry.expires and entry or nil
end

--- Whether a token found gives access to a publisher.
function tokens.allows(entry, publisher)
    return not entry.publishers or entry.publishers[publisher] == true
end

local function in_form(form, number)
    if form == "missing" then
        return nil
    end
    return form == "number" and number or string.format("%d", math.floor(number))
end

--- Issues a token, as the response to a request for one.
-- @param client a client or an identity
function tokens:issue(client)
    self.issued = self.issued + 1
    local lifetime = client.expires_in or 3600
    local token = string.format("issued-%d-%s", self.issued, self.random:guid())
    self:grant(token, client.publishers, lifetime)
    return answers.json(200, {
        token_type = "Bearer",
        expires_in = in_form(client.expires_in_as or "string", lifetime),
        expires_on = in_form(client.expires_on_as or "string", math.floor(self.clock:wall() + lifetime)),
        resource = tokens.RESOURCE,
        access_token = token,
    }, { { "Cache-Control", "no-store" } })
end

-- The version of the interface that a path belongs to: nil when it is another path.
local function version_of(segments)
    local path = table.concat(segments, "/", 2)
    return path == "oauth2/token" and 1 or path == "oauth2/v2.0/token" and 2 or nil
end

-- RFC 7523, section 2.2
local function is_asserted(client, form)
    return form.client_assertion_type == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        and form.client_assertion == client.assertion
end

--- Responds to POST /<tenant>/oauth2/token and /<tenant>/oauth2/v2.0/token; nil when the path is another.
function tokens:answer(request)
    local version, tenant = version_of(request.segments), request.segments[1]
    if not version then
        return nil
    elseif request.method ~= "POST" then
        return answers.empty(405, { { "Allow", "POST" } })
    end
    local media_type = (request.headers["content-type"] or ""):lower()
    if not media_type:match("^application/x%-www%-form%-urlencoded%s*;?") then
        return refusal(400, "invalid_request", "The body has to be a form.")
    end
    local form = requests.fields(request.body)
    local clients = self.clients[tenant]
    local client = clients and clients[form.client_id]
    if not clients then
        return refusal(400, "invalid_request", "AADSTS90002: Tenant '" .. tenant .. "' not found.")
    elseif form.grant_type ~= "client_credentials" then
        return refusal(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    elseif client and client.assertion and not is_asserted(client, form) then
        return refusal(401, "invalid_client", "AADSTS700211: No matching federated identity record found.")
    elseif not client or client.client_secret ~= form.client_secret then
        return refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret is provided.")
    elseif version == 2 and form.scope ~= tokens.RESOURCE .. "/.default" then
        return refusal(400, "invalid_scope",
            "AADSTS70011: The provided value for the input parameter 'scope' is not valid.")
    elseif version == 1 and (form.resource or ""):gsub("/$", "") ~= tokens.RESOURCE then
        return refusal(400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.")
    end
    return self:issue(client)
end

return tokens
