-- Which of the submissions in the offer's list the outcome of a wait rests on.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local submissions = require "spec.support.submissions"

local at, entry = submissions.at, submissions.entry

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("the outcome of a wait rests on", function()
  local portal, client, loop, lists, cancel
  submissions.client(_ENV, function(...) portal, client, loop, lists, cancel = ... end)

  it("what ran first, and not what was published since", function()
    lists({ entry("first", "running", -100) }, { entry("second", "running", 20), entry("first", "canceled", 10) })
    local operation = assert(cancel { location_form = "none" })
    assert.same({ "canceled", "first" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("what ended since the cancel was sent: an untyped operation of the cancellation is newer", function()
    lists { entry("another", "completed", 12), entry("publish", "canceled", 10), entry("old", "completed", -1000) }
    local operation = assert(cancel { extra = { status = "completed" } })
    assert.same({ "canceled", "publish" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("the list of submissions where an operation has no time, though it may have another id there", function()
    for _, id in ipairs { "FIRST", "other" } do
      portal:reset()
      lists { entry(id, "canceled", -1000) }
      assert.equal("none", assert(cancel { extra = { status = "canceled" }, operation_times = false,
                                           cancel_seconds = 0 }).outcome)
    end
  end)

  it("the list that is read again, if it may be late for an operation that it does not have", function()
    lists({ entry("old", "completed", -1000) }, { entry("new", "canceled", 10), entry("old", "completed", -1000) })
    local operation = assert(cancel { extra = { status = "canceled" }, operation_times = false, cancel_seconds = 0 })
    assert.same({ "canceled", "new" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("the list that is read again, if it does not have the operation that was seen to run", function()
    lists({ entry("old", "completed", -1000) }, { entry("new", "canceled", 50), entry("old", "completed", -1000) })
    local operation = assert(cancel { extra = { status = "completed" } })
    assert.same({ "canceled", "new" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("times, and not on what only looks like one", function()
    for _, time in ipairs { "0001-01-01T00:00:00", "9999-99-99T99:99:99", "2001-02-03T04:05:06 somewhere" } do
      portal:reset()
      lists { { id = "new", submissionState = "canceled", changedTime = time } }
      local operation = assert(cancel { extra = { status = "completed", lastActionDateTime = time } })
      assert.equal("canceled", operation.outcome, time)
    end
  end)

  it("the list that is asked again, where it is late and the offer's status says that something runs", function()
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "running" } }
    lists({ entry("old", "completed", -1000) }, { entry("first", "running", -1), entry("old", "completed", -1000) },
          { entry("first", "canceled", 50), entry("old", "completed", -1000) })
    assert.equal("canceled", assert(cancel { location_form = "none" }).outcome)
  end)

  it("the list, where the polled operation is not known any more", function()
    fixture.offer(portal)
    local result = assert(client:cancel(OFFER))
    portal:fault { match = { path = "/operations/", skip = 1 }, status = 404, times = -1 }
    local operation = assert(client:wait(result))
    assert.same({ "canceled", "canceled" }, { operation.state, operation.outcome })
    assert.is_nil(operation.evidence.operation)
  end)

  it("the submission, where an operation of the cancellation failed", function()
    for state, outcome in pairs { completed = "completed", canceled = "canceled", failed = "failed" } do
      portal:reset()
      lists { entry("publish", state, 10) }
      local operation, err = cancel { cancellation = "own", cancel_mode = "fails_alone" }
      assert.equal(outcome, operation and operation.outcome or err.kind)
    end
  end)

  it("the time of the request that was accepted, and not of one that was refused before", function()
    portal:fault { match = { method = "POST" }, status = 429, headers = { ["Retry-After"] = "60" }, times = 1 }
    lists { entry("old", "canceled", 30) }
    assert.equal("none", assert(cancel { location_form = "none", running = false }).outcome)
    assert.is_true(loop.elapsed() >= 60)
  end)

  it("the body of a 200, which is no proof if it is completed", function()
    for _, state in ipairs { "completed", "Succeeded" } do
      portal:reset()
      portal:fault { match = { method = "POST" }, status = 200, body = { status = state } }
      lists { entry("first", "completed", 10) }
      local operation = assert(cancel {})
      assert.same({ "completed", "first" }, { operation.outcome, operation.evidence.submission.id })
    end
  end)

  it("an offer that was never published, whatever the end of the cancellation", function()
    for _, state in ipairs { "failed", "completed" } do
      portal:reset()
      lists {}
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "neverPublished" }, times = -1 }
      local operation = assert(cancel { extra = { status = state } })
      assert.equal("none", operation.outcome)
    end
  end)

  it("the last response, if the last poll of a minute fails", function()
    lists { entry("old", "completed", -1000) }
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "completed" }, times = 12 }
    portal:fault { match = { path = "/status$" }, status = 502, times = -1 }
    assert.equal("none", assert(cancel { extra = { status = "completed" } }).outcome)
    assert.equal(60, loop.elapsed())
  end)

  it("polls at the interval that the service requests", function()
    fixture.offer(portal, { extra = { status = "completed" } })
    portal:fault { match = { path = "/s[^/]+/?$" }, status = 429, headers = { ["Retry-After"] = "25" }, times = -1 }
    assert.equal("unknown", assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }).outcome)
    assert.same({ 25, 25, 10 }, loop.sleeps)
  end)

  it("a sign-off at the end of the time, where no cancel may be on its way", function()
    fixture.offer(portal, { signoff = "operation", elapsed = 100 })
    local operation = assert(client:wait(OFFER, { timeout = 20 }))
    assert.same({ "signoff", 20 }, { operation.outcome, loop.elapsed() })
    local _, err = client:wait({ publisher = "contoso", offer = "contoso-vm", call = "cancel" }, { timeout = 20 })
    assert.equal("timeout", err.kind)
  end)

  describe("what a call without a location started", function()
    local function respond(code, name, ...)
      lists(...)
      fixture.offer(portal, { location_form = "none" })
      portal:fault { match = { method = "POST" }, status = code, act = false }
      return client[name](client, { publisher = "contoso", offer = "contoso-vm", wait = { timeout = 300 } })
    end

    local function accepted(...) return respond(202, ...) end

    for name, newest in pairs { go_live = "production", publish = "new" } do
      it("and not what ended right before: " .. name, function()
        local operation = assert(accepted(name,
          { entry(newest, "running", 1), entry("staging", name == "publish" and "canceled" or "completed", 1) },
          { entry(newest, "completed", 100), entry("staging", "completed", 1) }))
        assert.same({ "completed", newest }, { operation.outcome, operation.evidence.submission.id })
      end)
    end

    it("and not what ended meanwhile, as long as it runs", function()
      local _, err = accepted("go_live", { entry("production", "running", 1), entry("staging", "completed", 1) })
      assert.equal("timeout", err.kind)
    end)

    it("the last that ended before, only if it is completed and the response is 200: it has this version", function()
      for state, outcome in pairs { completed = "completed", canceled = "unknown" } do
        portal:reset()
        assert.equal(outcome, assert(respond(200, "publish", { entry("old", state, -100) })).outcome)
        portal:reset()
        assert.equal("unknown", assert(respond(202, "publish", { entry("old", state, -100) })).outcome)
      end
    end)

    it("the last that has ended since", function()
      local operation = assert(accepted("publish", { entry("new", "completed", 20), entry("old", "canceled", 1) }))
      assert.same({ "completed", "new" }, { operation.outcome, operation.evidence.submission.id })
    end)
  end)

  it("no later publish that has the same location", function()
    lists { entry("second", "canceled", 100), entry("first", "completed", 9) }
    local operation = assert(cancel { extra = { status = "canceled", createdDateTime = at(40) } })
    assert.same({ "completed", "first" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("no list that was late when it said that something runs", function()
    lists { entry("old", "completed", -100) }
    fixture.offer(portal, { running = false })
    local operation = assert(client:wait { publisher = "contoso", offer = "contoso-vm", call = "cancel",
                                           submission_id = "old", sent_at = Portal.EPOCH })
    assert.equal("none", operation.outcome)
  end)

  it("no state but canceled of a 200 without a location", function()
    lists { entry("first", "completed", 10) }
    fixture.offer(portal)
    for _, state in ipairs { "accepted", 5, true } do
      local operation = client:wait({ publisher = "contoso", offer = "contoso-vm", status = 200, state = state,
                                      call = "publish" })
      assert.equal("completed", assert(operation).outcome)
    end
  end)

  it("no id of the offer's status", function()
    lists {}
    portal:fault { match = { path = "/status$" }, status = 200, times = -1,
                   body = { status = "canceled", id = "contoso-vm", location = "/elsewhere" } }
    local operation = assert(cancel { location_form = "none", running = false })
    assert.is_nil(operation.operation_id or operation.submission_id or operation.location)
    assert.same({}, portal:journal { path = "/operations/" })
  end)

  it("looks that become rarer where the first interval is short", function()
    lists { { id = "new", submissionState = "running" } }
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "Running" }, times = -1 }
    fixture.offer(portal, { extra = { status = "completed" } })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = { interval = 0.01 } })
    assert.equal("unknown", operation.outcome)
    assert.is_true(#loop.sleeps < 40, #loop.sleeps)
  end)

  it("no status of the offer while the list cannot be read", function()
    portal:fault { match = { path = "/submissions/$" }, status = 500 }
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "published" } }
    assert.equal("canceled", assert(cancel { extra = { status = "completed" }, cancellation = "own",
                                             cancel_seconds = 0 }).outcome)
  end)
end)
