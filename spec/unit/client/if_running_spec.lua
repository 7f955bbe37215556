-- Cancelling where nothing runs: what a cancel says then, and how a caller finds out before.

local fixture = require "spec.support.fixture"

describe("a cancel where nothing runs", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  local function cancel(options) return client:cancel(fixture.call(options)) end

  local function posts() return #portal:journal { method = "POST" } end

  local function lists(body, times)
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = body, times = times or 1 }
  end

  it("is not sent with if_running: the newest submission has ended", function()
    fixture.offer(portal, { running = false })
    lists({ { id = "old", submissionState = "failed" } }, -1)
    for _, wait in ipairs { true, false } do
      local result = assert(cancel { if_running = true, wait = wait })
      assert.same({ "none", "contoso", "contoso-vm", { id = "old", state = "failed" } },
                  { result.outcome, result.publisher, result.offer, result.evidence.submission })
      assert.equal(result, assert(client:wait(result)))
    end
    assert.equal(0, posts())
  end)

  it("is sent with if_running where the list is late, and the offer's status says that something runs", function()
    for _, state in ipairs { "Running", "in progress", "WaitingForPublisherReview" } do
      fixture.offer(portal)
      lists "[]"
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = state } }
      local result = assert(cancel { if_running = true })
      assert.same({ 202, nil }, { result.status, result.submission_id })
    end
  end)

  it("is not sent with if_running where nothing is listed and the offer's status cannot be read; others are the err", function()
    for code, kind in pairs { [403] = false, [302] = false, [500] = "http", [200] = "protocol" } do
      lists "[]"
      portal:fault { match = { path = "/status$" }, status = code, body = "{}" }
      local result, err = cancel { if_running = true, retries = 0 }
      assert.same({ not kind and "none", kind }, { result and result.outcome or false, err and err.kind or false })
    end
    assert.equal(0, posts())
  end)

  it("is sent with if_running where something runs, queued or not", function()
    for _, options in ipairs { {}, { queued_seconds = 100 } } do
      portal:reset()
      fixture.offer(portal, options)
      local operation = assert(cancel { if_running = true, wait = true, emails = "jane@contoso.example" })
      assert.equal("canceled", operation.outcome)
      assert.equal(1, posts())
    end
  end)

  it("is not sent either where the service cannot be asked", function()
    fixture.offer(portal)
    for body, kind in pairs { [""] = "protocol", ['[{"id":"first"}]'] = "protocol",
                              ['[{"submissionState":"completed"},null,{"submissionState":"running"}]'] = "protocol" } do
      lists(body, 4)
      local _, err = cancel { if_running = true, retries = 0 }
      assert.same({ kind, "GET" }, { err.kind, err.method })
      portal:clear_faults()
    end
    portal:fault { match = { path = "/submissions/$" }, status = 403, times = -1 }
    local result, err = cancel { if_running = true }
    assert.is_nil(result)
    assert.same({ 403, false }, { err.status, err.ambiguous })
    assert.equal(0, posts())
  end)

  it("raises, before it asks, where the call makes no sense", function()
    assert.error_matches(function() client:publish(fixture.call { if_running = true }) end,
                         "if_running: this is an option of cancel only")
    assert.error_matches(function() cancel { if_running = true, emails = { "a@b", 5 } } end, "emails%[2%]: expected a string")
    assert.same({}, portal:journal())
  end)

  it("spends no more than the rest of the timeout on the cause of a refusal", function()
    fixture.offer(portal, { running = false, nothing_running = 404 })
    local _, err = cancel { timeout = 5, log = function(entry)
      if entry.method == "POST" then loop.sleep(client.core, 5) end
    end }
    assert.same({ "http", 404 }, { err.kind, err.status })
    assert.equal(0, #portal:journal { method = "GET" })
  end)

  it("spends no more than 30 s on the cause of a refusal", function()
    fixture.offer(portal, { running = false, nothing_running = 404 })
    for asked, pauses in pairs { [30] = { 30 }, [31] = {} } do
      portal:fault { match = { path = "/submissions/$" }, status = 503, headers = { ["Retry-After"] = tostring(asked) } }
      local before = #loop.sleeps
      cancel {}
      assert.same(pauses, table.move(loop.sleeps, before + 1, #loop.sleeps, 1, {}))
    end
  end)

  it("says so where the service refuses it", function()
    for _, status in ipairs { 400, 404 } do
      fixture.offer(portal, { running = false, nothing_running = status })
      local _, err = cancel {}
      assert.same({ "http", status, "no_running_operation", false }, { err.kind, err.status, err.reason, err.ambiguous })
      assert.matches("no operation is running on the offer", tostring(err))
    end
  end)

  it("is a success with if_running also where the operation ends before the cancel arrives", function()
    fixture.offer(portal, { running = false, nothing_running = 404 })
    for _, state in ipairs { "running", "completed" } do lists { { id = "last", submissionState = state } } end
    local result = assert(cancel { if_running = true, wait = true })
    assert.same({ "none", "completed" }, { result.outcome, result.evidence.submission.state })
    assert.is_string(result.evidence.offer_status.state)
  end)

  it("says nothing of it where something runs, or the offer is not known", function()
    fixture.offer(portal)
    portal:fault { match = { method = "POST" }, status = 400 }
    assert.is_nil(select(2, cancel {}).reason)
    assert.is_nil(select(2, client:cancel { publisher = "contoso", offer = "no such offer" }).reason)
  end)
end)
