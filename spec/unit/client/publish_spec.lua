-- Publish and go live: what they send, and how they end.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("publish and go live", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  local function put(options) fixture.offer(portal, { running = false }, options) end

  local function sent(call, emails)
    put()
    assert(client[call](client, { publisher = "contoso", offer = "contoso-vm", emails = emails }))
    local entries = portal:journal { method = "POST" }
    local entry = entries[#entries]
    return entry.body, entry.headers["content-type"]
  end

  it("send a document of metadata with publish, with or without addresses", function()
    assert.same({ '{"metadata":{}}', "application/json" }, { sent "publish" })
    assert.same({ '{"metadata":{}}', "application/json" }, { sent("publish", {}) })
    assert.equal('{"metadata":{"notification-emails":"jane@contoso.example"}}', (sent("publish", "jane@contoso.example")))
  end)

  it("send no body with go live but for addresses", function()
    assert.equal("", (sent "go_live"))
    assert.equal('{"metadata":{"notification-emails":"jane@contoso.example"}}', (sent("go_live", "jane@contoso.example")))
  end)

  it("end completed, by the operation itself", function()
    put()
    for _, call in ipairs { "publish", "go_live" } do
      local operation = assert(client[call](client, { publisher = "contoso", offer = "contoso-vm", wait = true }))
      assert.same({ "completed", "completed" }, { operation.state, operation.outcome })
    end
    assert.same({}, portal:journal { path = "/submissions/$" })
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

  it("ask for the offer's status only once the steps of the operation are done", function()
    put { steps = { { name = "Validate", seconds = 100 } } }
    local result = assert(client:publish(OFFER))
    assert.equal("timeout", select(2, client:wait(result, { timeout = 90 })).kind)
    assert.same({}, portal:journal { path = "/status$" })
  end)

  it("ask for the offer's status once at each look, within the time of the wait", function()
    put { signoff = "status", location_form = "location" }
    local result = assert(client:publish(OFFER))
    portal:fault { match = { path = "/status$" }, times = -1, status = 503, headers = { ["retry-after"] = "40" } }
    local operation, err = client:wait(result, { timeout = 100, interval = 30, max_interval = 30 })
    assert.is_nil(operation)
    assert.same({ "timeout", 100 }, { err.kind, loop.elapsed() })
    local looks, asked = portal:journal { path = "/operations/" }, portal:journal { path = "/status$" }
    assert.is_true(#asked > 0 and #asked <= #looks + 1, #asked .. " of " .. #looks) -- and once at the end
  end)

  it("end at a sign-off that the operation itself names", function()
    put { extra = { status = "WaitingForPublisherReview" } }
    local operation = assert(client:publish { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.same({ "waitingforpublisherreview", "signoff" }, { operation.state, operation.outcome })
  end)

  it("tell of a publish that was canceled", function()
    put()
    local result = assert(client:publish(OFFER))
    assert(client:cancel(OFFER))
    assert.equal("canceled", assert(client:wait(result)).outcome)
  end)

  it("take a 200 for a publish that runs already, and not for its end", function()
    put { running = true, publish_running = 200 }
    local result = assert(client:publish(OFFER))
    assert.equal(200, result.status)
    assert.is_nil(result.state or result.outcome)
    local operation = assert(client:wait(result))
    assert.same({ "completed", "completed", "first" }, { operation.state, operation.outcome, operation.operation_id })
    assert.is_true(loop.elapsed() >= 60)
  end)

  it("follow the operation that runs already, where a 202 names it", function()
    put { running = true, publish_running = 202 }
    local result = assert(client:publish(OFFER))
    assert.same({ 202, "first" }, { result.status, result.operation_id })
    assert.equal("completed", assert(client:wait(result)).outcome)
  end)

  it("wait for an operation that is not listed yet", function()
    put { location_form = "none" }
    portal:fault { match = { path = "/submissions/$" }, status = 200, times = 3, body = {
      { id = "old", submissionState = "completed", changedTime = "2020-01-01T00:00:00.000" } } }
    local operation = assert(client:publish { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("completed", operation.outcome)
    assert.is_true(loop.elapsed() >= 60)
  end)

  for status, reason in pairs { [409] = "conflict", [412] = "precondition", [422] = "validation" } do
    it(("tell why they were refused: %d is %s"):format(status, reason), function()
      put()
      portal:fault { match = { method = "POST" }, status = status, body = { error = { code = "Odd", message = "Why" } } }
      local _, err = client:publish(OFFER)
      assert.same({ "http", status, reason, false, false }, { err.kind, err.status, err.reason, err.ambiguous, err.retryable })
      assert.matches("Odd: Why", err.message, 1, true)
    end)
  end
end)
