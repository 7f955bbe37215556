-- A link of cpp.credentials: a workload identity, as in Kubernetes and in CI. The file
-- AZURE_FEDERATED_TOKEN_FILE holds the assertion of the client AZURE_CLIENT_ID of AZURE_TENANT_ID, signed by another
-- issuer.
-- https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (the third case)

local environment = require "cpp.environment"
local errors = require "cpp.error"
local redact = require "cpp.redact"
local resource = require "cpp.credentials.resource"

local FILE = "AZURE_FEDERATED_TOKEN_FILE"
local NAMES = { tenant = "AZURE_TENANT_ID", client_id = "AZURE_CLIENT_ID", authority_url = "AZURE_AUTHORITY_HOST" }
local VARIABLES = { FILE, NAMES.tenant, NAMES.client_id }
local LONGEST = 65536 -- bytes of an assertion

-- The current content of the file, which another program renews; or nil and a reason.
local function read(name)
  local file <close>, problem = io.open(name, "rb")
  if not file then return nil, problem end
  local text, failure = file:read(LONGEST + 3) -- with a newline, and a byte that is too much
  if not text then return nil, name .. ": " .. (failure or "the file is empty") end
  text = environment.without_newline(text)
  if #text > LONGEST or not text:find "^[A-Za-z0-9%-_%.]+$" then
    return nil, name .. ": the file holds no JSON Web Token"
  end
  return text
end

return function(request)
  local missing = environment.missing(VARIABLES)
  if not environment.variable(FILE) then return nil, FILE .. " is not set" end
  if missing then return nil, missing end
  local assertion, problem = read(environment.variable(FILE))
  if not assertion then return nil, errors.new("auth", FILE .. ": " .. redact.line(problem, 500)) end
  return request.send("token", {
    tenant = environment.variable(NAMES.tenant), client_id = environment.variable(NAMES.client_id),
    token = assertion, scope = resource.scope(request),
    authority_url = request.authority_url or environment.authority_url(),
  }, NAMES)
end
