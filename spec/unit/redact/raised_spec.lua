-- What the user's code raises may hold what the service said: a callback, an item, a loop. It is shown like any other
-- text, in an err and in a warning.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

local RAISED = "see " .. Portal.TOKEN .. "\n\27[2J\u{202e}\u{9b}!"
local SHOWN = "see [redacted] [2J\u{fffd} !"

local function raise()
  error(RAISED, 0)
end

describe("what was raised is shown without secrets and control characters", function()
  local portal, client, loop
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    fixture.offer(portal)
  end)

  local OFFER = { publisher = "contoso", offer = "contoso-vm" }

  it("of a batch's callbacks, and of an item", function()
    for _, name in ipairs { "on_result", "should_stop" } do
      local entries = client:map({ 1, 2 }, function() return 1 end, { concurrency = 1, [name] = raise })
      assert.same({ name .. " failed: " .. SHOWN, RAISED }, { entries[2].err.message, entries[2].err.raised })
    end
    assert.equal(SHOWN, client:map({ 1 }, raise)[1].err.message)
  end)

  for _, name in ipairs { "await", "sleep" } do
    it("of a loop's " .. name, function()
      local function fail(...)
        loop[name](...)
        raise()
      end
      local own = { await = loop.await, sleep = loop.sleep, now = loop.now, [name] = fail }
      local call = { publisher = "contoso", offer = "contoso-vm", wait = true, loop = own }
      local done, err = pcall(client.cancel, client, call)
      assert.same({ false, SHOWN }, { done, err.message })
      done, err = pcall(client.cancel_all, client, { OFFER, OFFER }, { concurrency = 1, wait = true, loop = own })
      assert.same({ false, SHOWN, SHOWN }, { done, err.message, err.entries[1].err.message })
      assert.equal("await" == name and "the batch ended before this item: " .. SHOWN or SHOWN, err.entries[2].err.message)
    end)
  end

  it("of a loop, with what is known of the accepted call", function()
    fixture.offer(portal, { operation_id = Portal.TOKEN })
    local own = { await = loop.await, now = loop.now, sleep = raise }
    local done, err = pcall(client.cancel, client, fixture.call { wait = true, if_running = true, loop = own })
    assert.same({ false, "raised", SHOWN, RAISED, 202, "cancel", "contoso", "contoso-vm", "[redacted]", "[redacted]",
                  portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/[redacted]" },
                { done, err.kind, err.message, err.raised, err.status, err.call, err.publisher, err.offer, err.operation_id,
                  err.submission_id, err.location })
    assert.same({ "string", "string", "number" }, { type(err.request_id), type(err.client_request_id), type(err.sent_at) })
  end)
end)
