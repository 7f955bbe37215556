-- A wait for a location takes the names of the offer from it. A location is the service's word: it may hold a secret.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("the names in a location are shown without secrets", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  local LOCATIONS = {
    "/api/operations/" .. Portal.TOKEN, "/api/operations/contoso$" .. Portal.TOKEN .. "$2$preview",
    "/api/publishers/" .. Portal.TOKEN .. "/offers/" .. Portal.TOKEN .. "/operations/first",
  }

  it("in the progress of several", function()
    for _, location in ipairs(LOCATIONS) do
      local stream <close> = assert(io.tmpfile())
      portal:fault { match = { path = "/operations/" }, status = 200, body = { status = "running" } }
      client:wait(portal.url .. location, { timeout = 3, on_progress = cpp.progress(stream, { total = 2 }) })
      stream:seek("set")
      local text = stream:read "a"
      assert.matches("%[redacted%].*: running, 0 %%", text)
      assert.is_nil(text:find(Portal.TOKEN, 1, true))
    end
  end)

  it("in an err of the wait", function()
    for _, location in ipairs(LOCATIONS) do
      portal:fault { match = { path = "/operations/" }, status = 403 }
      local _, err = client:wait(portal.url .. location)
      assert.equal(403, err.status)
      for _, name in ipairs { "url", "location", "publisher", "offer" } do
        assert.is_nil((err[name] or ""):find(Portal.TOKEN, 1, true))
      end
    end
    portal:fault { match = { path = "/operations/" }, status = 403 }
    local _, err = client:wait(portal.url .. "/api/operations/contoso$contoso-vm$2$preview")
    assert.same({ "contoso", "contoso-vm" }, { err.publisher, err.offer })
  end)
end)
