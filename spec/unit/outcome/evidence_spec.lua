-- What the outcome of a wait rests on: the polled operation, the newest submission, the offer's status.

local Portal = require "spec.support.emulator"
local fixture = require "spec.support.fixture"
local submissions = require "spec.support.submissions"

local entry = submissions.entry

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("the outcome of a wait rests on", function()
  local portal, client, loop, lists
  submissions.client(_ENV, function(...) portal, client, loop, lists = ... end)

  -- Waits for a cancel whose operation ends in a state, while the list and the offer's status say something else.
  local function wait_for(state, list, offer_status, options)
    fixture.offer(portal, { extra = { status = state } }, options)
    if list then portal:fault { match = { path = "/submissions/$" }, status = 200, body = list, times = -1 } end
    if offer_status then
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = offer_status }, times = -1 }
    end
    return client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
  end

  local function requests() return #portal:journal { method = "GET" } end

  it("a canceled operation by itself", function()
    local operation = assert(wait_for("canceled", {}, "Succeeded"))
    assert.equal("canceled", operation.outcome)
    assert.same({ "canceled", "first" }, { operation.evidence.operation.state, operation.evidence.operation.id })
    assert.is_nil(operation.evidence.submission or operation.evidence.offer_status)
    assert.equal(1, requests())
  end)

  it("the newest submission, where the operation is completed", function()
    for state, outcome in pairs { Canceled = "canceled", Succeeded = "completed" } do
      portal:reset()
      local operation = assert(wait_for("completed", { { id = "new", submissionState = state },
                                                       { id = "old", submissionState = "failed" } }, "Running"))
      assert.same({ "completed", outcome }, { operation.state, operation.outcome })
      assert.equal("new", operation.evidence.submission.id)
      assert.equal(2, requests())
    end
  end)

  it("the offer's status, where the list is empty or cannot be read", function()
    for offer_status, outcome in pairs { Canceled = "canceled", succeeded = "completed", published = "completed",
                                         NeverPublished = "none", NotStarted = "none", waitingForPublisherReview = "signoff",
                                         Failed = "unknown", Other = "unknown" } do
      for _, list in ipairs { "[]", '{"not":"a list"}' } do
        portal:reset()
        local operation = assert(wait_for("completed", list, offer_status))
        assert.equal(outcome, operation.outcome)
        assert.is_string(operation.evidence.offer_status.state)
      end
    end
  end)

  it("nothing else: what says nothing is unknown, at once", function()
    fixture.offer(portal, { extra = { status = "completed" } })
    portal:fault { match = { path = "/submissions/$" }, status = 403, times = -1 }
    portal:fault { match = { path = "/status$" }, status = 404, times = -1 }
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("unknown", operation.outcome)
    assert.equal(0, loop.elapsed())
    assert.equal(3, requests())
  end)

  it("responses that agree: what contradicts itself for 60 s is unknown", function()
    local operation = assert(wait_for("completed", { { id = "first", submissionState = "canceled" } }, "Canceled"))
    assert.equal("unknown", operation.outcome)
    assert.equal(60, loop.elapsed())
  end)

  it("what the service says in the end, where the list runs on for a while", function()
    fixture.offer(portal, { extra = { status = "completed" } })
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "new", submissionState = "running" } },
                   times = 5 }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "new", submissionState = "canceled" } } }
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("canceled", operation.outcome)
    assert.equal(25, loop.elapsed())
  end)

  it("what runs on for 60 s as little", function()
    local operation = assert(wait_for("completed", { { id = "new", submissionState = "running" } }, "Running"))
    assert.equal("unknown", operation.outcome)
    assert.equal(60, loop.elapsed())
  end)

  it("requests that succeed later", function()
    fixture.offer(portal, { extra = { status = "completed" } })
    portal:fault { match = { path = "/submissions/$" }, status = 500, times = 3 }
    portal:fault { match = { path = "/status$" }, status = 500, times = 3 }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "new", submissionState = "canceled" } } }
    assert.equal("canceled", assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }).outcome)
  end)

  it("the offer's status that can be read later, where there is no list", function()
    portal:fault { match = { path = "/status$" }, status = 500, times = 3 }
    portal:fault { match = { path = "/submissions/$" }, status = 403, times = -1 }
    assert.equal("canceled", assert(wait_for("completed", nil, "canceled")).outcome)
  end)

  it("no cancellation that is listed", function()
    local operation = assert(wait_for("completed", { { id = "c", submissionState = "completed", submissionType = "Cancel" },
                                                     { id = "p", submissionState = "canceled" } }))
    assert.equal("canceled", operation.outcome)
    assert.equal("p", operation.evidence.submission.id)
  end)

  it("an operation that ended after the cancel was sent, by the service's clock", function()
    local function at(seconds) return os.date("!%Y-%m-%dT%H:%M:%S.0000000Z", Portal.EPOCH + seconds) end
    for time, outcome in pairs { [at(-3600)] = "none", [at(3600)] = "canceled", ["no time"] = "canceled" } do
      portal:reset()
      fixture.offer(portal, { extra = { status = "canceled", lastActionDateTime = time } })
      portal:fault { match = { path = "/submissions/$" }, status = 200, times = -1,
                     body = { { id = "first", submissionState = "canceled", changedTime = time } } }
      local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
      assert.equal(outcome, operation.outcome, time)
    end
  end)

  it("the time of sending, which is never after the real one", function()
    fixture.offer(portal)
    local slow = setmetatable({ await = function(...)
      loop.sleep(nil, 2.5)
      loop.await(...)
    end }, { __index = loop })
    local result = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", loop = slow })
    assert.equal(Portal.EPOCH - 1, result.sent_at)
  end)

  it("no clock of this machine: without a Date, times of the service mean nothing", function()
    portal:fault { match = { method = "POST" }, status = 202, act = true, headers = { ["Operation-Location"] =
      "/api/publishers/contoso/offers/contoso-vm/operations/first" }, add_headers = { Date = false } }
    fixture.offer(portal, { extra = { status = "canceled", lastActionDateTime = "2001-01-01T00:00:00Z" } })
    local result = assert(client:cancel(OFFER))
    assert.is_nil(result.sent_at)
    assert.equal("canceled", assert(client:wait(result)).outcome)
  end)

  describe("the offer's status, where all that is listed ended before the cancel:", function()
    local function wait_after(options, offer_status)
      fixture.offer(portal, { elapsed = 7200 }, options)
      if offer_status then
        portal:fault { match = { path = "/status$" }, status = 200, body = { status = offer_status }, times = -1 }
      end
      return assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    end

    it("nothing ran, which is known at once if the polled operation says so, too", function()
      assert.equal("none", wait_after().outcome)
      assert.equal(0, loop.elapsed())
      assert.equal("none", wait_after({ location_form = "none" }).outcome)
      assert.equal(60, loop.elapsed())
    end)

    it("a publish that has ended may wait for its sign-off", function()
      local operation = wait_after { signoff = "offer" }
      assert.same({ "signoff", "completed" }, { operation.outcome, operation.evidence.submission.state })
      assert.equal(60, loop.elapsed())
    end)

    it("what contradicts the list for 60 s is unknown", function()
      for _, offer_status in ipairs { "Running", "in progress" } do
        portal:reset()
        local started = loop.elapsed()
        assert.equal("unknown", wait_after({}, offer_status).outcome)
        assert.equal(60, loop.elapsed() - started)
      end
    end)
  end)

  it("the failed operation of a cancellation, where the submission runs on for 60 s", function()
    fixture.offer(portal, { cancellation = "own", cancel_mode = "fails_alone", cancel_seconds = 0 })
    lists { entry("first", "running", -100), entry("old", "completed", -1000) }
    local operation, err = client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
    assert.is_nil(operation)
    assert.same({ "failed", 60 }, { err.kind, loop.elapsed() })
  end)

  it("the failed operation of a cancellation, where the list cannot be read", function()
    for _, offer_status in ipairs { "Canceled", "succeeded", "Failed" } do
      portal:reset()
      local operation, err = wait_for("failed", '{"not":"a list"}', offer_status)
      assert.is_nil(operation)
      assert.equal("failed", err.kind)
    end
  end)

  describe("an offer that was never published, which it says after its operation was seen to run:", function()
    local function wait_for_status()
      fixture.offer(portal, { location_form = "status" })
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "running" }, times = 2 }
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "neverPublished" }, times = -1 }
      return assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    end

    it("the newest submission decides, without times as well", function()
      portal:fault { match = { path = "/submissions/$" }, status = 200, times = -1,
                     body = { { id = "new", submissionState = "canceled" } } }
      assert.equal("canceled", wait_for_status().outcome)
    end)

    it("without a list, that is unknown", function()
      portal:fault { match = { path = "/submissions/$" }, status = 403, times = -1 }
      assert.equal("unknown", wait_for_status().outcome)
    end)
  end)

  it("a sign-off that stays: a cancel takes up to five minutes to show", function()
    fixture.offer(portal, { signoff = "operation", elapsed = 100, cancel_mode = "lost_race" })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("signoff", operation.outcome)
    assert.is_true(loop.elapsed() >= 300 and loop.elapsed() <= 333)
  end)
end)
