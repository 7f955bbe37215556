-- Reconciling: what became of a call whose outcome is not known, as the service tells it.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local submissions = require "spec.support.submissions"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local POST = { method = "POST", path = "/cancel$" }

describe("reconcile", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  local function offer(options) fixture.offer(portal, options) end

  -- An ambiguous err: of a cancel that the service acted on, or did not see.
  local function ambiguous(acted)
    portal:fault { match = POST, action = "close", act = acted }
    local result, err = client:cancel(OFFER)
    assert.is_nil(result)
    assert.is_true(err.ambiguous)
    portal:clear_journal()
    return err
  end

  local function paths()
    local list = {}
    for i, entry in ipairs(portal:journal()) do list[i] = entry.path:match("[^/]+/?$") end
    return list
  end

  it("answers canceled when nothing runs and the offer is canceled", function()
    offer()
    local err = ambiguous(true)
    portal:advance(60)
    local answer = assert(client:reconcile(err))
    assert.equal("canceled", answer.state)
    assert.equal("canceled", answer.offer_status)
    assert.equal("contoso", answer.publisher)
    assert.equal("contoso-vm", answer.offer)
    assert.is_nil(answer.operation)
    assert.same({ "submissions/", "status" }, paths())
    assert.same({ "canceled", "first" }, { answer.outcome, answer.evidence.submission.id })
  end)

  for spelling, offer_status in pairs { Canceled = "Canceled", cancelled = "cancelled", [" CAN_CELED"] = " CAN_CELED" } do
    it(("answers canceled when the offer's status is %q"):format(spelling), function()
      offer { running = false, status = offer_status }
      assert.equal("canceled", assert(client:reconcile(OFFER)).state)
    end)
  end

  for _, acted in ipairs { true, false } do
    it(("answers running, with the operation, when the cancel was %s"):format(acted and "seen" or "not seen"), function()
      offer { steps = { { name = "a", seconds = 10 }, { name = "b", seconds = 10 } }, elapsed = 15 }
      local answer = assert(client:reconcile(ambiguous(acted)))
      assert.equal("running", answer.state)
      assert.equal("first", answer.operation.id)
      assert.equal("first", answer.operation.operation_id)
      assert.equal("running", answer.operation.state)
      assert.equal(75, answer.operation.progress)
      assert.is_truthy(answer.operation.location:find("/operations/first?", 1, true))
      assert.equal(636576975611768314, answer.operation.version)
    end)
  end

  it("answers running with an operation that can be waited for", function()
    offer()
    local answer = assert(client:reconcile(ambiguous(true)))
    assert.equal("canceled", assert(client:wait(answer.operation)).state)
  end)

  it("answers running with an operation that can be waited for although it cannot be asked where it is", function()
    offer()
    local err = ambiguous(true)
    portal:fault { match = { path = "/operations/" }, status = 404 }
    local answer = assert(client:reconcile(err))
    assert.equal("running", answer.state)
    assert.is_nil(answer.operation.location)
    assert.equal("canceled", assert(client:wait(answer.operation)).state)
  end)

  for status, normalised in pairs { NeverPublished = "neverpublished", NotStarted = "notstarted", Running = "running",
                                    WaitingForPublisherReview = "waitingforpublisherreview", Failed = "failed",
                                    Succeeded = "completed", ["something new"] = "somethingnew" } do
    it(("answers unknown, and no guess, when nothing runs and the offer's status is %q"):format(status), function()
      offer { running = false, status = status }
      local answer = assert(client:reconcile(OFFER))
      assert.equal("unknown", answer.state)
      assert.equal(normalised, answer.offer_status)
      local outcomes = { completed = "completed", waitingforpublisherreview = "signoff" }
      assert.equal(outcomes[normalised] or "unknown", answer.outcome)
    end)
  end

  for state, outcome in pairs { Completed = "completed", canceled = "canceled", failed = "unknown" } do
    it(("believes the newest submission, which is %s, rather than the offer's status"):format(state), function()
      offer { running = false, status = "somethingElse" }
      portal:fault { match = { path = "/submissions/$" }, status = 200,
                     body = { { id = "new", submissionState = state }, { id = "old", submissionState = "failed" } } }
      local answer = assert(client:reconcile(OFFER))
      assert.equal(outcome, answer.outcome)
      assert.same({ id = "new", state = state:lower() }, answer.evidence.submission)
    end)
  end

  it("finds what runs wherever it stands in the list", function()
    offer { running = false, status = "Canceled" }
    portal:fault { match = { path = "/submissions/$" }, status = 200,
                   body = { { id = "old", submissionState = "completed" }, { id = "first", submissionState = "In Progress" } } }
    local answer = assert(client:reconcile(OFFER))
    assert.same({ "running", "first" }, { answer.state, answer.operation.id })
  end)

  for _, path in ipairs { "/submissions/$", "/status$" } do
    it("retries what it asks, and gives the err when the service cannot be asked: " .. path, function()
      offer { running = false, status = "Canceled" }
      portal:fault { match = { path = path }, status = 500, times = 3 }
      assert.equal("canceled", assert(client:reconcile(OFFER)).state)
      portal:fault { match = { path = path }, status = 500, times = -1 }
      local answer, err = client:reconcile(OFFER)
      assert.is_nil(answer)
      assert.equal(500, err.status)
      assert.equal(4, err.attempts)
      assert.is_false(err.ambiguous)
    end)
  end

  it("tells what the list tells when the offer's status cannot be read", function()
    offer { running = false, status = "Canceled" }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "new", submissionState = "completed" } } }
    portal:fault { match = { path = "/status$" }, status = 404 }
    local answer = assert(client:reconcile(OFFER))
    assert.same({ "unknown", "completed", nil }, { answer.state, answer.outcome, answer.offer_status })
  end)

  -- A list with what was canceled at a time, in seconds from the start of the emulator's clock.
  local function canceled(seconds) return { submissions.entry("first", "canceled", seconds) } end

  local function list(body, times)
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = body, times = times or 1 }
  end

  it("tells what was canceled before the call from what was canceled since", function()
    offer { running = false, status = "canceled" }
    local err = ambiguous(false)
    loop.sleep(nil, 100)
    for seconds, expected in pairs { [-3600] = { "unknown", "none" }, [10] = { "canceled", "canceled" } } do
      list(canceled(seconds))
      local answer = assert(client:reconcile(err))
      assert.same(expected, { answer.state, answer.outcome })
    end
    assert.equal(100, loop.elapsed())
  end)

  for expected, later in pairs { none = -3600, canceled = 2 } do
    it("asks again until 10 s after the call, if the list may be late: " .. expected, function()
      offer { running = false, status = "canceled" }
      local err = ambiguous(false)
      loop.sleep(nil, 0.5) -- a part of a second counts as one: the service's times have none
      list(canceled(-3600))
      list(canceled(later), -1)
      assert.equal(expected, assert(client:reconcile(err)).outcome)
      assert.equal(9.5, loop.elapsed())
      assert.same({ "submissions/", "status", "submissions/", "status" }, paths())
    end)
  end

  for waited, requests in pairs { [9] = 4, [10] = 2 } do
    it("asks once from 10 s after the call on: " .. waited, function()
      offer { running = false, status = "canceled" }
      local err = ambiguous(false)
      loop.sleep(nil, waited)
      list({ submissions.entry(Portal.TOKEN, "canceled", -3600) }, -1)
      local answer = assert(client:reconcile(err))
      assert.same({ "none", requests, 10 }, { answer.outcome, #paths(), loop.elapsed() })
      assert.same({ state = "canceled", time = submissions.at(-3600) }, answer.evidence.submission) -- its id is the token
    end)
  end

  it("asks once for an offer that was never published, if the time of the call is not known", function()
    offer { running = false }
    local answer = assert(client:reconcile { publisher = "contoso", offer = "contoso-vm", ambiguous = true })
    assert.same({ "unknown", "none", 0 }, { answer.state, answer.outcome, loop.elapsed() })
  end)

  for _, case in ipairs { { "canceled", "Canceled", "canceled", "canceled" },
                          { "Succeeded", "published", "unknown", "unknown" },
                          { "canceled", "Succeeded", "unknown", "unknown" },
                          { "completed", "canceled", "unknown", "unknown" }, { "failed", "Failed", "unknown", "unknown" } } do
    local newest, offer_status = case[1], case[2]
    it(("believes a list without times if the offer's status is canceled too: %s, %s"):format(newest, offer_status), function()
      offer { running = false, status = offer_status }
      local err = ambiguous(false)
      list { { id = "first", submissionState = newest } }
      local answer = assert(client:reconcile(err))
      assert.same({ case[3], case[4] }, { answer.state, answer.outcome })
      assert.equal(0, loop.elapsed())
    end)
  end

  it("believes no time if the time of the call is not known, in another process", function()
    offer { running = false, status = "canceled" }
    list(canceled(-3600))
    local copy = { publisher = "contoso", offer = "contoso-vm", ambiguous = true }
    assert.equal("unknown", assert(client:reconcile(copy)).outcome)
  end)

  it("believes times if the table has the time of the call, in another process too", function()
    offer { running = false, status = "canceled" }
    loop.sleep(nil, 100)
    for seconds, expected in pairs { [-3600] = "none", [10] = "canceled" } do
      list(canceled(seconds))
      local copy = { publisher = "contoso", offer = "contoso-vm", call = "cancel", sent_at = Portal.EPOCH }
      assert.equal(expected, assert(client:reconcile(copy)).outcome)
    end
  end)

  for _, call in ipairs { "cancel", "publish", "go_live" } do
    it("tells of which call and time the running operation is: " .. call, function()
      offer()
      local target = { publisher = "contoso", offer = "contoso-vm", call = call, sent_at = Portal.EPOCH }
      local operation = assert(client:reconcile(target)).operation
      assert.same({ call, Portal.EPOCH }, { operation.call, operation.sent_at })
    end)
  end

  it("ends with closed where the client is closed before it asks again", function()
    offer { running = false, status = "canceled" }
    local err = ambiguous(false)
    list(canceled(-3600), -1)
    local own = loop.sleep
    loop.sleep = function(...) client:close() return own(...) end
    local answer, problem = client:reconcile(err)
    loop.sleep = own
    assert.same({ nil, "closed" }, { answer, problem.kind })
  end)

  it("does not tell a sign-off of a cancel that is on its way", function()
    offer { signoff = "operation", elapsed = 100 }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = {}, times = -1 }
    local result = assert(client:cancel(OFFER))
    local _, err = client:wait(result, { timeout = 5 })
    loop.sleep(nil, 60)
    assert.equal("unknown", assert(client:reconcile(err)).outcome)
  end)

  it("knows when the call of a batch was sent", function()
    offer { running = false }
    portal:fault { match = POST, action = "close" }
    local entries = client:cancel_all { OFFER }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { submissions.entry("first", "canceled", 10) } }
    assert.equal("canceled", assert(client:reconcile(entries[1].err)).outcome)
  end)

  it("returns running with an offer to wait for, if a submission has another id than its operation", function()
    offer()
    local err = ambiguous(true)
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "other", submissionState = "running" } } }
    local running = assert(client:reconcile(err)).operation
    assert.same({ nil, nil, "other" }, { running.operation_id, running.location, running.submission_id })
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "other", submissionState = "canceled" } } }
    assert.equal("canceled", assert(client:wait(running)).outcome)
  end)

  it("knows what ran, where the cancel had asked", function()
    offer()
    portal:fault { match = POST, action = "close", act = true }
    local _, err = client:cancel { publisher = "contoso", offer = "contoso-vm", if_running = true }
    assert.same({ "cancel", "first" }, { err.call, err.submission_id })
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = {
      { id = "new", submissionState = "completed" }, { id = "first", submissionState = "canceled" } } }
    assert.equal("canceled", assert(client:reconcile(err)).outcome)
  end)

  it("says nothing of how the newest submission ended while the offer's status says that something runs", function()
    offer { running = false, status = "running" }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { { id = "old", submissionState = "completed" } } }
    local answer = assert(client:reconcile(OFFER))
    assert.same({ "unknown", "unknown", "running" }, { answer.state, answer.outcome, answer.offer_status })
  end)

  it("takes options of a client", function()
    offer { running = false, status = "Canceled" }
    portal:fault { match = { path = "/submissions/$" }, status = 500, times = -1 }
    local _, err = client:reconcile(OFFER, { retries = 0 })
    assert.equal(1, err.attempts)
  end)

  it("ends with closed where the client is closed between its requests", function()
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]" }
    local answer, err = client:reconcile(OFFER, { log = function() client:close() end })
    assert.is_nil(answer)
    assert.equal("closed", err.kind)
  end)

  it("changes neither the err nor the table that it is given", function()
    offer()
    local err = ambiguous(true)
    local before = {}
    for name, value in pairs(err) do before[name] = value end
    assert(client:reconcile(err))
    for name, value in pairs(err) do assert.equal(before[name], value) end
  end)

  it("raises where there is no offer to ask for", function()
    for _, target in ipairs { "contoso", 5, {}, { publisher = "contoso" } } do
      local done, problem = pcall(function() client:reconcile(target) end)
      assert.is_false(done)
      assert.is_truthy(problem:find("reconcile_spec.lua:%d+: cpp: "), problem)
    end
  end)
end)
