-- cpp.credentials.managed_identity: the metadata service and App Service, and where their requests may go.

local core = require "cpp.core"
local credentials = require "spec.support.credentials"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local RESOURCE = "https://cloudpartner.azure.com"

describe("credentials", function()
  local portal, other
  local lab = credentials.environment(_ENV, function(...) portal, other = ... end)
  local new_client, set, metadata, app_service = lab.new_client, lab.set, lab.metadata, lab.app_service
  local asked, failure = lab.asked, lab.failure

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

    it("are requested again while the service is busy, and then end the chain", function()
      metadata()
      portal:fault { match = { path = "^/metadata" }, status = 429, times = 2 }
      assert(new_client { retries = 2 }:offer_status(OFFER))
      for _, status in ipairs { 500, 503 } do
        portal:fault { match = { path = "^/metadata" }, status = status, times = 2 }
        assert.matches(("managed_identity: %d: the token service refused; not tried: azure_cli"):format(status),
                       failure(new_client { retries = 1 }))
      end
      assert.equal(7, #asked())
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
      set { IDENTITY_HEADER = "s3cret", AZURE_CLIENT_ID = "a\nb" }
      assert.matches("managed_identity: AZURE_CLIENT_ID: expected ", failure(new_client()))
      set { IDENTITY_ENDPOINT = "", IDENTITY_HEADER = "", AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url }
      assert.matches("managed_identity: AZURE_CLIENT_ID: expected ", failure(new_client()))
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
end)
