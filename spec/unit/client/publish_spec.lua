-- Publish and go live: what they send, and how they end.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("publish and go live", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  local function put(options) fixture.offer(portal, { running = false }, options) end

  it("send a document of metadata with publish, with or without addresses, and with go live only with addresses", function()
    local metadata = '{"metadata":{"notification-emails":"jane@contoso.example"}}'
    for _, case in ipairs { { "publish", nil, '{"metadata":{}}' }, { "publish", {}, '{"metadata":{}}' }, { "go_live", nil, "" },
                            { "publish", "jane@contoso.example", metadata }, { "go_live", "jane@contoso.example", metadata } } do
      put()
      portal:clear_journal()
      assert(client[case[1]](client, { publisher = "contoso", offer = "contoso-vm", emails = case[2] }))
      local entry = portal:journal { method = "POST" }[1]
      assert.equal(case[3], entry.body)
      if entry.body ~= "" then assert.equal("application/json", entry.headers["content-type"]) end
    end
  end)

  for form, place in pairs { operation_location = "operation", none = "operation", location = "status" } do
    it(("end at the publisher's sign-off, and go live from there: %s, %s"):format(form, place), function()
      put { signoff = place, location_form = form }
      local operation = assert(client:publish { publisher = "contoso", offer = "contoso-vm", wait = true })
      assert.same({ "running", "signoff" }, { operation.state, operation.outcome })
      assert.is_true(loop.elapsed() < 100)
      operation = assert(client:go_live { publisher = "contoso", offer = "contoso-vm", wait = true })
      assert.same({ "completed", "completed" }, { operation.state, operation.outcome })
      assert.equal("completed", assert(client:offer_status(OFFER)).state)
    end)
  end

  it("take a 200 for a publish that runs already, and not for its end", function()
    put { running = true, publish_running = 200 }
    local result = assert(client:publish(OFFER))
    assert.equal(200, result.status)
    assert.is_nil(result.state or result.outcome)
    local operation = assert(client:wait(result))
    assert.same({ "completed", "completed", "first" }, { operation.state, operation.outcome, operation.operation_id })
    assert.is_true(loop.elapsed() >= 60)
  end)
end)
