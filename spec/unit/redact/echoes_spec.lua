-- Documents that hold the token: it is in no state, no evidence, no progress, no id, however it is cased there. The
-- document itself stays as the service sends it.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
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

  local function echo(match, body) portal:fault { match = match, status = 200, body = body, times = -1 } end

  local function call(more)
    local own = { publisher = "contoso", offer = "contoso-vm" }
    for name, value in pairs(more) do own[name] = value end
    return own
  end

  for kind, one in pairs(TOKENS) do
    describe(kind .. ",", function()
      before_each(function()
        token = one
        portal:configure { tokens = { { token = token } } }
        client = cpp.client { base_url = portal.url, token = token, loop = loop, retries = 0 }
      end)

      it("is in no state", function()
        echo(LIST, { { id = token, submissionState = "running " .. token } })
        echo(LOOK, { id = token, status = token })
        echo(STATUS, { status = "a" .. token })
        local listed = client:operations(OFFER)[1]
        assert.same({ "unknown", "running " .. token }, { listed.state, listed.submissionState })
        assert.same({ "unknown", "unknown" }, { client:operation(call { operation_id = "first" }).state,
                                                client:offer_status(OFFER).state })
      end)

      it("is in no evidence", function()
        echo(LIST, { { id = token, submissionState = "canceled", changedTime = token } })
        echo(LOOK, { id = token, status = "completed", lastActionDateTime = token })
        echo(STATUS, { status = "NeverPublished " .. token })
        for what, given in pairs { reconcile = assert(client:reconcile(OFFER)), wait = assert(client:wait(OFFER)).evidence,
                                   cancel = assert(client:cancel(call { wait = true })).evidence } do
          assert_discreet(given, what)
        end
        portal:clear_faults()
        echo(LIST, { { id = token, submissionState = "canceled", changedTime = token } })
        assert_discreet(assert(client:cancel(call { if_running = true })), "cancel with if_running")
      end)

      it("is in no progress of an offer that is followed, and in no err", function()
        local stream <close> = assert(io.tmpfile())
        echo(LIST, { { id = token, submissionState = token, submissionType = token } })
        echo(LOOK, { id = token, status = token, steps = { { stepName = token, status = token } } })
        local _, err = client:wait(OFFER, { timeout = 30, on_progress = cpp.progress(stream) })
        stream:seek "set"
        local text = stream:read "a"
        assert.matches("^unknown", text)
        assert_discreet(text, "progress")
        assert.equal("timeout", err.kind)
        assert_discreet(err, "err")
      end)

      it("is in no id of a result or an err, also of the operation before a cancel", function()
        local location = "/api/publishers/contoso/offers/contoso-vm/operations/" .. token
        portal:fault { match = { method = "POST" }, times = 3,
                       add_headers = { ["X-Ms-Correlation-Request-Id"] = token, ["Operation-Location"] = location } }
        echo(LIST, { { id = token, submissionState = "running", submissionType = "publish" } })
        echo(LOOK, { status = "running", steps = { { stepName = token } } })
        local result = assert(client:cancel(call { if_running = true }))
        assert.same({ "[redacted]", token }, { result.request_id, result.submission_id })
        local _, timeout = client:wait(result, { timeout = 5 })
        local _, raised = pcall(client.cancel, client, call {
          if_running = true, wait = true,
          loop = setmetatable({ sleep = function() error "the loop failed" end }, { __index = loop }),
        })
        portal:fault { match = { method = "POST" }, status = 500 }
        local _, refused = client:cancel(call { if_running = true })
        local _, closed = client:wait(result, { on_progress = function() client:close() end })
        for kind_of, err in pairs { timeout = timeout, raised = raised, http = refused, closed = closed } do
          assert.same({ kind_of, "[redacted]" }, { err.kind, err.submission_id })
          assert_discreet(err, kind_of)
        end
      end)
    end)
  end
end)
