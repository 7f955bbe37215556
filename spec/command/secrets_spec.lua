-- cpp-portal shows no token that the service echoes: in no table, no detail, no line for people.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("cpp-portal, whose token is echoed,", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    fixture.offer(portal)
  end)

  it("redacts locations, and how to go on", function()
    local token = "aBcDeFgHiJkL"
    portal:configure { tokens = { { token = token } } }
    programs.environment.AZURE_TOKEN = token
    -- What is shown, which does not hold the token in any case: on standard output, and on standard error.
    local function shown(pattern, of_errors, ...)
      local output, errors = programs:run { "bin/cpp-portal", "cancel", "contoso", "contoso-vm", ... }
      assert.is_nil((output .. errors):lower():find(token:lower(), 1, true))
      assert.matches(pattern, of_errors and errors or output)
    end
    portal:fault { match = { method = "POST" }, times = -1, add_headers = {
      ["Operation-Location"] = "/api/publishers/contoso/offers/contoso-vm/operations/" .. token } }
    portal:fault { match = { method = "GET", path = "/operations/" }, status = 200, body = { status = "running" }, times = -1 }
    shown("accepted +http://[^\n]*/operations/%[redacted%]\n", false)
    shown("resume with: [^\n]*%[redacted%]", true, "--wait", "--timeout=0.1")
    shown("accepted: [^\n]*%[redacted%]", true, "--json", "--wait", "--timeout=0.1")
    shown('"location":"http[^"]*/operations/%[redacted%]', false, "--json")
    programs:begin_with [[
      package.preload["cpp.command.json"] = function()
        local encode = dofile(package.searchpath("cpp.command.json", package.path))
        return function(document) return document.status and error "it is broken" or encode(document) end
      end]]
    shown('"error":.*"location":"http[^"]*/operations/%[redacted%]', false, "--json")
    shown("accepted, but the result cannot be written: [^\n]*it is broken", true, "--json")
  end)

  it("redacts requests and responses with --debug", function()
    local credentials = Portal.CREDENTIALS
    for name, value in pairs { AZURE_TOKEN = "", AZURE_TENANT_ID = credentials.tenant, AZURE_CLIENT_ID = credentials.client_id,
                               AZURE_CLIENT_SECRET = credentials.client_secret } do
      programs.environment[name] = value
    end
    portal:fault { match = { method = "POST", path = "/cancel$" }, status = 400, body = { error = { code = "Bad",
      message = "not " .. credentials.client_secret .. ", jane@contoso.example" } } }
    local _, errors, status = programs:run { "bin/cpp-portal", "cancel", "--debug", "--authority-url", portal.url,
                                             "--email=jane@contoso.example", "contoso", "contoso-vm" }
    assert.equal(1, status)
    for _, line in ipairs { "> POST " .. portal.url .. "/" .. credentials.tenant .. "/oauth2/token", "> [credentials]", "< [token]",
                            "> Authorization: [token]", '> {"metadata":{"notification-emails":"[redacted]"}}', "< 400" } do
      assert.matches("cpp-portal: " .. line .. "\n", errors, 1, true)
    end
    assert.is_truthy(errors:find '< {"error":.*"not %[redacted%], %[redacted%]"', errors)
    for _, secret in ipairs { credentials.client_secret, Portal.TOKEN, "jane@" } do
      assert.is_nil(errors:find(secret, 1, true))
    end
  end)
end)
