-- Advice for the user of the command about an err.

local Chain = require "cpp.credentials.chain"
local environment = require "cpp.environment"
local options = require "cpp.command.options"
local private = require "cpp.private"

local LOGIN = "get a new token: export AZURE_TOKEN=$(az account get-access-token --resource "
  .. "https://cloudpartner.azure.com --query accessToken --output tsv)"

-- The identity of the tokens of each link of cpp.credentials.
local IDENTITIES = {
  environment = "the service principal of AZURE_CLIENT_ID",
  workload_identity = "the workload identity of AZURE_CLIENT_ID",
  managed_identity = "the managed identity of this machine",
  azure_cli = "the identity that az is logged in as",
}

local function of_token(session)
  local file = session.given["token-file"]
  if file == "-" then return "pipe a new token" end
  if file then return "put a new token into " .. file end
  local chain = Chain.of(private[session.client].options.token)
  local identity = chain and IDENTITIES[chain.link]
  return identity and "the token is that of " .. identity or LOGIN
end

-- The variables in which libcurl finds the proxy of an https URL.
local VARIABLES = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" }

-- The proxy of a request, and the option or variable that named it; nil without a proxy.
local function proxy_of(session)
  local given = session.given.proxy
  if given then return given ~= "" and given or nil, "--proxy" end
  for _, name in ipairs(VARIABLES) do
    local value = os.getenv(name)
    if value and value ~= "" then return value, name end
  end
end

-- A proxy without its user and password, which end at the last "@" (a password may hold any character).
local function shown(proxy)
  local scheme, rest = proxy:match "^(%a[%w+.-]*://)(.*)$"
  return (scheme or "") .. (rest or proxy):gsub("^.*@", "")
end

-- Whether libcurl's message reports a failure of the proxy.
local function is_of_proxy(message, proxy)
  if message:find "proxy" or message:find "CONNECT" then return true end
  if message:find "^Could ?n.t connect to server" then return true end -- of an unknown scheme; "Could not" in 8.x
  local host = message:match "Failed to connect to (%S+) port"
  return host ~= nil and proxy:find(host, 1, true) ~= nil
end

local function of_proxy(session, err)
  local proxy, source = proxy_of(session)
  if not proxy or not (err.url or ""):find "^https:" or not is_of_proxy(err.message, proxy) then return nil end
  return ("the proxy is %s (%s); --proxy URL sets another, --proxy '' disables it"):format(shown(proxy), source)
end

-- The source of the URL of a service that cannot be reached.
local function of_service(session, err)
  local source = options.label("base_url", "client", session.given)
  if err.kind ~= "network" or not (session.given["base-url"] or environment.base_url()) then return nil end
  return "the URL of the service comes from " .. source
end

-- Whether a message of OpenSSL or GnuTLS reports an untrusted authority.
local function is_untrusted(message)
  message = message:lower()
  return message:find "self%-signed" or message:find "self signed" or message:find "issuer" or message:find "unknown ca"
end

--- The advice for an err.
-- @param session the session (cpp/command/session.lua)
-- @param err an err of the library
-- @return string; or nil
local function advice(session, err)
  if err.status == 401 and err.kind == "http" then
    return of_token(session)
  elseif err.status == 404 and err.offer and not err.url:find "/operations/" then
    return "`cpp-portal offers PUBLISHER` lists the offers of a publisher"
  elseif err.reason == "no_running_operation" then
    return "--if-running makes that a success"
  elseif err.kind == "tls" and is_untrusted(err.message) then
    return session.given["ca-file"] and "the authority is not in " .. session.given["ca-file"]
      or "--ca-file FILE trusts its authority, a certificate in PEM"
  elseif err.kind == "untrusted" and not err.offer then
    return "--base-url or CPP_BASE_URL names another service"
  elseif err.kind == "protocol" and err.message:find "larger than max_response_bytes" then
    return "--max-response-bytes BYTES accepts larger ones"
  end
  return of_proxy(session, err) or of_service(session, err)
end

return advice
