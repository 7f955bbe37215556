-- What the specs of cpp.credentials begin with: two emulators, an environment of variables in place of the process's own,
-- and clients that take their credentials from it.

local assert = require "luassert"
local fixture = require "spec.support.fixture"
local Programs = require "spec.support.program"
local virtual = require "spec.support.virtual"

local TENANT, CLIENT, SECRET = "emulator-tenant", "emulator-client", "emulator-secret"
local JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjaSJ9.c2lnbmF0dXJl" -- the assertion of a workload

local credentials = { TENANT = TENANT, CLIENT = CLIENT, SECRET = SECRET, JWT = JWT }

--- Has the emulators, the environment, and the functions below.
-- @param ready function(portal, other, loop, environment, programs), called before each example; environment: table of
--   variables; programs: see spec.support.program
-- @return table of functions
function credentials.environment(busted, ready)
  local portal, other, loop, environment, programs
  local getenv = os.getenv
  fixture.portal(busted, function(...) other = ... end)
  fixture.portal(busted, function(...)
    portal = ...
    fixture.offer(portal)
    loop, programs = virtual.new(portal), Programs.new {}
    environment = { AZURE_AUTHORITY_HOST = portal.url, AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:1",
                    CPP_BASE_URL = portal.url }
    os.getenv = function(name) -- luacheck: ignore
      local is_ours = name:find "^AZURE_" or name:find "^IDENTITY_" or name:find "^CPP_" or name:find "_ENDPOINT$"
      return (is_ours and environment or { [name] = getenv(name) })[name]
    end
    ready(portal, other, loop, environment, programs)
  end)
  busted.after_each(function()
    os.getenv = getenv -- luacheck: ignore
    programs:close()
  end)

  -- Sets variables of the environment.
  local function set(variables)
    for name, value in pairs(variables) do environment[name] = value end
  end

  -- Sets the variables of a service principal with a secret.
  local function principal()
    set { AZURE_TENANT_ID = TENANT, AZURE_CLIENT_ID = CLIENT, AZURE_CLIENT_SECRET = SECRET }
  end

  -- Has a workload identity.
  local function workload(client_id, text)
    portal:configure { clients = { { tenant = TENANT, client_id = client_id or "workload", assertion = JWT } } }
    set { AZURE_TENANT_ID = TENANT, AZURE_CLIENT_ID = client_id or "workload",
          AZURE_FEDERATED_TOKEN_FILE = programs:file(text or JWT) }
  end

  -- Has managed identities of the metadata service: its own, and those given.
  local function metadata(...)
    portal:configure { identities = { {}, ... } }
    set { AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url }
  end

  -- Has managed identities of App Service: its own, and those given.
  local function app_service(...)
    portal:configure { identities = { { header = "s3cret-header" }, ... } }
    set { IDENTITY_ENDPOINT = portal.url .. "/MSI/token/", IDENTITY_HEADER = "s3cret-header" }
  end

  -- The token requests to the portal, or to another one.
  local function asked(server)
    local list = {}
    for _, entry in ipairs((server or portal):journal()) do
      if entry.path:find "token$" then list[#list + 1] = entry end
    end
    return list
  end

  -- The paths of the token requests to the portal.
  local function paths()
    local list = {}
    for i, entry in ipairs(asked()) do list[i] = entry.path end
    return list
  end

  -- The err of a call that gets no token, as text and as it is.
  local function failure(client)
    local result, err = client:offer_status(fixture.call())
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.is_false(err.ambiguous)
    assert.is_nil(tostring(err):find("\n", 1, true))
    return tostring(err), err
  end

  return {
    new_client = fixture.clients(busted, function() return { base_url = portal.url, loop = loop } end), set = set,
    principal = principal, workload = workload, metadata = metadata, app_service = app_service, asked = asked,
    paths = paths, failure = failure,
  }
end

return credentials
