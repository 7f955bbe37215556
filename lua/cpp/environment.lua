-- What the environment says about the default client, and about the one of cpp-portal(1).

local function variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- A newline at its end is of the file that it came from.
local function token()
  local value = (variable "AZURE_TOKEN" or ""):gsub("\r?\n$", "")
  return value ~= "" and value or nil
end

-- Azure's own tools take the host of another cloud with and without a scheme.
local function authority()
  local host = variable "AZURE_AUTHORITY_HOST"
  return host and (host:find("://", 1, true) and host or "https://" .. host)
end

--- Options of a client from the environment: AZURE_TOKEN, or AZURE_TENANT_ID, AZURE_CLIENT_ID and
-- AZURE_CLIENT_SECRET (AZURE_AUTHORITY_HOST); CPP_BASE_URL.
-- Credentials count only when they are complete: half of them, meant for another tool, is no misuse
-- of this one.
-- @return table, for cpp.client
local function environment()
  local options = {
    token = token(),
    base_url = variable "CPP_BASE_URL",
    authority_url = authority(),
  }
  local tenant, id = variable "AZURE_TENANT_ID", variable "AZURE_CLIENT_ID"
  local secret = variable "AZURE_CLIENT_SECRET"
  if not options.token and tenant and id and secret then
    options.tenant, options.client_id, options.client_secret = tenant, id, secret
  end
  return options
end

return environment
