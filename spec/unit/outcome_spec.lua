-- The outcome of a wait for a cancel, under each hypothesis of what the service does. The emulator knows the truth.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

-- What a cancel meets. `truth`: what becomes of the operation, as the emulator tells; `outcome`: what a wait has to say,
-- where the two are not the same word; `err`: the kind of the err that it gives instead.
local SITUATIONS = {
  { name = "the cancel wins", truth = "canceled" },
  { name = "the cancel wins before the first look", options = { cancel_seconds = 0 }, truth = "canceled" },
  { name = "the publish is faster", options = { cancel_mode = "lost_race" }, truth = "completed" },
  { name = "the publish ends right after the cancel", options = { cancel_mode = "lost_race", elapsed = 58 },
    truth = "completed" },
  { name = "the publish comes to its sign-off", truth = "signoff",
    options = { cancel_mode = "lost_race", signoff = "operation", elapsed = 30 } },
  { name = "the publish comes to its sign-off, which the offer's status tells", truth = "signoff",
    options = { cancel_mode = "lost_race", signoff = "status", elapsed = 30 } },
  { name = "it is canceled at its sign-off", truth = "canceled", options = { signoff = "operation", elapsed = 100 } },
  { name = "it was done at once", options = { cancel_mode = "synchronous" }, truth = "canceled" },
  { name = "the operation fails", options = { cancel_mode = "fails" }, truth = "failed", err = "failed" },
  { name = "nothing ran since a publish", truth = "none", options = { elapsed = 7200 } },
  { name = "nothing ran since a failed publish", truth = "none", options = { elapsed = 7200, ends = "failed" } },
  { name = "nothing was ever published", options = { running = false }, truth = "none" },
  { name = "nothing ran since another cancel", truth = "none", canceled_before = 7200 },
}

-- What the service may do.
local HYPOTHESES = {
  { name = "the location is the publish's" },
  { name = "the location is that of a cancellation", options = { cancellation = "own" } },
  { name = "the location is that of a listed cancellation",
    options = { cancellation = "own", cancellation_listed = true } },
  { name = "a cancellation that comes too late fails",
    options = { cancellation = "own", cancellation_lost = "failed" }, may_fail = true },
  { name = "each cancel gets an operation, even where nothing runs",
    options = { cancellation = "own", nothing_running_location = "own" } },
  { name = "submissions have ids of their own", options = { submission_ids = "other" } },
  { name = "submissions and cancellations have ids of their own",
    options = { cancellation = "own", submission_ids = "other", nothing_running_location = "own" } },
  { name = "there is no location", options = { location_form = "none" } },
  { name = "the location is that of the offer's status", options = { location_form = "status" } },
  { name = "the list is late", options = { list_late = 5 } },
  { name = "the list is late, and there is no location", options = { list_late = 5, location_form = "none" } },
  { name = "there is no location, and submissions have ids of their own",
    options = { location_form = "none", submission_ids = "other" } },
}

local FORMS = { "operation_location", "operation_location_legacy", "location", "legacy", "body" }

describe("the outcome of a wait for a cancel", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  local function put_offer(...)
    fixture.offer(portal, ...)
  end

  -- An offer whose operation was canceled a while ago.
  local function cancel_before(seconds, ...)
    put_offer(..., { cancel_mode = "accepted", cancel_seconds = 10 })
    assert(client:cancel(OFFER))
    portal:advance(seconds)
  end

  local function check(hypothesis, situation, form, dated)
    local options = { location_form = form, operation_times = dated }
    for _, more in ipairs { hypothesis.options or {}, situation.options or {} } do
      for name, value in pairs(more) do options[name] = value end
    end
    if situation.canceled_before then
      cancel_before(situation.canceled_before, options)
    else
      put_offer(options)
    end
    local operation, err = client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
    assert.equal(situation.truth, portal:state("contoso", "contoso-vm").cancel)
    local given = operation and operation.outcome or err.kind
    local fails = situation.err or hypothesis.may_fail and situation.truth ~= "canceled" and situation.truth ~= "none"
    if not (fails and given == "failed") then assert.equal(situation.truth, given) end
    if operation and not situation.err then assert.is_table(operation.evidence) end
  end

  for _, hypothesis in ipairs(HYPOTHESES) do
    local form_given = hypothesis.options and hypothesis.options.location_form
    local forms = form_given and { form_given } or FORMS
    for _, situation in ipairs(SITUATIONS) do
      for _, form in ipairs(forms) do
        for _, dated in ipairs { true, false } do
          it(("is true where %s, %s (%s, %s)"):format(hypothesis.name, situation.name, form,
            dated and "dated" or "not dated"), function() check(hypothesis, situation, form, dated) end)
        end
      end
    end
  end

  it("is true where the service does not know the operation at first", function()
    put_offer { cancellation = "own", location_form = "location" }
    portal:fault { match = { path = "/operations/" }, status = 404, times = 3 }
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.same({ "completed", "canceled" }, { operation.state, operation.outcome })
  end)

  it("is true where the offer is published anew before the wait begins", function()
    put_offer { cancellation = "own" }
    local result = assert(client:cancel(OFFER))
    portal:advance(100)
    assert(client:publish(OFFER))
    assert.equal("canceled", assert(client:wait(result)).outcome)
    portal:advance(100)
    assert.equal("canceled", assert(client:wait(result)).outcome)
  end)

  it("is found again by a wait for the location alone, and for an err of a wait", function()
    put_offer { cancellation = "own", location_form = "location" }
    local result = assert(client:cancel(OFFER))
    local _, err = client:wait(result, { timeout = 10 })
    assert.equal("timeout", err.kind)
    assert.equal("canceled", assert(client:wait(err)).outcome)
    assert.equal("canceled", assert(client:wait(result.location)).outcome)
  end)
end)

