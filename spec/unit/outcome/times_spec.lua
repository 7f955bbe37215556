-- The outcome of a wait for a cancel where the service's times are missing, or too near to the cancel to tell.

local fixture = require "spec.support.fixture"
local submissions = require "spec.support.submissions"

local at, entry = submissions.at, submissions.entry

describe("the outcome of a wait for a cancel, by times:", function()
  local portal, client, loop, lists, cancel
  submissions.client(_ENV, function(...) portal, client, loop, lists, cancel = ... end)

  it("those of the polled operation count for its entry of a list without times", function()
    fixture.offer(portal, { elapsed = 7200, submission_times = false })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.same({ "none", "completed" }, { operation.outcome, operation.state })
  end)

  it("an operation without times was not canceled by this cancel, though another publish runs now", function()
    local old = entry("old", "canceled", -1000)
    lists({ old }, { entry("another", "running", 20), old })
    local operation = assert(cancel { extra = { status = "canceled" }, operation_times = false, cancel_seconds = 0 })
    assert.equal("unknown", operation.outcome)
  end)

  it("an operation without times was canceled, if the list that says that it runs was late", function()
    local old = entry("old", "canceled", -1000)
    lists({ entry("new", "running", -10), old }, { entry("new", "canceled", 1), old })
    local operation = assert(cancel { extra = { status = "canceled" }, operation_times = false, cancel_seconds = 0 })
    assert.same({ "canceled", "new" }, { operation.outcome, operation.evidence.submission.id })
  end)

  describe("what was canceled a few seconds before", function()
    for seconds, outcome in pairs { [-1] = "canceled", [-6] = "unknown", [-60] = "none" } do
      it(("leaves no doubt, or is unknown: the operation, %d s"):format(seconds), function()
        lists { entry("first", "canceled", seconds) }
        local operation = assert(cancel { extra = { status = "canceled", lastActionDateTime = at(seconds) },
                                          cancel_seconds = 0 })
        assert.equal(outcome, operation.outcome)
      end)

      it(("leaves no doubt, or is unknown: the list, %d s"):format(seconds), function()
        lists { entry("other", "canceled", seconds) }
        local operation = assert(cancel { extra = { status = "canceled" }, operation_times = false,
                                          cancel_seconds = 0 })
        assert.equal(outcome, operation.outcome)
        assert.equal(outcome, assert(cancel { location_form = "none", running = false }).outcome)
      end)
    end

    it("is the cancel's, if it was seen to run after it", function()
      lists { entry("first", "canceled", -6) }
      local operation = assert(cancel { extra = { lastActionDateTime = at(-6) } })
      assert.equal("canceled", operation.outcome)
      assert.is_true(loop.elapsed() >= 60)
    end)

    it("is the cancel's, if it was seen to run, whatever its time and its id in the list", function()
      lists { entry("other", "canceled", -30) }
      assert.equal("canceled", assert(cancel { extra = { lastActionDateTime = at(-30) } }).outcome)
      portal:reset()
      lists { entry("first", "completed", -30) }
      assert.equal("completed", assert(cancel { extra = { lastActionDateTime = at(-30) }, cancel_mode = "lost_race" }).outcome)
    end)

    it("is unknown, although the list said before that it runs: it may have been late", function()
      lists({ entry("first", "running", -100) }, { entry("first", "canceled", -6) })
      local operation = assert(cancel({ cancel_seconds = 0, operation_times = false }, { if_running = true }))
      assert.equal("unknown", operation.outcome)
    end)

    it("is not what ran, if another has ended since", function()
      lists { entry("second", "completed", 3), entry("first", "canceled", -6) }
      local operation = assert(cancel { extra = { status = "completed" } })
      assert.same({ "completed", "second" }, { operation.outcome, operation.evidence.submission.id })
    end)
  end)

  describe("what ended at most two seconds before is not what ran, if another", function()
    it("was canceled since", function()
      for _, state in ipairs { "completed", "failed" } do
        portal:reset()
        lists { entry("second", "canceled", 60), entry("first", state, -2) }
        local operation = assert(cancel { extra = { status = "completed" } })
        assert.same({ "canceled", "second" }, { operation.outcome, operation.evidence.submission.id })
      end
    end)

    it("is the polled operation", function()
      lists { entry("SECOND", "completed", 60), entry("first", "failed", -2) }
      local operation = assert(cancel { operation_id = "second", extra = { status = "completed" } })
      assert.same({ "completed", "SECOND" }, { operation.outcome, operation.evidence.submission.id })
    end)

    it("was listed as running before", function()
      local old = entry("old", "failed", -2)
      lists({ entry("new", "running", -2), old }, { entry("new", "completed", 10), old })
      local operation = assert(cancel({ cancellation = "own", extra = { status = "completed" } }, { if_running = true }))
      assert.same({ "completed", "new" }, { operation.outcome, operation.evidence.submission.id })
    end)

    it("ran before and runs on", function()
      for _, state in ipairs { "completed", "canceled" } do
        portal:reset()
        lists({ entry("second", "running", -2), entry("first", state, -2) },
              { entry("second", "canceled", 60), entry("first", state, -2) })
        local operation = assert(cancel { location_form = "none" })
        assert.same({ "canceled", "second" }, { operation.outcome, operation.evidence.submission.id })
      end
    end)

    it("but is what ran, if another was started later", function()
      lists { entry("second", "running", 30), entry("first", "canceled", -2) }
      local operation = assert(cancel { location_form = "none" })
      assert.same({ "canceled", "first" }, { operation.outcome, operation.evidence.submission.id })
    end)
  end)

  it("what was canceled a few seconds before is not what ran, if another ran before and runs on", function()
    lists({ entry("second", "running", -5), entry("first", "canceled", -6) },
          { entry("second", "canceled", 60), entry("first", "canceled", -6) })
    local operation = assert(cancel { location_form = "none" })
    assert.same({ "canceled", "second" }, { operation.outcome, operation.evidence.submission.id })
  end)

  describe("what a late list shows as running", function()
    local LATE = { [-6] = "unknown", [-30] = "none" }

    for seconds, outcome in pairs(LATE) do
      it(("was not seen to run: it was canceled %d s before"):format(seconds), function()
        lists({ entry("first", "running", -100) }, { entry("first", "canceled", seconds) })
        assert.equal(outcome, assert(cancel { location_form = "none", running = false }).outcome)
      end)

      it(("did not run since an operation of the cancellation does: it was canceled %d s before"):format(seconds), function()
        lists({ entry("publish", "running", -100) }, { entry("publish", "canceled", seconds) })
        local operation = assert(cancel({ cancellation = "own", extra = { lastActionDateTime = at(60) } },
                                        { if_running = true }))
        assert.equal(outcome, operation.outcome)
      end)
    end

    it("is not followed any more, if the list knows a newer one that runs", function()
      local old = entry("old", "completed", -2)
      lists({ entry("old", "running", -100) }, { entry("old", "running", -100) }, { entry("new", "running", -5), old },
            { entry("newest", "running", 70), entry("new", "failed", 60), old })
      local _, err = cancel({ location_form = "none", submission_ids = "other" }, { if_running = true })
      assert.same({ "failed", "new" }, { err.kind, err.operation and err.operation.id })
    end)
  end)

  describe("without times in the list,", function()
    local function undated(...)
      local list = {}
      for i, pair in ipairs { ... } do list[i] = { id = pair[1], submissionState = pair[2] } end
      return list
    end

    it("the submission of the polled operation decides, whatever was published later", function()
      lists(undated({ "second", "canceled" }, { "first", "completed" }))
      assert.equal("completed", assert(cancel { cancel_mode = "lost_race", operation_times = false }).outcome)
    end)

    it("the newest one that was seen to run decides, without ids as well", function()
      lists({ { submissionState = "running" } }, { { submissionState = "canceled" } })
      assert.equal("canceled", assert(cancel { location_form = "none" }).outcome)
    end)

    it("what another cancel may have canceled is unknown", function()
      lists(undated { "new", "canceled" })
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "canceled" }, times = -1 }
      assert.equal("unknown", assert(cancel { location_form = "none", running = false }).outcome)
    end)
  end)

  it("an older submission that was never started does not run", function()
    lists { entry("new", "completed", -100), entry("old", "notStarted", -500) }
    assert.equal("none", assert(cancel({ running = false }, { if_running = true })).outcome)
    assert.same({}, portal:journal { method = "POST" })
  end)

  it("an offer's status that was never published ends the wait, where the location names it", function()
    fixture.offer(portal, { location_form = "status", nothing_running_location = "own", running = false })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.same({ "none", "neverpublished" }, { operation.outcome, operation.state })
    assert.is_true(loop.elapsed() <= 60)
  end)

  it("a later publish at the same location keeps no wait running, if the list tells how the first ended", function()
    lists { entry("second", "running", 40), entry("first", "canceled", 30) }
    fixture.offer(portal, { extra = { status = "running" } })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.same({ "canceled", "first" }, { operation.outcome, operation.evidence.submission.id })
    assert.is_true(loop.elapsed() >= 300 and loop.elapsed() <= 333)
  end)

  it("a later publish at the same location that waits for its sign-off does not, either", function()
    lists { entry("second", "running", 40), entry("first", "canceled", 30) }
    fixture.offer(portal, { extra = { status = "waitingForPublisherReview" } })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.same({ "canceled", "first" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("a submission without times that was followed decides, whatever ran after it, and whatever its operation's id", function()
    lists({ { id = "first", submissionState = "running" } },
          { { id = "second", submissionState = "running" }, { id = "first", submissionState = "canceled" } })
    local operation = assert(cancel { location_form = "none", operation_id = "other" })
    assert.same({ "canceled", "first" }, { operation.outcome, operation.evidence.submission.id })
  end)

  it("an empty list is late, if the offer's status says that something ended", function()
    lists({}, { entry("first", "canceled", 1) })
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "canceled" }, times = -1 }
    assert.equal("canceled", assert(cancel { location_form = "none" }).outcome)
    assert.equal(5, loop.elapsed())
  end)

  it("a submission that is followed is no polled operation in the evidence", function()
    fixture.offer(portal, { location_form = "none", signoff = "operation", elapsed = 100, cancel_mode = "lost_race" })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("signoff", operation.outcome)
    assert.same({ nil, "running" }, { operation.evidence.operation, operation.evidence.submission.state })
  end)
end)
