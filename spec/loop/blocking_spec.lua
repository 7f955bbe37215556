-- cpp.loop.blocking: a call returns when it is done; meanwhile everything else on the client goes on.

local blocking = require "cpp.loop.blocking"
local core = require "cpp.core"
local dispatch = require "cpp.dispatch"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

describe("cpp.loop.blocking", function()
  local portal, client
  loops.clients(_ENV, function(emulator, new_client) portal, client = emulator, new_client() end, { clock = "real" })

  local function start(n) return client.core:start("offer_status", loops.offer(n), portals.TOKEN) end

  it("sleeps as long as it was asked to, and lets the client's requests go on", function()
    local request = start(1)
    local started = core.monotonic()
    blocking.sleep(client.core, 0.1)
    assert.is_true(core.monotonic() - started >= 0.1)
    assert.is_true(request:done())
    started = core.monotonic()
    blocking.sleep(client.core, 0)
    blocking.sleep(client.core, -1)
    assert.is_true(core.monotonic() - started < 0.1)
  end)

  it("does not spin while it waits or sleeps", function()
    portal:fault { match = { path = "/offers/" }, times = -1, delay = 0.2 }
    local cpu = os.clock()
    assert(client:offer_status(loops.offer(1)))
    blocking.sleep(client.core, 0.2) -- with an idle connection
    assert.is_true(os.clock() - cpu < 0.1, os.clock() - cpu)
  end)

  it("wakes a waiter on the same client in another loop", function()
    for _, wait in ipairs { "await", "object", "sleep" } do
      local request, other, woken = start(1), start(2), 0
      dispatch.register(client.core, request, function() woken = woken + 1 end)
      if wait == "await" then
        while not (request:done() and other:done()) do client.core:step() end
        blocking.await(client.core, other)
      elseif wait == "object" then
        blocking.await(client.core, { done = function() return request:done() and other:done() end })
      else
        blocking.sleep(client.core, 0.1)
      end
      assert.equal(1, woken)
    end
  end)

  it("ends its sleep when a resumed call closes the client", function()
    dispatch.register(client.core, start(1), function() client:close() end)
    local started = core.monotonic()
    blocking.sleep(client.core, 5)
    assert.is_true(core.monotonic() - started < 3)
  end)
end)
