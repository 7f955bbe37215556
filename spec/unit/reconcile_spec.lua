-- Reconciling: what became of a call whose outcome is not known, as the service tells it.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local submissions = require "spec.support.submissions"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local POST = { method = "POST", path = "/cancel$" }

describe("reconcile", function()
  local portal, client, loop, lists
  submissions.client(_ENV, function(...) portal, client, loop, lists = ... end)

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

  it("returns canceled when nothing runs and the offer is canceled", function()
    offer()
    local err = ambiguous(true)
    portal:advance(60)
    local answer = assert(client:reconcile(err))
    assert.same({ "canceled", "canceled", "canceled", "first", "contoso", "contoso-vm" },
                { answer.state, answer.offer_status, answer.outcome, answer.evidence.submission.id, answer.publisher,
                  answer.offer })
    assert.is_nil(answer.operation)
    assert.same({ "submissions/", "status" }, paths())
  end)

  it("returns running, with the operation, which can be waited for", function()
    offer { steps = { { name = "a", seconds = 10 }, { name = "b", seconds = 10 } }, elapsed = 15 }
    local err = ambiguous(false)
    local before = fixture.merged(err)
    local answer = assert(client:reconcile(err))
    assert.same({ "running", "first", "first", "running", 75, 636576975611768314 },
                { answer.state, answer.operation.id, answer.operation.operation_id, answer.operation.state,
                  answer.operation.progress, answer.operation.version })
    assert.is_truthy(answer.operation.location:find("/operations/first?", 1, true))
    assert.equal("completed", assert(client:wait(answer.operation)).state)
    for name, value in pairs(err) do assert.equal(before[name], value) end -- what it was given is unchanged
  end)

  it("returns unknown, and no guess, when nothing runs and the offer's status is not canceled", function()
    for status, outcome in pairs { WaitingForPublisherReview = "signoff", Succeeded = "completed",
                                   ["something new"] = "unknown" } do
      portal:reset()
      offer { running = false, status = status }
      local answer = assert(client:reconcile(OFFER))
      assert.same({ "unknown", outcome, (status:lower():gsub(" ", ""):gsub("succeeded", "completed")) },
                  { answer.state, answer.outcome, answer.offer_status })
    end
  end)

  it("retries what it asks, and gives the err when the service cannot be asked", function()
    offer { running = false, status = "Canceled" }
    for _, path in ipairs { "/submissions/$", "/status$" } do
      portal:fault { match = { path = path }, status = 500, times = -1 }
      for retries, attempts in pairs { [false] = 4, [0] = 1 } do
        local answer, err = client:reconcile(OFFER, { retries = retries or nil })
        assert.is_nil(answer)
        assert.same({ 500, attempts, false }, { err.status, err.attempts, err.ambiguous })
      end
      portal:clear_faults()
    end
  end)

  -- A list with what was canceled at a time, in seconds from the start of the emulator's clock.
  local function canceled(seconds) return { submissions.entry("first", "canceled", seconds) } end

  it("distinguishes a cancel before the call from one after it", function()
    offer { running = false, status = "canceled" }
    local err = ambiguous(false)
    loop.sleep(nil, 100)
    local copy = { publisher = "contoso", offer = "contoso-vm", call = "cancel", sent_at = Portal.EPOCH } -- in another process
    for _, target in ipairs { err, copy } do
      for seconds, expected in pairs { [-3600] = { "unknown", "none" }, [10] = { "canceled", "canceled" } } do
        portal:clear_faults()
        lists(canceled(seconds))
        local answer = assert(client:reconcile(target))
        assert.same(expected, { answer.state, answer.outcome })
      end
    end
    assert.equal(100, loop.elapsed())
  end)

  it("asks again until 10 s after the call, if the list may be late", function()
    for expected, later in pairs { none = -3600, canceled = 2 } do
      portal:reset()
      offer { running = false, status = "canceled" }
      local err, before = ambiguous(false), loop.elapsed()
      loop.sleep(nil, 0.5) -- a part of a second counts as one: the service's times have none
      lists(canceled(-3600), canceled(later))
      assert.equal(expected, assert(client:reconcile(err)).outcome)
      assert.equal(9.5, loop.elapsed() - before)
      assert.same({ "submissions/", "status", "submissions/", "status" }, paths())
    end
  end)

  it("asks once, and believes no time, if the time of the call is not known", function()
    local copy = { publisher = "contoso", offer = "contoso-vm", ambiguous = true }
    offer { running = false }
    local answer = assert(client:reconcile(copy))
    assert.same({ "unknown", "none" }, { answer.state, answer.outcome })
    offer { running = false, status = "canceled" }
    lists(canceled(-3600))
    assert.same({ "unknown", 0 }, { assert(client:reconcile(copy)).outcome, loop.elapsed() })
  end)

  it("believes a list without times if the offer's status is canceled too", function()
    for _, case in ipairs { { "canceled", "Canceled", "canceled" }, { "canceled", "Succeeded", "unknown" },
                            { "completed", "canceled", "unknown" }, { "failed", "Failed", "unknown" } } do
      portal:reset()
      offer { running = false, status = case[2] }
      local err = ambiguous(false)
      lists { { id = "first", submissionState = case[1] } }
      local answer = assert(client:reconcile(err))
      assert.same({ case[3], case[3], 0 }, { answer.state, answer.outcome, loop.elapsed() })
    end
  end)

  it("tells of which call and time the running operation is", function()
    offer()
    for _, call in ipairs { "cancel", "publish", "go_live" } do
      local target = { publisher = "contoso", offer = "contoso-vm", call = call, sent_at = Portal.EPOCH }
      local operation = assert(client:reconcile(target)).operation
      assert.same({ call, Portal.EPOCH }, { operation.call, operation.sent_at })
    end
  end)

  it("ends with closed where the client is closed before it asks again, or between its requests", function()
    offer { running = false, status = "canceled" }
    local err = ambiguous(false)
    lists(canceled(-3600))
    local own <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = loop }
    loop.on_sleep = function() client:close() end
    for closing, options in pairs { [client] = {}, [own] = { log = function() own:close() end } } do
      local answer, problem = closing:reconcile(err, options)
      assert.same({ nil, "closed" }, { answer, problem.kind })
    end
  end)

  it("returns running with an offer to wait for, if a submission has another id than its operation", function()
    offer()
    local err = ambiguous(true)
    lists({ { id = "other", submissionState = "running" } }, { { id = "other", submissionState = "canceled" } })
    local running = assert(client:reconcile(err)).operation
    assert.same({ nil, nil, "other" }, { running.operation_id, running.location, running.submission_id })
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
    lists { { id = "old", submissionState = "completed" } }
    local answer = assert(client:reconcile(OFFER))
    assert.same({ "unknown", "unknown", "running" }, { answer.state, answer.outcome, answer.offer_status })
  end)

  it("raises where there is no offer to ask for", function()
    for _, target in ipairs { "contoso", 5, {}, { publisher = "contoso" } } do
      local done, problem = pcall(function() client:reconcile(target) end)
      assert.is_false(done)
      assert.is_truthy(problem:find("reconcile_spec.lua:%d+: cpp: "), problem)
    end
  end)
end)
