-- A link of cpp.credentials: AZURE_TOKEN; or a service principal with a secret: AZURE_TENANT_ID, AZURE_CLIENT_ID and
-- AZURE_CLIENT_SECRET (AZURE_AUTHORITY_HOST).
-- https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential

local environment = require "cpp.environment"
local errors = require "cpp.error"

local NAMES = {
  tenant = "AZURE_TENANT_ID", client_id = "AZURE_CLIENT_ID", client_secret = "AZURE_CLIENT_SECRET",
  authority_url = "AZURE_AUTHORITY_HOST",
}
local PRINCIPAL = { NAMES.tenant, NAMES.client_id, NAMES.client_secret }
local ALL = { "AZURE_TOKEN", table.unpack(PRINCIPAL) }

return function(request)
  local token = environment.token()
  if token and request.is_token(token) then return token end
  if token then
    return nil, errors.new("auth", "AZURE_TOKEN does not hold a valid token" .. environment.advice_for(token))
  end
  local missing, some = environment.missing(PRINCIPAL)
  if missing then return nil, some and missing or environment.missing(ALL) end
  return request.send("token", {
    tenant = environment.variable(NAMES.tenant), client_id = environment.variable(NAMES.client_id),
    client_secret = environment.variable(NAMES.client_secret), scope = request.scope,
    authority_url = request.authority_url or environment.authority_url(),
  }, NAMES)
end
