-- cpp.credentials: the requests of each link, and the result of the chain. Two links have files of their own:
-- spec/unit/credentials/azure_cli_spec.lua and managed_identity_spec.lua.

local cpp = require "cpp"
local credentials = require "spec.support.credentials"
local Portal = require "spec.support.emulator"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local TENANT, CLIENT, SECRET, JWT = credentials.TENANT, credentials.CLIENT, credentials.SECRET, credentials.JWT

describe("credentials", function()
  local portal, other, loop, environment, programs
  local lab = credentials.environment(_ENV, function(...) portal, other, loop, environment, programs = ... end)
  local new_client, set, principal, workload, metadata = lab.new_client, lab.set, lab.principal, lab.workload, lab.metadata
  local asked, paths, failure = lab.asked, lab.paths, lab.failure

  describe("of a client that is given none", function()
    it("are AZURE_TOKEN, whatever else the client is given, without the newline of the file that it came from", function()
      principal()
      for _, newline in ipairs { "\n", "\r\n" } do
        set { AZURE_TOKEN = Portal.TOKEN .. newline }
        local client <close> = cpp.client { loop = loop }
        assert(client:offer_status(OFFER))
      end
      set { AZURE_TOKEN = "t\n\n" }
      assert.matches("^auth: environment: AZURE_TOKEN does not hold a valid token", failure(new_client()))
      assert.same({}, paths())
    end)

    it("are the chain, with the services of the environment", function()
      principal()
      local client <close> = cpp.client { loop = loop }
      assert(client:cancel(OFFER))
      assert(client:offer_status(OFFER))
      assert.same({ "/" .. TENANT .. "/oauth2/token" }, paths())
      assert(client:offer_status { publisher = "contoso", offer = "contoso-vm", tenant = TENANT, client_id = CLIENT,
                                   client_secret = SECRET })
      assert.equal(2, #paths())
    end)
  end)

  it("of a client disable those of the environment, and its URLs", function()
    set { AZURE_TOKEN = "of-the-environment", CPP_BASE_URL = other.url, AZURE_AUTHORITY_HOST = "http://not.local" }
    local client <close> = cpp.client { token = "t", loop = loop, timeout = 0.001, retries = 0 }
    local _, err = client:offer_status(OFFER)
    assert.matches("https://cloudpartner.azure.com/", err.url, 1, true)
    assert.same({}, other:journal())
  end)

  it("of a client have the advice for a program, also where the command is loaded", function()
    require "cpp.command.session"
    assert.matches("no token available: give `token`, set AZURE_TOKEN, or run az login (", failure(new_client()), 1, true)
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

    it("raise an error that is not about an option, unchanged", function()
      local link = "cpp.credentials.azure_cli"
      local own = require(link)
      finally(function() package.loaded[link] = own end)
      package.loaded[link] = function(request) return request.send("nowhere", {}, {}) end
      local client = new_client { token = cpp.credentials.azure_cli() }
      assert.matches("^spec/[%w_/]*.lua:%d+: cpp: there is no endpoint 'nowhere'$",
                     select(2, pcall(client.offer_status, client, OFFER)))
    end)
  end)

  describe("of a workload", function()
    it("are the assertion of the file, without the newline at its end; of the environment as well", function()
      for newline, link in pairs { [""] = "environment", ["\n"] = "workload_identity", ["\r\n"] = "workload_identity" } do
        portal:clear_journal()
        workload("workload", JWT .. newline)
        assert(new_client { token = cpp.credentials[link]() }:offer_status(OFFER))
        local entry = asked()[1]
        assert.same({ "/" .. TENANT .. "/oauth2/v2.0/token", "application/x-www-form-urlencoded" },
                    { entry.path, entry.headers["content-type"] })
        assert.equal("grant_type=client_credentials&client_id=workload&scope=https%3A%2F%2Fcloudpartner.azure.com%2F.default"
          .. "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" .. JWT,
          entry.body)
      end
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
      workload("workload", long .. "\r\n")
      portal:configure { clients = { { tenant = TENANT, client_id = "workload", assertion = long } } }
      assert(new_client():offer_status(OFFER))
      for _, rest in ipairs { "j", "\r\nj" } do
        environment.AZURE_FEDERATED_TOKEN_FILE = programs:file(long .. rest)
        assert.matches("workload_identity: AZURE_FEDERATED_TOKEN_FILE: .*holds no JSON Web Token", failure(new_client()))
      end
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
end)
