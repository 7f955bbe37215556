-- cpp.credentials: the requests of each link, and the result of the chain. The Azure command line has a file of its own:
-- spec/unit/credentials/azure_cli_spec.lua.

local cpp = require "cpp"
local core = require "cpp.core"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"
local socket = require "socket"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local RESOURCE = "https://cloudpartner.azure.com"
local JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjaSJ9.c2lnbmF0dXJl"
local TENANT, CLIENT, SECRET = "emulator-tenant", "emulator-client", "emulator-secret"

describe("credentials", function()
  local portal, other, loop, environment, programs, clients
  local getenv = os.getenv
  setup(function() portal, other = Portal.start(), Portal.start() end)
  teardown(function()
    portal:stop()
    other:stop()
  end)
  before_each(function()
    portal:reset()
    other:reset()
    portal:offer { publisher = "contoso", offer = "contoso-vm", running = true }
    loop, programs, clients = virtual.new(portal), Programs.new {}, {}
    environment = { AZURE_AUTHORITY_HOST = portal.url, AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:1",
                    CPP_BASE_URL = portal.url }
    os.getenv = function(name) -- luacheck: ignore
      local is_ours = name:find "^AZURE_" or name:find "^IDENTITY_" or name:find "^CPP_" or name:find "_ENDPOINT$"
      return (is_ours and environment or { [name] = getenv(name) })[name]
    end
  end)
  after_each(function()
    os.getenv = getenv -- luacheck: ignore
    programs:close()
    for _, client in ipairs(clients) do client:close() end
  end)

  local function new_client(options)
    local own = { base_url = portal.url, loop = loop }
    for name, value in pairs(options or {}) do own[name] = value end
    clients[#clients + 1] = cpp.client(own)
    return clients[#clients]
  end

  local function set(variables)
    for name, value in pairs(variables) do environment[name] = value end
  end

  local function principal()
    set { AZURE_TENANT_ID = TENANT, AZURE_CLIENT_ID = CLIENT, AZURE_CLIENT_SECRET = SECRET }
  end

  local function workload(client_id, text)
    portal:configure { clients = { { tenant = TENANT, client_id = client_id or "workload", assertion = JWT } } }
    set { AZURE_TENANT_ID = TENANT, AZURE_CLIENT_ID = client_id or "workload",
          AZURE_FEDERATED_TOKEN_FILE = programs:file(text or JWT) }
  end

  local function metadata(...)
    portal:configure { identities = { {}, ... } }
    set { AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url }
  end

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

  local function paths()
    local list = {}
    for i, entry in ipairs(asked()) do list[i] = entry.path end
    return list
  end

  local function failure(client)
    local result, err = client:offer_status(OFFER)
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.is_false(err.ambiguous)
    assert.is_nil(tostring(err):find("\n", 1, true))
    return tostring(err), err
  end

  describe("of a client that is given none", function()
    it("are AZURE_TOKEN, whatever else the client is given", function()
      set { AZURE_TOKEN = Portal.TOKEN .. "\n" }
      principal()
      local client <close> = cpp.client { loop = loop }
      assert(client:offer_status(OFFER))
      assert.same({}, paths())
    end)

    it("are the chain, with the services of the environment", function()
      principal()
      local client <close> = cpp.client { loop = loop }
      assert(client:cancel(OFFER))
      assert(client:offer_status(OFFER))
      assert.same({ "/" .. TENANT .. "/oauth2/token" }, paths())
    end)

    it("are not requested if the call has its own", function()
      local client <close> = cpp.client { loop = loop }
      assert(client:offer_status { publisher = "contoso", offer = "contoso-vm", token = Portal.TOKEN })
      assert.same({}, paths())
    end)
  end)

  it("of a client disable those of the environment, and its URLs", function()
    set { AZURE_TOKEN = "of-the-environment", CPP_BASE_URL = other.url, AZURE_AUTHORITY_HOST = "http://not.local" }
    local client <close> = cpp.client { token = "t", loop = loop, timeout = 0.001, retries = 0 }
    local _, err = client:offer_status(OFFER)
    assert.matches("https://cloudpartner.azure.com/", err.url, 1, true)
    assert.same({}, other:journal())
  end)

  it("are functions that also work without a client", function()
    principal()
    local token, seconds = cpp.credentials.environment()()
    assert.matches("^issued%-", token)
    assert.near(3600, seconds, 2)
    set { AZURE_CLIENT_SECRET = "wrong" }
    local none, why = cpp.credentials.environment()()
    assert.is_nil(none)
    assert.matches("invalid_client", why)
    set { AZURE_TOKEN = "t" }
    assert.same({ "t" }, { cpp.credentials.default()() })
    local done, problem = pcall(function() cpp.credentials.managed_identity { client_id = "x" } end)
    assert.is_false(done)
    assert.matches("credentials_spec.lua:%d+: cpp: credentials.managed_identity: expected no arguments$", problem)
  end)

  describe("of the environment", function()
    it("that are not a valid token are reported by the variable's name, and not shown", function()
      set { AZURE_TOKEN = "s3cret token" }
      local text = failure(new_client())
      assert.matches("^auth: environment: AZURE_TOKEN does not hold a valid token; not tried: workload", text)
    end)

    it("are reported by the names of missing variables", function()
      for _, missing in ipairs { "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET" } do
        principal()
        set { [missing] = "" }
        assert.matches("%(environment: " .. missing .. " is not set; workload", failure(new_client()))
      end
      set { AZURE_TENANT_ID = "", AZURE_CLIENT_SECRET = SECRET, AZURE_CLIENT_ID = "" }
      assert.matches("environment: AZURE_TENANT_ID and AZURE_CLIENT_ID are not set;", failure(new_client()))
    end)

    it("that are invalid as an option are reported by the variable's name", function()
      for variable, value in pairs { AZURE_TENANT_ID = "..", AZURE_CLIENT_ID = "a\nb",
                                     AZURE_AUTHORITY_HOST = "http://not.local" } do
        principal()
        set { AZURE_AUTHORITY_HOST = portal.url }
        local client = new_client { token = cpp.credentials.environment() }
        set { [variable] = value }
        assert.matches("^auth: environment: " .. variable .. ": expected ", failure(client))
      end
      assert.same({}, asked())
    end)

    it("are requested for a scope at the v2 endpoint", function()
      principal()
      assert(new_client { scope = RESOURCE .. "/.default" }:offer_status(OFFER))
      assert.same({ "/" .. TENANT .. "/oauth2/v2.0/token" }, paths())
    end)

    it("go to the option authority_url before AZURE_AUTHORITY_HOST", function()
      principal()
      local client = new_client { authority_url = other.url, token = cpp.credentials.default() }
      assert.is_nil(client:offer_status(OFFER)) -- the two emulators do not share tokens
      assert.equal(2, #asked(other)) -- the second one after the 401
      assert.same({}, asked())
    end)
  end)

  describe("of a workload", function()
    it("are the assertion of the file, without the newline at its end", function()
      for _, newline in ipairs { "", "\n", "\r\n" } do
        portal:clear_journal()
        workload("workload", JWT .. newline)
        assert(new_client { token = cpp.credentials.workload_identity() }:offer_status(OFFER))
        local entry = asked()[1]
        assert.equal("/" .. TENANT .. "/oauth2/v2.0/token", entry.path)
        assert.equal("application/x-www-form-urlencoded", entry.headers["content-type"])
        assert.equal("grant_type=client_credentials&client_id=workload&scope=https%3A%2F%2Fcloudpartner.azure.com%2F.default"
          .. "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" .. JWT,
          entry.body)
      end
    end)

    it("are of the environment as well", function()
      workload()
      assert(new_client { token = cpp.credentials.environment() }:offer_status(OFFER))
    end)

    it("are read again for each renewal", function()
      workload()
      local client = new_client()
      assert(client:offer_status(OFFER))
      local file = assert(io.open(environment.AZURE_FEDERATED_TOKEN_FILE, "w"))
      file:write("another.one.now")
      file:close()
      portal:configure { clients = { { tenant = TENANT, client_id = "workload", assertion = "another.one.now" } } }
      loop.sleep(nil, 3400)
      assert(client:offer_status(OFFER))
      assert.equal(2, #asked())
    end)

    it("may be long, up to a limit", function()
      local long = ("j"):rep(65536)
      workload("workload", long)
      portal:configure { clients = { { tenant = TENANT, client_id = "workload", assertion = long } } }
      assert(new_client():offer_status(OFFER))
      environment.AZURE_FEDERATED_TOKEN_FILE = programs:file(long .. "j")
      assert.matches("workload_identity: AZURE_FEDERATED_TOKEN_FILE: .*holds no JSON Web Token", failure(new_client()))
    end)

    it("that are invalid end the chain, and the message says why", function()
      workload()
      for content, words in pairs {
        [""] = "the file is empty", ["a b"] = "holds no JSON Web Token", ["a\n\n"] = "holds no JSON Web Token",
        ["a+b"] = "holds no JSON Web Token", ["a&client_id=x"] = "holds no JSON Web Token", ["\n"] = "holds no JSON Web Token",
      } do
        environment.AZURE_FEDERATED_TOKEN_FILE = programs:file(content)
        assert.matches("^auth: workload_identity: AZURE_FEDERATED_TOKEN_FILE: .*" .. words .. "; not tried: managed",
                       failure(new_client()))
      end
      environment.AZURE_FEDERATED_TOKEN_FILE = "/nowhere/token"
      assert.matches("AZURE_FEDERATED_TOKEN_FILE: /nowhere/token: No such file", failure(new_client()))
      environment.AZURE_FEDERATED_TOKEN_FILE = "/"
      assert.matches("AZURE_FEDERATED_TOKEN_FILE: /: Is a directory", failure(new_client()))
      assert.same({}, asked())
    end)

    it("that are refused do not show the assertion", function()
      workload("workload", "a.b.c-s3cret")
      portal:fault { match = { path = "token$" }, status = 401, times = -1,
                     body = { error = "invalid_client", error_description = "wrong: a.b.c-s3cret" } }
      local text, err = failure(new_client())
      assert.matches("workload_identity: 401: the token service refused %(invalid_client: wrong: %[redacted%]%)", text)
      assert.is_nil(err.body:find("s3cret", 1, true))
    end)
  end)

  describe("of a machine", function()
    it("come from the metadata service", function()
      metadata()
      assert(new_client():offer_status(OFFER))
      local entry = asked()[1]
      assert.equal("GET", entry.method)
      assert.equal("/metadata/identity/oauth2/token", entry.path)
      assert.equal("api-version=2018-02-01&resource=https%3A%2F%2Fcloudpartner.azure.com", entry.query)
      assert.equal("true", entry.headers.metadata)
      for _, name in ipairs { "authorization", "x-identity-header" } do assert.is_nil(entry.headers[name]) end
      assert.equal("", entry.body)
    end)

    it("are those of AZURE_CLIENT_ID, and for the scope", function()
      metadata { client_id = "user-assigned" }
      set { AZURE_CLIENT_ID = "user-assigned" }
      assert(new_client { scope = RESOURCE .. "/.default" }:offer_status(OFFER))
      assert.matches("&resource=https%3A%2F%2Fcloudpartner.azure.com&client_id=user-assigned", asked()[1].query, 1, true)
    end)

    it("are kept until they expire", function()
      metadata()
      local client = new_client()
      for _ = 1, 3 do assert(client:offer_status(OFFER)) end
      assert.equal(1, #asked())
      loop.sleep(nil, 3400)
      assert(client:offer_status(OFFER))
      assert.equal(2, #asked())
    end)

    it("come from App Service, which gets its secret", function()
      app_service { header = "s3cret-header", client_id = "user-assigned" }
      set { AZURE_POD_IDENTITY_AUTHORITY_HOST = other.url }
      assert(new_client():offer_status(OFFER))
      set { AZURE_CLIENT_ID = "user-assigned" }
      assert(new_client():offer_status(OFFER))
      local first, second = table.unpack(asked())
      assert.equal("/MSI/token", first.path)
      assert.equal("api-version=2019-08-01&resource=https%3A%2F%2Fcloudpartner.azure.com", first.query)
      assert.equal("s3cret-header", first.headers["x-identity-header"])
      assert.matches("&client_id=user%-assigned$", second.query)
      for _, entry in ipairs(portal:journal { path = "^/api" }) do assert.is_nil(entry.headers["x-identity-header"]) end
      assert.same({}, other:journal())
    end)

    it("that App Service refuses end the chain, and the secret is not shown", function()
      app_service()
      set { IDENTITY_HEADER = "s3cret-wrong" }
      portal:fault { match = { path = "token$" }, status = 401,
                     body = { error = "no", error_description = "s3cret-wrong is wrong" } }
      assert.matches("managed_identity: 401: the token service refused %(no: %[redacted%] is wrong%); not tried: azure_cli",
                     failure(new_client()))
    end)

    it("are not requested again if the metadata service is missing or has none", function()
      for status, body in pairs { [400] = { error = "invalid_request", error_description = "Identity not found" },
                                  [404] = "<html>", [403] = "", [200] = "<html>", [307] = "" } do
        portal:reset()
        set { AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url .. "/" }
        portal:fault { match = { path = "^/metadata" }, status = status, body = body, headers = { Location = other.url } }
        local text = failure(new_client())
        assert.matches("managed_identity: the metadata service at " .. portal.url .. "/ returned no token %(.*%); "
          .. "azure_cli: az failed", text)
        assert.equal(1, #asked())
      end
      assert.same({}, other:journal())
      portal:reset()
      portal:fault { match = { path = "^/metadata" }, action = "close" }
      assert.matches("managed_identity: the metadata service.* returned no token %(.*azure_cli: az failed", failure(new_client()))
      assert.equal(1, #asked())
    end)

    it("are waited for 1 s if nothing accepts the connection", function()
      local listener, queued = assert(socket.tcp4()), {}
      assert(listener:bind("127.0.0.1", 0) and listener:listen(0))
      local host, port = listener:getsockname()
      for i = 1, 3 do -- fills its queue
        queued[i] = socket.tcp4()
        queued[i]:settimeout(0)
        queued[i]:connect(host, port)
      end
      set { AZURE_POD_IDENTITY_AUTHORITY_HOST = ("http://%s:%d"):format(host, port) }
      local started = core.monotonic()
      assert.matches("managed_identity: .*; azure_cli: az failed", failure(new_client()))
      assert.near(1, core.monotonic() - started, 0.9)
      for _, connection in ipairs(queued) do connection:close() end
      listener:close()
    end)

    it("are requested again while the service is busy, and then end the chain", function()
      metadata()
      portal:fault { match = { path = "^/metadata" }, status = 429, times = 2 }
      assert(new_client { retries = 2 }:offer_status(OFFER))
      portal:fault { match = { path = "^/metadata" }, status = 503, times = -1 }
      assert.matches("managed_identity: 503: the token service refused; not tried: azure_cli",
                     failure(new_client { retries = 1 }))
      assert.equal(5, #asked())
    end)

    it("are not requested from other addresses, and no secret is sent there", function()
      for _, url in ipairs { "http://not.local", "https://127.0.0.1", "http://10.0.0.1/msi", "http://169.254.1.1.not.local",
                             "http://u:p@127.0.0.1", "http://127.0.0.1/?x", "ftp://127.0.0.1", "127.0.0.1" } do
        set { AZURE_POD_IDENTITY_AUTHORITY_HOST = url }
        assert.matches("^auth: managed_identity: AZURE_POD_IDENTITY_AUTHORITY_HOST: expected ", failure(new_client()))
        set { IDENTITY_ENDPOINT = url, IDENTITY_HEADER = "s3cret" }
        assert.matches("^auth: managed_identity: IDENTITY_ENDPOINT: expected ", failure(new_client()))
        set { IDENTITY_ENDPOINT = "", IDENTITY_HEADER = "" }
      end
      set { IDENTITY_ENDPOINT = portal.url, IDENTITY_HEADER = "s3cret\r\nX: 1" }
      assert.matches("IDENTITY_HEADER: expected printable ASCII", failure(new_client()))
      assert.same({}, portal:journal())
    end)

    it("of an unsupported kind are reported by the variable's name", function()
      for _, name in ipairs { "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT" } do
        set { [name] = "http://127.0.0.1:1" }
        assert.matches("managed_identity: " .. name .. " is set, but identities of .* are not supported", failure(new_client()))
        set { [name] = "" }
      end
      set { IDENTITY_ENDPOINT = "http://127.0.0.1:1" }
      assert.matches("managed_identity: IDENTITY_HEADER is not set", failure(new_client()))
    end)
  end)

  it("are searched for in the order of azure-identity, and then in the link that had some", function()
    principal()
    metadata { client_id = CLIENT }
    local first = new_client()
    assert(first:offer_status(OFFER))
    assert.same({ "/" .. TENANT .. "/oauth2/token" }, paths())
    workload() -- in addition to the secret, which now belongs to another client
    set { AZURE_CLIENT_SECRET = "" }
    local second = new_client()
    assert(second:offer_status(OFFER))
    set { AZURE_FEDERATED_TOKEN_FILE = "", AZURE_CLIENT_ID = "" }
    local third = new_client()
    assert(third:offer_status(OFFER))
    assert.same({ "/" .. TENANT .. "/oauth2/token", "/" .. TENANT .. "/oauth2/v2.0/token", "/metadata/identity/oauth2/token" },
                paths())
    principal() -- a client keeps its link
    loop.sleep(nil, 3400)
    assert(third:offer_status(OFFER))
    assert.equal("/metadata/identity/oauth2/token", paths()[4])
    portal:fault { match = { path = "^/metadata" }, status = 400 }
    loop.sleep(nil, 3400)
    assert.matches("^auth: no token available.* %(managed_identity: [^;]*%)$", failure(third))
  end)

  it("that no link has are one err that names each link and why", function()
    local text, err = failure(new_client())
    assert.matches("^auth: no token available: give `token`, set AZURE_TOKEN, or run az login %("
      .. "environment: AZURE_TOKEN, AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are not set; "
      .. "workload_identity: AZURE_FEDERATED_TOKEN_FILE is not set; "
      .. "managed_identity: the metadata service at http://127.0.0.1:1 returned no token %(.*%); "
      .. "azure_cli: az failed: ERROR: Please run 'az login' to setup account.%)$", text)
    assert.is_false(err.retryable)
  end)

  it("are requested once in a batch: the other items wait", function()
    metadata()
    local client = new_client()
    local entries, failed = client:map({ 1, 2, 3, 4 }, function(_, own) return own:offer_status(OFFER) end)
    assert.same({ 4, 0 }, { #entries, failed })
    assert.equal(1, #asked())
  end)

  it("are renewed once after a 401", function()
    metadata()
    portal:fault { match = { path = "^/api" }, status = 401 }
    assert(new_client():offer_status(OFFER))
    assert.equal(2, #asked())
  end)

  it("fail with closed if the client is closed during the request", function()
    metadata()
    local client = new_client { retries = 5 }
    portal:fault { match = { path = "^/metadata" }, status = 503, times = -1 }
    loop.on_sleep = function() client:close() end
    local _, err = client:offer_status(OFFER)
    assert.equal("closed", err.kind)
  end)

  it("are in no text, neither the token nor the secret for it", function()
    app_service()
    local log = {}
    local client = new_client { log = function(entry) log[#log + 1] = entry.url .. (entry.request_id or "") end }
    assert(client:offer_status(OFFER))
    local token = portal:journal { path = "^/api" }[1].headers.authorization:match "Bearer (.*)"
    portal:fault { match = { path = "^/api" }, status = 400,
                   body = { error = { code = "x", message = token .. " s3cret-header" } } }
    local _, err = client:offer_status(OFFER)
    assert.matches("%(x: %[redacted%] %[redacted%]%)", tostring(err))
    assert.is_nil((err.body .. table.concat(log)):find("s3cret", 1, true))
  end)
end)

describe("the endpoint for identities", function()
  local client
  before_each(function() client = core.client() end)
  after_each(function() client:close() end)

  it("is on loopback or at a link-local address, over http", function()
    for _, host in ipairs { "127.0.0.1", "localhost", "[::1]", "169.254.169.254", "169.254.0.1:80", "0xa9fea9fe" } do
      client:check("metadata", { authority_url = "http://" .. host, scope = "x" })
      assert.has_error(function() client:check("metadata", { authority_url = "https://" .. host, scope = "x" }) end)
    end
    for _, host in ipairs { "169.253.255.255", "169.255.0.0", "1.169.254.1", "[fe80::1]", "[::ffff:169.254.169.254]",
                            "169.254.169.254.not.local", "[fe80::1%25eth0]" } do
      assert.error_matches(function() client:check("metadata", { authority_url = "http://" .. host, scope = "x" }) end,
                           "cpp: authority_url: expected an ")
    end
    assert.has_error(function() client:check("metadata", { scope = "x" }) end)
  end)

  it("is the only one at a link-local address", function()
    for _, options in ipairs { { base_url = "http://169.254.169.254" }, { authority_url = "http://169.254.169.254" } } do
      assert.has_error(function() core.client(options) end)
    end
    assert.has_error(function()
      client:check("token", { authority_url = "http://169.254.169.254", tenant = "t", client_id = "c", client_secret = "s" })
    end)
  end)

  it("takes no token", function()
    assert.has_error(function() client:start("metadata", { authority_url = "http://127.0.0.1:1" }, "t") end)
  end)
end)