describe("the outcome of a wait rests on", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  -- Waits for a cancel whose operation ends in a state, while the list and the offer's status say something else.
  local function wait_for(state, list, offer_status, options)
    fixture.offer(portal, { extra = { status = state } }, options)
    if list then portal:fault { match = { path = "/submissions/$" }, status = 200, body = list, times = -1 } end
    if offer_status then
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = offer_status }, times = -1 }
    end
    return client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
  end

  local function requests()
    return #portal:journal { method = "GET" }
  end

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
                                         NeverPublished = "none", waitingForPublisherReview = "signoff",
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

  it("no cancellation that is listed", function()
    local operation = assert(wait_for("completed", { { id = "c", submissionState = "completed", submissionType = "Cancel" },
                                                     { id = "p", submissionState = "canceled" } }))
    assert.equal("canceled", operation.outcome)
    assert.equal("p", operation.evidence.submission.id)
  end)

  it("an operation that ended after the cancel was sent, by the service's clock", function()
    local function at(seconds)
      return os.date("!%Y-%m-%dT%H:%M:%S.0000000Z", os.time() + seconds)
    end
    for time, outcome in pairs { [at(-3600)] = "none", [at(3600)] = "canceled", ["no time"] = "canceled" } do
      portal:reset()
      fixture.offer(portal, { extra = { status = "canceled", lastActionDateTime = time } })
      portal:fault { match = { path = "/submissions/$" }, status = 200, times = -1,
                     body = { { id = "first", submissionState = "canceled", changedTime = time } } }
      local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
      assert.equal(outcome, operation.outcome, time)
    end
  end)

  it("no clock of this machine: without a Date, times of the service mean nothing", function()
    portal:fault { match = { method = "POST" }, status = 202, act = true, headers = { ["Operation-Location"] =
      "/api/publishers/contoso/offers/contoso-vm/operations/first" }, add_headers = { Date = false } }
    fixture.offer(portal, { extra = { status = "canceled", lastActionDateTime = "2001-01-01T00:00:00Z" } })
    local result = assert(client:cancel(OFFER))
    assert.is_nil(result.sent_at)
    assert.equal("canceled", assert(client:wait(result)).outcome)
  end)

  it("a sign-off that stays: a cancel takes up to five minutes to show", function()
    fixture.offer(portal, { signoff = "operation", elapsed = 100, cancel_mode = "lost_race" })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("signoff", operation.outcome)
    assert.is_true(loop.elapsed() >= 300 and loop.elapsed() <= 333)
  end)

  -- Times of the service, relative to now.
  local function at(seconds)
    return os.date("!%Y-%m-%dT%H:%M:%S.000", os.time() + seconds)
  end

  -- What the list says, one time after another; the last goes on.
  local function lists(...)
    for place, list in ipairs { ... } do
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = list, times = place == select("#", ...) and -1 or 1 }
    end
  end

  local function entry(id, state, seconds)
    return { id = id, submissionState = state, changedTime = seconds and at(seconds) }
  end

  local function cancel(options)
    fixture.offer(portal, options)
    return client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
  end

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
    local function accepted(name, ...)
      lists(...)
      fixture.offer(portal, { location_form = "none" })
      portal:fault { match = { method = "POST" }, status = 202, act = false }
      return client[name](client, { publisher = "contoso", offer = "contoso-vm", wait = { timeout = 300 } })
    end

    for name, newest in pairs { go_live = "production", publish = "new" } do
      it("and not what ended right before: " .. name, function()
        local operation = assert(accepted(name,
          { entry(newest, "running", 1), entry("staging", name == "publish" and "canceled" or "completed", 1) },
          { entry(newest, "completed", 100), entry("staging", "completed", 1) }))
        assert.same({ "completed", newest }, { operation.outcome, operation.evidence.submission.id })
      end)
    end

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
                                           submission_id = "old", sent_at = os.time() })
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

describe("outcome.time", function()
  local outcome = require "cpp.outcome"

  it("reads every day of the calendar as the system's clock has it", function()
    for day = 10957, 10957 + 146097 * 2, 7 do -- 800 years from 2000 on, and each date of the month in them
      local time = day * 86400 + day % 86400
      assert.equal(time, outcome.time(os.date("!%Y-%m-%dT%H:%M:%SZ", time)))
    end
  end)
end)
