-- Which token a call uses, if it and its client have different sources of tokens.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("the token of a call", function()
  local portal, authority, loop
  local new_client = fixture.authority(_ENV, function(...) portal, authority, loop = ... end)

  local function call(more)
    local options = { publisher = "contoso", offer = "contoso-vm" }
    for name, value in pairs(more) do options[name] = value end
    return options
  end

  local PRINCIPAL = { tenant = "emulator-tenant", client_id = "emulator-client", client_secret = "emulator-secret" }

  it("is of its own scope", function()
    local client = new_client(PRINCIPAL)
    for _, scope in ipairs { "https://one/.default", "https://other/.default", "https://one/.default" } do
      authority:fault { match = { path = "/token$" }, status = 200, body = { access_token = "of-" .. scope:match "//(%l+)" } }
      client:offer_status(call { scope = scope })
    end
    local sent = {}
    for i, entry in ipairs(portal:journal()) do sent[i] = entry.headers.authorization end
    assert.same({ "Bearer of-one", "Bearer of-other", "Bearer of-one" }, sent)
  end)

  it("comes from credentials, all of which are expected, if it has any of them", function()
    local client = new_client { token = Portal.TOKEN }
    for name, value in pairs(PRINCIPAL) do
      local done, problem = pcall(client.offer_status, client, call { [name] = value })
      assert.is_false(done)
      assert.matches("expected with tenant, client_id and client_secret together$", problem)
    end
    assert.same({ 0, 0 }, { #portal:journal(), #authority:journal() })
  end)

  it("holds nothing else of its batch back if the token service asks for a pause", function()
    local client = new_client { token = Portal.TOKEN, retries = 0 }
    authority:fault { match = { path = "/token$" }, status = 429, headers = { ["Retry-After"] = "200" } }
    local entries = client:map({ call(PRINCIPAL), call {} }, function(options, own)
      return own:offer_status(options)
    end, { concurrency = 1 })
    assert.equal("auth", entries[1].err.kind)
    assert.is_truthy(entries[2].result)
    assert.equal(0, loop.elapsed())
  end)
end)
