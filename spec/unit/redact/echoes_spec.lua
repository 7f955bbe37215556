-- Documents that hold the token: it is in no state, no evidence, no progress, no id, however it is cased there. The
-- document itself stays as the service sends it.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local LIST, STATUS = { path = "/submissions/$" }, { path = "/status$" }
local LOOK = { method = "GET", path = "/operations/" }

local TOKENS = {
  ["of any characters"] = "aB3dE5fG7hI9jK1lM2nO",
  ["of letters"] = "aBcDeFgHiJkL",
  ["of digits"] = "20261126",
  ["of the form of a UUID"] = "0F8fad5b-d9cb-469f-a165-70867728950e",
}

describe("a token that is echoed,", function()
  local portal, loop, client, token
  fixture.portal(_ENV, function(...)
    portal = ...
    loop = virtual.new(portal)
    fixture.offer(portal)
  end)
  after_each(function() client:close() end)

  -- Fails where a text in a value holds the token, in any case.
  local function assert_discreet(value, where)
    if type(value) == "table" then
      for name, inner in pairs(value) do assert_discreet(inner, where .. "." .. name) end
    elseif type(value) == "string" and value:lower():find(token:lower(), 1, true) then
      error(where .. " holds it: " .. value, 2)
    end
  end

  local function echo(match, body, status)
    portal:fault { match = match, status = status or 200, body = body, times = -1 }
  end

  local function submission(state)
    return { { id = token, submissionState = state .. token, submissionType = token, changedTime = token } }
  end

  for kind, one in pairs(TOKENS) do
    describe(kind .. ",", function()
      before_each(function()
        token = one
        portal:configure { tokens = { { token = token } } }
        client = cpp.client { base_url = portal.url, token = token, loop = loop, retries = 0 }
      end)

      it("is in no state", function()
        echo(LIST, submission "running ")
        echo(LOOK, { id = token, status = token })
        echo(STATUS, { status = "a" .. token })
        assert.equal("unknown", client:operations(OFFER)[1].state)
        assert.equal("running " .. token, client:operations(OFFER)[1].submissionState)
        local target = { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
        assert.equal("unknown", client:operation(target).state)
        assert.equal("unknown", client:offer_status(OFFER).state)
      end)

      it("is in no evidence", function()
        echo(LIST, { { id = token, submissionState = "canceled", changedTime = token } })
        echo(LOOK, { id = token, status = "completed", lastActionDateTime = token })
        echo(STATUS, { status = "NeverPublished " .. token })
        local answer = assert(client:reconcile(OFFER))
        assert.equal("canceled", answer.evidence.submission.state)
        assert.equal("unknown", answer.offer_status)
        assert_discreet(answer, "reconcile()")
        assert_discreet(assert(client:wait(assert(client:cancel(OFFER)))).evidence, "evidence")
        assert_discreet(client:wait(OFFER).evidence, "evidence of an offer")
        portal:clear_faults()
        echo(LIST, { { id = token, submissionState = "canceled", changedTime = token } })
        echo(STATUS, { status = "canceled" })
        local result = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", if_running = true })
        assert.equal("none", result.outcome)
        assert_discreet(result, "cancel with if_running")
      end)

      it("is in no progress of an offer that is followed, and in no err", function()
        local stream <close> = assert(io.tmpfile())
        echo(LIST, submission "")
        echo(LOOK, { id = token, status = token, steps = { { stepName = token, status = token } } })
        local _, err = client:wait(OFFER, { timeout = 30, on_progress = cpp.progress(stream) })
        stream:seek "set"
        local text = stream:read "a"
        assert.matches("^unknown", text)
        assert_discreet(text, "progress")
        assert.equal("timeout", err.kind)
        assert_discreet(err, "err")
      end)

      it("is in no id of a result or an err", function()
        local location = "/api/publishers/contoso/offers/contoso-vm/operations/" .. token
        portal:fault { match = { method = "POST" }, times = -1,
                       add_headers = { ["X-Ms-Correlation-Request-Id"] = token, ["Operation-Location"] = location } }
        local result = assert(client:cancel(OFFER))
        assert.equal("[redacted]", result.request_id)
        echo(LOOK, { status = "running" })
        local _, err = client:wait(result, { timeout = 5 })
        assert.equal("timeout", err.kind)
        assert_discreet(err, "err")
        local done, problem = pcall(client.cancel, client, {
          publisher = "contoso", offer = "contoso-vm", wait = true,
          loop = setmetatable({ sleep = function() error "the loop failed" end }, { __index = loop }),
        })
        assert.is_false(done)
        assert.equal("raised", problem.kind)
        assert_discreet(problem, "err of a loop")
      end)

      it("is not in an err as the id of the operation before a cancel", function()
        echo(LIST, { { id = token, submissionState = "running", submissionType = "publish" } })
        echo(LOOK, { status = "running" })
        local function call(more)
          local own = { publisher = "contoso", offer = "contoso-vm", if_running = true }
          for name, value in pairs(more or {}) do own[name] = value end
          return own
        end
        assert.equal(token, assert(client:cancel(call())).submission_id)
        local _, timeout = client:cancel(call { wait = { timeout = 5 } })
        local _, raised = pcall(client.cancel, client, call {
          wait = true, loop = setmetatable({ sleep = function() error "the loop failed" end }, { __index = loop }),
        })
        portal:fault { match = { method = "POST" }, status = 500, times = -1 }
        local _, refused = client:cancel(call())
        for kind_of, err in pairs { timeout = timeout, raised = raised, http = refused } do
          assert.same({ kind_of, "[redacted]" }, { err.kind, err.submission_id })
          assert_discreet(err, kind_of)
        end
      end)

      it("is in no err of a wait whose client is closed", function()
        echo(LOOK, { id = token, status = "running", steps = { { stepName = token } } })
        local _, err = client:wait(assert(client:cancel(OFFER)), { on_progress = function() client:close() end })
        assert.equal("closed", err.kind)
        assert_discreet(err, "err")
      end)
    end)
  end
end)

describe("the state", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  local function of(text)
    fixture.offer(portal)
    portal:fault { match = STATUS, status = 200, body = { status = text } }
    return client:offer_status(OFFER).state
  end

  it("is a word of letters; any other text is an unknown one", function()
    for text, state in pairs { Running = "running", ["Waiting For_Publisher-Review"] = "waitingforpublisherreview",
                               ["in review 2"] = "unknown", ["a\27[2J"] = "unknown", ["\u{e9}t\u{e9}"] = "unknown",
                               ["Bearer " .. Portal.TOKEN] = "unknown", [("x"):rep(50)] = ("x"):rep(50),
                               [("x"):rep(51)] = "unknown", [("x"):rep(1000000)] = "unknown" } do
      assert.equal(state, of(text))
    end
  end)

  -- A 202 says that the operation runs, and a list has two fields.
  it("of an err is what the wait saw", function()
    for _, body in ipairs { { status = "canceled" }, {} } do
      fixture.offer(portal)
      portal:fault { match = LOOK, status = 202, body = body, times = -1 }
      local seen
      local _, err = client:wait(assert(client:cancel(OFFER)), {
        timeout = 5, on_progress = function(operation) seen = operation.state end })
      portal:clear_faults()
      assert.same({ "running", "running" }, { seen, err.operation.state })
      assert.matches("last state: running", err.message)
    end
    fixture.offer(portal)
    portal:fault { match = LIST, status = 200, times = -1,
                   body = { { id = "first", submissionState = "running", status = "canceled" } } }
    local _, err = client:wait(OFFER, { timeout = 5 })
    assert.equal("running", err.operation.state)
    assert.matches("last state: running", err.message)
  end)
end)
