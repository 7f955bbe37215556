-- Waiting, where the service works: what can be waited for, which states end a wait, and how. Times are those of a virtual
-- clock, which the emulator's clock follows. course_spec.lua has the whole course of waits.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local PATH = "/api/publishers/contoso/offers/contoso-vm/operations/first"

describe("wait", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  -- Puts the offer there, being published, with some options of the emulator.
  local function offer(options) fixture.offer(portal, options) end

  local function cancel(options)
    offer(options)
    return assert(client:cancel(OFFER))
  end

  -- The times of the looks so far.
  local function looks()
    local times = {}
    for i, entry in ipairs(portal:journal { method = "GET" }) do times[i] = entry.time end
    return times
  end

  describe("takes", function()
    it("a location, also one that is relative to base_url, and the ids of an operation", function()
      local ids = { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
      for _, target in ipairs { portal.url .. PATH, PATH, ids } do
        portal:reset()
        cancel()
        assert.equal("canceled", assert(client:wait(target)).state)
      end
    end)

    it("a location without api-version, which is polled with one, and leaves another alone", function()
      offer()
      for query, sent in pairs { [""] = "api-version=2017-10-31", ["?api-version=1&a=b"] = "api-version=1&a=b" } do
        portal:fault { match = { path = "/operations/" }, status = 200, body = { status = "completed" } }
        assert(client:wait(PATH .. query))
        local journal = portal:journal { path = "/operations/" }
        assert.equal(sent, journal[#journal].query)
      end
    end)

    it("nothing that cannot be asked for: it raises at once, also where the first look comes later", function()
      for message, target in pairs {
        ["expected a result, a location or a table"] = 42,
        ["location: expected a URL, or a path that begins with /"] = "56615b67-2185",
        ["location: expected a non%-empty string, got number"] = { location = 5 },
        ["publisher: expected a non%-empty string, got nil"] = {},
        ["offer: expected an identifier"] = { publisher = "p", offer = "..", operation_id = "1" },
      } do
        if type(target) == "table" then target.call, target.retry_after = "cancel", 7 end
        local done, problem = pcall(function() client:wait(target) end)
        assert.is_false(done)
        assert.matches("wait_spec.lua:%d+: cpp: " .. message, problem)
        assert.equal(0, loop.elapsed())
      end
      assert.error_matches(function() client:wait(PATH, { intervall = 1 }) end, "unknown option 'intervall'")
    end)
  end)

  it("calls on_progress with each operation that it sees, and at last with the one that it returns", function()
    offer { steps = { { name = "first", seconds = 30 }, { name = "second", seconds = 30 } }, retry_after = 10 }
    local progress, last = {}, nil
    local operation = assert(client:wait(PATH, { on_progress = function(one)
      progress[#progress + 1], last = one.state .. " " .. one.progress, one
    end }))
    operation.outcome, operation.evidence = nil, nil
    assert.same(operation, last)
    assert.same({ "running 0", "running 16", "running 33", "running 50", "running 66", "running 83", "completed 100" }, progress)
  end)

  it("asks should_stop at least once a second, ends within one when it returns true, with an err to go on from", function()
    local asked = {}
    local operation, err = client:wait(cancel(), { interval = 30, should_stop = function()
      asked[#asked + 1] = loop.elapsed()
      return loop.elapsed() >= 12.5
    end })
    assert.is_nil(operation)
    assert.same({ "stopped", "running", 13, { 0 } }, { err.kind, err.operation.state, loop.elapsed(), looks() })
    for i = 2, #asked do assert.is_true(asked[i] - asked[i - 1] <= 1) end
    assert.equal("canceled", assert(client:wait(err, { should_stop = function() return false end })).state)
  end)

  it("is part of a cancel for what was started, whatever other calls' options are given", function()
    offer()
    local operation = assert(client:cancel {
      publisher = "contoso", offer = "contoso-vm", wait = true, timeout = 20, location = "/api/elsewhere",
      operation_id = "elsewhere", status = "completed", type = "publish", version = "1", slot = "production",
    })
    assert.equal("canceled", operation.outcome)
    assert.same({}, portal:journal { path = "elsewhere" })
  end)

  it("ends badly when the service says so, whatever it gives as the reason", function()
    for _, case in ipairs { { { message = "The image\n is broken" }, ": The image is broken" }, { "a text", ": a text" },
                            { 42, "" }, { { message = { "no text" } }, "" } } do
      offer { extra = { status = " re_jected", error = case[1] } }
      local operation, err = client:wait(PATH)
      assert.is_nil(operation)
      assert.same({ "failed", false, false, " re_jected", portal.url .. PATH .. "?api-version=2017-10-31" },
                  { err.kind, err.retryable, err.ambiguous, err.operation.status, err.location })
      assert.equal("failed: the operation ended rejected" .. case[2], tostring(err))
    end
  end)
end)
