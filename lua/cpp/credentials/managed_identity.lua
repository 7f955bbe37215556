-- A link of cpp.credentials: the managed identity of the machine. AZURE_CLIENT_ID names a user-assigned identity. In
-- App Service and Functions, tokens come from IDENTITY_ENDPOINT; elsewhere from the instance metadata service.
-- https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
-- https://learn.microsoft.com/azure/app-service/overview-managed-identity

local environment = require "cpp.environment"
local resource = require "cpp.credentials.resource"

local variable = environment.variable

local METADATA_HOST = "http://169.254.169.254"
local METADATA_PATH = "/metadata/identity/oauth2/token"
local METADATA_VERSION, APP_SERVICE_VERSION = "2018-02-01", "2019-08-01"
local CONNECT_TIMEOUT = 1 -- seconds, as with azure-identity: most machines have no metadata service
local TIMEOUT = 10 -- seconds for a token of the metadata service

-- Variables of environments with other protocols.
local OTHERS = {
  IDENTITY_SERVER_THUMBPRINT = "Service Fabric", IMDS_ENDPOINT = "Azure Arc", MSI_ENDPOINT = "Cloud Shell",
}

local function from_app_service(request)
  return request.send("metadata", {
    authority_url = variable "IDENTITY_ENDPOINT", client_secret = variable "IDENTITY_HEADER",
    api_version = APP_SERVICE_VERSION, scope = resource.of(request), client_id = variable "AZURE_CLIENT_ID",
  }, { authority_url = "IDENTITY_ENDPOINT", client_secret = "IDENTITY_HEADER", client_id = "AZURE_CLIENT_ID" })
end

-- Whether a failure comes from a metadata service that may return a token later. Without a service there is no
-- response; a machine without an identity gets 400.
local function is_there(err)
  return err.status == 429 or (err.status or 0) >= 500
end

local function from_metadata(request)
  local host = variable "AZURE_POD_IDENTITY_AUTHORITY_HOST" or METADATA_HOST
  local token, detail = request.send("metadata", {
    authority_url = host:gsub("/+$", "") .. METADATA_PATH, api_version = METADATA_VERSION, scope = resource.of(request),
    client_id = variable "AZURE_CLIENT_ID", connect_timeout = CONNECT_TIMEOUT, timeout = TIMEOUT,
  }, { authority_url = "AZURE_POD_IDENTITY_AUTHORITY_HOST", client_id = "AZURE_CLIENT_ID" })
  if token or detail.kind ~= "auth" or not detail.url or is_there(detail) then return token, detail end
  return nil, ("the metadata service at %s returned no token (%s)"):format(host, detail.message)
end

return function(request)
  for name, place in pairs(OTHERS) do
    if variable(name) then return nil, ("%s is set, but identities of %s are not supported"):format(name, place) end
  end
  local missing, some = environment.missing { "IDENTITY_ENDPOINT", "IDENTITY_HEADER" }
  if not missing then return from_app_service(request) end
  if some then return nil, missing end
  return from_metadata(request)
end
