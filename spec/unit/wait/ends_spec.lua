-- What a wait makes of the states of an operation: which end it, how, and which do not.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local PATH = "/api/publishers/contoso/offers/contoso-vm/operations/first"

describe("a wait", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  local function offer(options) fixture.offer(portal, options) end

  local function looks() return #portal:journal { method = "GET", path = "/operations/" } end

  -- The next look is answered so.
  local function answer_once(status, body, headers)
    portal:fault { match = { method = "GET" }, status = status, body = body, headers = headers }
  end

  describe("ends well", function()
    for spelling, state in pairs {
      complete = "completed", Complete = "completed", completed = "completed", COMPLETED = "completed",
      succeeded = "completed", Succeeded = "completed", [" Com plet_ed "] = "completed",
      canceled = "canceled", Canceled = "canceled", cancelled = "canceled", ["CANCELLED"] = "canceled",
      ["c-a_n celed\t"] = "canceled",
    } do
      it(("when the service says %q, which is %s"):format(spelling, state), function()
        offer { extra = { status = spelling } }
        local operation = assert(client:wait(PATH))
        assert.equal(state, operation.state)
        assert.equal(spelling, operation.status)
        assert.equal(1, looks())
      end)
    end

    it("as canceled when the cancel won", function()
      offer { cancel_seconds = 90 }
      assert.equal("canceled", assert(client:wait(assert(client:cancel(OFFER)))).state)
      assert.is_true(loop.elapsed() >= 90)
    end)

    it("as completed when the publish won the race", function()
      offer { cancel_mode = "lost_race" }
      assert.equal("completed", assert(client:wait(assert(client:cancel(OFFER)))).state)
    end)

    it("when the operation is an array of one", function()
      offer { array = true }
      local operation = assert(client:wait(assert(client:cancel(OFFER))))
      assert.equal("canceled", operation.state)
      assert.is_nil(operation[1])
    end)
  end)

  describe("ends badly", function()
    for _, spelling in ipairs { "failed", "Failed", "FAILED", " fai led", "rejected", "Rejected", "RE_JECT-ED" } do
      it(("when the service says %q"):format(spelling), function()
        offer { extra = { status = spelling, error = { code = "Broken", message = "The image\n is broken" } } }
        local operation, err = client:wait(PATH)
        assert.is_nil(operation)
        assert.equal("failed", err.kind)
        assert.is_false(err.retryable)
        assert.is_false(err.ambiguous)
        assert.equal(1, looks())
        assert.is_truthy(tostring(err):find("^failed: the operation ended %l+: The image  ?is broken$"), tostring(err))
        assert.equal(spelling, err.operation.status)
        assert.is_truthy(err.location:find(PATH, 1, true))
      end)
    end

    it("when the cancel fails", function()
      offer { cancel_mode = "fails" }
      local operation, err = client:wait(assert(client:cancel(OFFER)))
      assert.is_nil(operation)
      assert.equal("failed", err.kind)
      assert.equal("failed", err.operation.state)
    end)

    it("whatever the service gives as the reason", function()
      for _, reason in ipairs { "a text", 42, true, { message = { "no text" } }, { "a list" } } do
        offer { extra = { status = "failed", error = reason } }
        local _, err = client:wait(PATH)
        assert.equal("failed", err.kind)
      end
    end)

    it("with a message of one line that is not endless", function()
      offer { extra = { status = "failed", error = { message = ("long\r\n\27[2J"):rep(10000) } } }
      local _, err = client:wait(PATH)
      assert.is_true(#tostring(err) < 600)
      assert.is_nil(tostring(err):find("%c"))
    end)
  end)

  describe("goes on", function()
    for _, spelling in ipairs { "running", "Running", "not started", "notStarted", "inProgress", "blocked",
                                "waiting for approval", "canceling", "no such state" } do
      it(("until the deadline when the service says %q"):format(spelling), function()
        offer { extra = { status = spelling } }
        local operation, err = client:wait(PATH, { timeout = 100 })
        assert.is_nil(operation)
        assert.equal("timeout", err.kind)
        assert.equal(100, loop.elapsed())
        assert.equal(spelling, err.operation.status)
        assert.is_truthy(tostring(err):find("has not ended after 100 s %(last state: " .. err.operation.state .. "%)"))
      end)
    end

    it("at a 202, with a body or without", function()
      for _, body in ipairs { { id = "first" }, { status = "running" } } do
        offer { extra = { status = "completed" } }
        answer_once(202)
        answer_once(202, body)
        local states = {}
        local operation = assert(client:wait(PATH, {
          on_progress = function(one) states[#states + 1] = one.state end,
        }))
        assert.equal("completed", operation.state)
        assert.same({ "running", "running", "completed" }, states)
      end
    end)

    it("with what it is shown as unknown state in one short line", function()
      offer { extra = { status = ("\27[31m"):rep(10000) } }
      local _, err = client:wait(PATH, { timeout = 10 })
      assert.is_true(#tostring(err) < 300)
      assert.is_nil(err.message:find("%c"))
    end)
  end)

  describe("takes for malformed, and not for success", function()
    for name, body in pairs {
      ["a 200 without a status"] = { id = "first" },
      ["a status that is no text"] = { status = 5 },
      ["a status that is empty"] = { status = " " },
      ["an empty object"] = "{}",
      ["an empty array"] = "[]",
      ["an array of two"] = { { status = "completed" }, { status = "completed" } },
      ["a text"] = '"completed"',
      ["a web page"] = "<html>completed</html>",
      ["half a document"] = '{"status":"comp',
      ["nothing"] = "",
    } do
      it(name .. ", which is ridden out", function()
        offer { extra = { status = "completed" } }
        answer_once(200, body)
        assert.equal("completed", assert(client:wait(PATH)).state)
        assert.equal(2, looks())
      end)

      it(name .. " that stays, and ends with an err that tells", function()
        offer()
        portal:fault { match = { method = "GET" }, status = 200, body = body, times = -1 }
        local operation, err = client:wait(PATH)
        assert.is_nil(operation)
        assert.equal("protocol", err.kind)
        assert.equal(200, err.status)
        assert.equal("GET", err.method)
        assert.equal(6, err.attempts)
        assert.is_truthy(err.url:find(PATH, 1, true))
        assert.is_truthy(err.location:find(PATH, 1, true))
      end)
    end

    it("a 200 without a status, whose Retry-After counts all the same", function()
      offer { extra = { status = "canceled" } }
      answer_once(200, { id = "first" }, { ["Retry-After"] = "42" })
      assert(client:wait(PATH))
      assert.equal(42, loop.elapsed())
    end)
  end)
end)
