-- Waiting, where the service works: what can be waited for, when it looks, and how an operation ends.
-- Times are those of a virtual clock, which the emulator's clock follows.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

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
    local function assert_canceled(target)
      local operation, err = client:wait(target)
      assert.is_nil(err)
      assert.equal("canceled", operation.state)
      assert.is_true(loop.elapsed() >= 60 and loop.elapsed() <= 60 + 33, loop.elapsed())
    end

    for _, form in ipairs { "operation_location", "operation_location_relative", "location", "legacy", "body" } do
      it("the result of a cancel whose location comes as " .. form, function()
        assert_canceled(cancel { location_form = form })
      end)
    end

    it("a location", function()
      assert_canceled(cancel().location)
    end)

    it("a location that is relative to base_url", function()
      cancel()
      assert_canceled("/api/publishers/contoso/offers/contoso-vm/operations/first")
    end)

    it("publisher, offer and operation_id", function()
      cancel()
      assert_canceled { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
    end)

    it("a table whose fields have other types and values than those of a result, which do not count", function()
      for call, retry_after in pairs { cancel = "soon", cancle = 7 } do
        portal:reset()
        cancel()
        assert(client:wait { publisher = "contoso", offer = "contoso-vm", operation_id = "first", call = call,
                             sent_at = "now", retry_after = retry_after })
        assert.equal(0, looks()[1])
      end
    end)

    it("the result of a publish, and of a go live", function()
      portal:offer { publisher = "contoso", offer = "contoso-vm" }
      for _, call in ipairs { "publish", "go_live" } do
        local operation = assert(client:wait(assert(client[call](client, OFFER))))
        assert.equal("completed", operation.state)
        assert.equal(100, operation.progress)
      end
    end)

    it("the result of a synchronous 200, and returns at once", function()
      local result = cancel { cancel_mode = "synchronous", location_form = "none" }
      assert.equal(200, result.status)
      local operation = assert(client:wait(result))
      assert.equal("canceled", operation.state)
      assert.equal(0, loop.elapsed())
      assert.same({}, portal:journal { method = "GET" })
    end)

    it("a location without api-version, and polls it with one", function()
      local result = cancel { location_form = "operation_location" }
      assert.is_nil(result.location:find("api%-version"))
      assert(client:wait(result))
      for _, entry in ipairs(portal:journal { method = "GET" }) do
        assert.equal("api-version=2017-10-31", entry.query)
      end
    end)

    it("a location with an api-version, and leaves it alone", function()
      offer()
      assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first?api-version=2017-10-31&a=b"))
      assert.equal("api-version=2017-10-31&a=b", portal:journal { method = "GET" }[1].query)
    end)

    it("nothing that cannot be asked for: it raises at once, also where the first look comes later", function()
      for _, target in ipairs {
        { location = "/api/operations/a b\n" }, { location = 5 }, { publisher = "", offer = "o" },
        { publisher = "p", offer = "..", operation_id = "1" }, { publisher = "p", offer = "o", operation_id = "" },
      } do
        target.call, target.retry_after = "cancel", 7
        assert.is_false(pcall(client.wait, client, target))
        assert.equal(0, loop.elapsed())
      end
    end)

    it("no location of another origin, which gets no token", function()
      for _, location in ipairs { "https://example.com/api/operations/1", "//example.com/api/operations/1",
                                  portal.url:gsub("127.0.0.1", "localhost") .. "/api/operations/1",
                                  portal.url:gsub("//", "//user:password@") .. "/api/operations/1" } do
        local operation, err = client:wait(location)
        assert.is_nil(operation)
        assert.equal("untrusted", err.kind)
        assert.is_nil(tostring(err):find("password"))
      end
      assert.same({}, portal:journal())
    end)

    it("nothing else: misuse is raised where it happens", function()
      for message, arguments in pairs {
        ["expected a result, a location or a table"] = { 42 },
        ["location: expected a URL, or a path that begins with /"] = { "56615b67-2185" },
        ["location: expected a non%-empty string"] = { "" },
        ["location: expected a non%-empty string, got number"] = { { location = 5 } },
        ["publisher: expected a non%-empty string, got nil"] = { {} },
        ["offer: expected a non%-empty string, got nil"] = { { publisher = "contoso", operation_id = "1" } },
        ["unknown option 'intervall' %(the nearest known one is 'interval'%)"] = { "/api", { intervall = 1 } },
        ["timeout: expected a number of seconds, from 0.001 to 1000000"] = { "/api", { timeout = 0 } },
        ["on_progress: expected a function"] = { "/api", { on_progress = true } },
      } do
        local done, problem = pcall(function() client:wait(table.unpack(arguments)) end)
        assert.is_false(done)
        assert.is_truthy(problem:find("wait_spec.lua:%d+: cpp: " .. message), problem)
      end
    end)
  end)

  describe("looks", function()
    -- The expected pauses, spread by a tenth and never above the longest.
    local function assert_pauses(expected, longest)
      local times = looks()
      for i, nominal in ipairs(expected) do
        local pause = times[i + 1] - times[i]
        assert.is_true(pause >= nominal * 0.9 - 1e-6 and pause <= math.min(longest, nominal * 1.1) + 1e-6,
                       ("pause %d: %g"):format(i, pause))
      end
    end

    it("at once, then after 5 s, and half as long again each time, up to 30 s", function()
      offer { steps = { { name = "step", seconds = 200 } } }
      assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first"))
      assert.equal(0, looks()[1])
      assert_pauses({ 5, 7.5, 11.25, 16.875, 25.3125, 30, 30, 30 }, 30)
    end)

    it("after the interval and max_interval that were asked for", function()
      cancel()
      assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first",
                         { interval = 2, max_interval = 4 }))
      assert_pauses({ 2, 3, 4, 4, 4 }, 4)
    end)

    it("after an interval that is longer than max_interval", function()
      cancel()
      assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first", { interval = 40 }))
      assert_pauses({ 40 }, 40)
    end)

    it("when Retry-After says, which replaces the interval", function()
      local result = cancel { retry_after = 7 }
      assert(client:wait(result))
      assert.same({ 7, 14, 21, 28, 35, 42, 49, 56, 63 }, looks()) -- the first, as the 202 asked for
    end)

    -- The first look is answered with the given Retry-After; with a Date of the emulator's clock, unless it is false.
    local function first_pause(value, date)
      cancel()
      portal:fault { match = { method = "GET" }, add_headers = { ["Retry-After"] = value, Date = date } }
      assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first"))
      return looks()[2]
    end

    it("when a Retry-After says that is a date", function()
      assert.equal(40, first_pause "Wed, 01 Nov 2017 00:00:40 GMT")
    end)

    it("when a Retry-After says that is a date, by this machine's clock where the response has none", function()
      assert.near(200, first_pause(os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 200), false), 90)
    end)

    it("not sooner than after a second, and not later than after 300, whatever Retry-After says", function()
      for value, pause in pairs { ["0"] = 1, ["1"] = 1, ["300"] = 300, ["301"] = 300, ["86400"] = 300,
                                  ["Thu, 01 Jan 2099 00:00:00 GMT"] = 300 } do
        portal:reset()
        assert.equal(pause, first_pause(value), value)
      end
    end)

    it("after its own interval again, when Retry-After is gone", function()
      cancel()
      portal:fault { match = { method = "GET" }, add_headers = { ["Retry-After"] = "20" } }
      assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first"))
      local times = looks()
      assert.equal(20, times[2])
      assert.is_true(times[3] >= 24.5 and times[3] <= 25.5, times[3])
    end)
  end)

  describe("calls on_progress", function()
    it("with each operation that it sees, and at last with the one that it returns", function()
      offer { steps = { { name = "first", seconds = 30 }, { name = "second", seconds = 30 } }, retry_after = 10 }
      local seen = {}
      local operation = assert(client:wait("/api/publishers/contoso/offers/contoso-vm/operations/first", {
        on_progress = function(progressing) seen[#seen + 1] = progressing end,
      }))
      assert.equal(#portal:journal { path = "/operations/" }, #seen)
      operation.outcome, operation.evidence = nil, nil
      assert.same(operation, seen[#seen])
      local progress, states = {}, {}
      for i, one in ipairs(seen) do progress[i], states[one.state] = one.progress, true end
      assert.same({ 0, 16, 33, 50, 66, 83, 100 }, progress)
      assert.same({ running = true, completed = true }, states)
    end)
  end)

  describe("asks should_stop", function()
    it("at least once a second, and ends within one when it returns true", function()
      local result = cancel()
      local asked = {}
      local operation, err = client:wait(result, { interval = 30, should_stop = function()
        asked[#asked + 1] = loop.elapsed()
        return loop.elapsed() >= 12.5
      end })
      assert.is_nil(operation)
      assert.equal("stopped", err.kind)
      assert.equal(13, loop.elapsed())
      assert.equal(1, #looks())
      for i = 2, #asked do assert.is_true(asked[i] - asked[i - 1] <= 1) end
    end)

    it("and gives an err to go on from", function()
      local result = cancel()
      local _, err = client:wait(result, { should_stop = function() return true end })
      assert.equal("running", err.operation.state)
      assert.equal("contoso", err.publisher)
      assert.equal("contoso-vm", err.offer)
      assert.equal("canceled", assert(client:wait(err)).state)
    end)

    it("and goes on for as long as it returns false", function()
      assert.equal("canceled", assert(client:wait(cancel(), { should_stop = function() return false end })).state)
    end)
  end)

  describe("is part of a cancel", function()
    it("that asks for it", function()
      offer()
      local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true,
                                               emails = "jane.doe@contoso.example", timeout = 20 })
      assert.equal("canceled", operation.state)
      assert.is_true(loop.elapsed() >= 60)
    end)

    it("for what was started, whatever other calls' options are given", function()
      offer()
      local operation = assert(client:cancel {
        publisher = "contoso", offer = "contoso-vm", wait = true, timeout = 20, location = "/api/elsewhere",
        operation_id = "elsewhere", status = "completed", type = "publish", version = "1", slot = "production",
      })
      assert.equal("canceled", operation.outcome)
      assert.same({}, portal:journal { path = "elsewhere" })
    end)

    it("with options of its own", function()
      offer()
      local seen = 0
      local operation, err = client:cancel { publisher = "contoso", offer = "contoso-vm", wait = {
        timeout = 20, interval = 10, on_progress = function() seen = seen + 1 end,
      } }
      assert.is_nil(operation)
      assert.equal("timeout", err.kind)
      assert.equal(20, loop.elapsed())
      assert.equal(2, seen)
    end)

    it("whose misuse is raised before anything is cancelled", function()
      offer()
      assert.has_error(function() client:cancel { publisher = "contoso", offer = "contoso-vm", wait = { intervall = 1 } } end)
      assert.same({}, portal:journal())
    end)

    it("only when it is true", function()
      offer()
      assert.equal(202, assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = false }).status)
      assert.same({}, looks())
    end)
  end)
end)
