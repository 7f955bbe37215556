-- cpp-portal shows no token that the service echoes: in no table, no detail, no line for people.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("cpp-portal, whose token is echoed,", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    fixture.offer(portal)
  end)

  local function echo(path, body)
    portal:fault { match = { method = "GET", path = path }, status = 200, body = body, times = -1 }
  end

  for kind, token in pairs { ["of any characters"] = "aB3dE5fG7hI9jK1lM2nO", ["of letters"] = "aBcDeFgHiJkL" } do
    describe(kind .. ",", function()
      before_each(function()
        portal:configure { tokens = { { token = token } } }
        programs.environment.AZURE_TOKEN = token
      end)

      -- What is shown, which does not hold the token in any case: on standard output, and on standard error.
      local function shown(...)
        local output, errors = programs:run { "bin/cpp-portal", ... }
        for _, text in ipairs { output, errors } do
          if text:lower():find(token:lower(), 1, true) then error("it is shown: " .. text, 2) end
        end
        return output, errors
      end

      it("redacts the operations", function()
        echo("/submissions/$", { { id = token, submissionType = token, submissionState = "running " .. token, slot = token,
                                   changedTime = token } })
        assert.matches("\ncontoso%-vm +%[redacted%] +%[redacted%] +unknown +%[redacted%] +%[redacted%]\n",
                       (shown("operations", "contoso", "contoso-vm")))
      end)

      it("redacts an operation, its steps and messages", function()
        echo("/operations/", { status = "x " .. token, messages = { { messageHtml = "see " .. token }, token },
                               steps = { { stepName = token, status = "x " .. token } } })
        local output = shown("operation", "-o", "first", "contoso", "contoso-vm")
        assert.matches("\ncontoso%-vm +unknown +0 %% +%[redacted%]\n", output)
        assert.matches("\n%[redacted%] +unknown +%-\nsee %[redacted%]\n%[redacted%]\n$", output)
      end)

      it("redacts the status of an offer", function()
        echo("/status$", { status = "x" .. token, messages = { token } })
        assert.matches("\ncontoso%-vm +unknown +0 %% +%-\n%[redacted%]\n$", (shown("status", "contoso", "contoso-vm")))
      end)

      it("redacts publishers and offers", function()
        echo("/api/publishers$", { { id = token, definition = { displayText = token } } })
        echo("/offers$", { { id = token, status = "x" .. token, changedTime = token, offerTypeId = token } })
        assert.matches("\n%[redacted%] +%[redacted%]\n", (shown("publishers")))
        assert.matches("\n%[redacted%] +unknown +%[redacted%] +%[redacted%]\n", (shown("offers", "contoso")))
      end)

      it("redacts locations, and how to go on", function()
        local location = "/api/publishers/contoso/offers/contoso-vm/operations/" .. token
        portal:fault { match = { method = "POST" }, add_headers = { ["Operation-Location"] = location }, times = -1 }
        echo("/operations/", { status = "running" })
        assert.matches("accepted +http://[^\n]*/operations/%[redacted%]\n", (shown("cancel", "contoso", "contoso-vm")))
        local _, errors = shown("cancel", "--wait", "--timeout", "0.1", "contoso", "contoso-vm")
        assert.matches("resume with: [^\n]*%[redacted%]", errors)
        _, errors = shown("cancel", "--json", "--wait", "--timeout", "0.1", "contoso", "contoso-vm")
        assert.matches("accepted: [^\n]*%[redacted%]", errors)
        local row = shown("cancel", "--json", "contoso", "contoso-vm")
        assert.matches('"location":"http[^"]*/operations/%[redacted%]', row)
        local program = programs:start({ "bin/cpp-portal", "cancel", "--json", "-wi60", "contoso", "contoso-vm" },
                                       { watch = "errors" })
        program:read_until("accepted")
        program:kill "INT"
        local output = program:finish()
        assert.matches('"location":"http[^"]*/operations/%[redacted%][^"]*"', (output:gsub("\\/", "/")))
      end)

      it("redacts the location in a row that says why there is no result", function()
        local location = "/api/publishers/contoso/offers/contoso-vm/operations/" .. token
        portal:fault { match = { method = "POST" }, add_headers = { ["Operation-Location"] = location } }
        programs:begin_with [[
          package.preload["cpp.command.json"] = function()
            local encode = dofile(package.searchpath("cpp.command.json", package.path))
            return function(document) return document.status and error "it is broken" or encode(document) end
          end]]
        local row = shown("cancel", "--json", "contoso", "contoso-vm")
        assert.matches('"location":"http[^"]*/operations/%[redacted%]', row)
      end)
    end)
  end

  it("redacts requests and responses with --debug", function()
    local credentials = Portal.CREDENTIALS
    for name, value in pairs { AZURE_TOKEN = "", AZURE_TENANT_ID = credentials.tenant, AZURE_CLIENT_ID = credentials.client_id,
                               AZURE_CLIENT_SECRET = credentials.client_secret } do
      programs.environment[name] = value
    end
    portal:fault { match = { method = "POST", path = "/cancel$" }, status = 400, body = { error = { code = "Bad",
      message = "not " .. credentials.client_secret .. ", jane@contoso.example" } } }
    local _, errors, status = programs:run { "bin/cpp-portal", "cancel", "--debug", "--client-request-id=mine", "--authority-url",
                                             portal.url, "--email=jane@contoso.example", "contoso", "contoso-vm" }
    assert.equal(1, status)
    for _, line in ipairs { "> POST " .. portal.url .. "/" .. credentials.tenant .. "/oauth2/token", "> [credentials]", "< 200",
                            "< [token]", "> POST " .. portal.url .. "/api/publishers/contoso/offers/contoso-vm/cancel"
                            .. "?api-version=2017-10-31", "> Accept: application/json", "> x-ms-client-request-id: mine",
                            "> Authorization: [token]", '> {"metadata":{"notification-emails":"[redacted]"}}', "< 400" } do
      assert.is_truthy(errors:find("cpp-portal: " .. line .. "\n", 1, true), line .. "\n" .. errors)
    end
    assert.is_truthy(errors:find '< {"error":.*"not %[redacted%], %[redacted%]"', errors)
    for _, secret in ipairs { credentials.client_secret, Portal.TOKEN, "jane@" } do
      assert.is_nil(errors:find(secret, 1, true))
    end
  end)

  it("shows with --debug what is asked for at a location", function()
    local location = portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/first?api-version=2017-10-31"
    local _, errors = programs:run { "bin/cpp-portal", "operation", "--debug", location }
    assert.is_truthy(errors:find("> GET " .. location .. "\n", 1, true), errors)
    assert.is_truthy(errors:find("> Authorization: [token]\n", 1, true), errors)
    assert.is_nil(errors:find("[credentials]", 1, true))
  end)
end)
