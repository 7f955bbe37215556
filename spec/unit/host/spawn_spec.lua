-- A loop whose `spawn` fails when it is given a token function to run.

local blocking = require "cpp.loop.blocking"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("a spawn that raises", function()
  local portal, client
  fixture.portal(_ENV, function(...)
    portal = ...
    fixture.offer(portal)
    client = cpp.client { base_url = portal.url, token = function() return Portal.TOKEN end, loop = {
      await = blocking.await, sleep = blocking.sleep, spawn = function() error "no coroutines today" end,
    } }
  end)
  after_each(function() client:close() end)

  it("is raised by the call, and by the next one", function()
    for _ = 1, 2 do
      assert.error_matches(function() client:offer_status { publisher = "contoso", offer = "contoso-vm" } end,
                           "no coroutines today")
    end
    assert.same({}, portal:journal())
  end)

  it("leaves it noted what its item sends next", function()
    portal:fault { match = { method = "POST" }, action = "close" }
    local entries = client:map({ 1 }, function(_, own)
      pcall(own.offer_status, own, { publisher = "contoso", offer = "contoso-vm" })
      own:cancel { publisher = "contoso", offer = "contoso-vm", token = Portal.TOKEN }
      error "deliberate"
    end)
    local err = entries[1].err
    assert.same({ "raised", true, "contoso-vm" }, { err.kind, err.ambiguous, err.offer })
  end)
end)
