-- Waiting, where the service, the network or the token fails on the way: what is ridden out, what is
-- not, and how another process goes on.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local LOOK = { method = "GET", path = "/operations/" }

describe("a wait", function()
  local portal, client, loop, result
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    fixture.offer(portal)
    result = assert(client:cancel(OFFER))
  end)

  local function looks()
    local times = {}
    for i, entry in ipairs(portal:journal(LOOK)) do times[i] = entry.time end
    return times
  end

  -- Faults of the looks to come: each is an answer or an action; `times` of one that is a number of looks.
  local function fail(...)
    for _, fault in ipairs { ... } do
      fault.match = LOOK
      portal:fault(fault)
    end
  end

  local function passing(count)
    portal:fault { match = LOOK, times = count, add_headers = { ["X-Passing"] = "1" } }
  end

  local function assert_canceled(target, options)
    local operation, err = client:wait(target, options)
    assert.is_nil(err)
    assert.equal("canceled", operation.state)
  end

  describe("rides out", function()
    for name, fault in pairs {
      ["a 408"] = { status = 408 }, ["a 429"] = { status = 429 }, ["a 500"] = { status = 500 },
      ["a 502"] = { status = 502 }, ["a 503"] = { status = 503 }, ["a 504"] = { status = 504 },
      ["a connection that is closed"] = { action = "close" },
      ["a connection that is reset"] = { action = "reset" },
      ["an answer that is cut short"] = { action = "truncate" },
    } do
      it(name .. ", five times in a row", function()
        fault.times = 5
        fail(fault)
        assert_canceled(result)
        assert.same({}, portal:faults())
      end)

      it(name .. ", but not a sixth time", function()
        passing(2)
        fault.times = -1
        fail(fault)
        local operation, err = client:wait(result)
        assert.is_nil(operation)
        assert.equal(8, #looks())
        assert.equal(6, err.attempts)
        assert.equal(fault.status, err.kind == "http" and err.status or nil)
        assert.equal("running", err.operation.state)
        assert.equal(result.location .. "?api-version=2017-10-31", err.location)
        assert.is_false(err.ambiguous)
        portal:clear_faults()
        assert_canceled(err.location)
      end)
    end

    it("five failures again after each look that was answered", function()
      for _ = 1, 4 do
        fail { status = 500, times = 5 }
        passing(1)
      end
      assert_canceled(result, { interval = 1, max_interval = 1 })
      assert.same({}, portal:faults())
    end)

    it("a service that cannot be reached, and then gives where to go on", function()
      local url = portal.url:gsub("%d+$", "1") -- nothing listens there
      local other = cpp.client { base_url = url, token = Portal.TOKEN, loop = loop, proxy = "" }
      local _, err = other:wait { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
      assert.equal("network", err.kind)
      assert.equal(6, err.attempts)
      assert.equal(url .. "/api/publishers/contoso/offers/contoso-vm/operations/first?api-version=2017-10-31",
                   err.location)
      assert.equal("first", err.operation_id)
      other:close()
    end)

    it("failures in the pauses of the schedule, each with one request", function()
      fail { status = 500, times = 3 }
      assert_canceled(result, { interval = 10, max_interval = 10, retries = 9 })
      local times = looks()
      for i = 2, 4 do assert.near(9.5, times[i] - times[i - 1], 0.5 + 1e-6) end
    end)

    it("failures in the pauses that their Retry-After asks for, within bounds", function()
      for _, value in ipairs { "17", "0", "86400" } do
        fail { status = 503, headers = { ["Retry-After"] = value } }
      end
      assert_canceled(result)
      assert.same({ 0, 17, 18, 318 }, looks())
    end)
  end)

  describe("does not ride out", function()
    for status in pairs { [400] = 0, [401] = 0, [403] = 0, [405] = 0, [409] = 0, [412] = 0, [422] = 0 } do
      it(("a %d, and gives where to go on"):format(status), function()
        passing(1)
        fail { status = status, times = -1 }
        local operation, err = client:wait(result)
        assert.is_nil(operation)
        assert.equal("http", err.kind)
        assert.equal(status, err.status)
        assert.equal(2, #looks())
        assert.equal("running", err.operation.state)
        assert.is_truthy(err.location:find(result.location, 1, true))
        assert.equal("contoso-vm", err.offer)
      end)
    end

    it("a redirect", function()
      fail { status = 302, headers = { Location = "https://example.com/" } }
      local _, err = client:wait(result)
      assert.equal("protocol", err.kind)
      assert.equal(1, #looks())
    end)

    it("the end of its client, and gives where to go on", function()
      local location
      loop.on_sleep = function() client:close() end
      local _, err = client:wait(result, { on_progress = function(operation) location = operation.location end })
      assert.equal("closed", err.kind)
      assert.equal(location, err.location)
    end)
  end)

  describe("rides out a 404", function()
    local function not_found(seconds)
      fail { status = 404, headers = { ["Retry-After"] = tostring(seconds) } }
    end

    it("at 59 s", function()
      not_found(59)
      not_found(1)
      assert_canceled(result)
      assert.same({ 0, 59, 60 }, looks())
    end)

    it("but not at 61 s", function()
      not_found(61)
      not_found(1)
      local operation, err = client:wait(result.location)
      assert.is_nil(operation)
      assert.equal(404, err.status)
      assert.same({ 0, 61 }, looks())
      assert.equal(2, err.attempts)
      assert.is_truthy(err.location:find(result.location, 1, true))
    end)

    it("and asks the list at 61 s, where a cancel was accepted", function()
      not_found(61)
      not_found(1)
      local operation = assert(client:wait(result))
      assert.same({ "canceled", "canceled" }, { operation.outcome, operation.evidence.submission.state })
    end)

    it("which it ends with, if the list does not tell how the cancel ended", function()
      not_found(61)
      not_found(1)
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]", times = -1 }
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "other" }, times = -1 }
      local operation, err = client:wait(result)
      assert.is_nil(operation)
      assert.same({ "http", 404, result.location }, { err.kind, err.status, err.location })
    end)

    it("however often it comes until then", function()
      for _ = 1, 12 do not_found(4) end
      assert_canceled(result)
      assert.same({}, portal:faults())
    end)

    it("which is not one of the five failures", function()
      for _ = 1, 3 do not_found(1) end
      fail { status = 500, times = 5 }
      assert_canceled(result)
      assert.same({}, portal:faults())
    end)
  end)

  describe("has a deadline", function()
    it("at which it ends exactly, and after which nothing is sent", function()
      for _, timeout in ipairs { 1, 7.25, 33, 59.5 } do
        local started = loop.elapsed()
        portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, operation_id = "first" }
        local _, err = client:wait(result, { timeout = timeout })
        assert.equal("timeout", err.kind)
        assert.near(timeout, loop.elapsed() - started, 1e-9)
        for _, time in ipairs(looks()) do assert.is_true(time < started + timeout) end
        portal:clear_journal()
      end
    end)

    it("of 900 s when none was asked for", function()
      portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, operation_id = "first",
                     steps = { { name = "step", seconds = 5000 } } }
      local _, err = client:wait(result)
      assert.equal("timeout", err.kind)
      assert.equal(900, loop.elapsed())
    end)

    it("that a Retry-After does not move", function()
      fail { status = 429, headers = { ["Retry-After"] = "250" } }
      local _, err = client:wait(result, { timeout = 30 })
      assert.equal("timeout", err.kind)
      assert.equal(30, loop.elapsed())
      assert.equal(1, #looks())
    end)

    it("that leaves an err without an operation, when none was seen", function()
      fail { action = "close", times = -1 }
      local _, err = client:wait(result.location, { timeout = 20 })
      assert.equal("timeout", err.kind)
      assert.is_nil(err.operation)
      assert.equal(result.location, err.location)
      assert.is_truthy(tostring(err):find("no status was received"))
    end)

    -- Has every start of a request reported, with the time and the timeout that libcurl is given.
    local function watch_starts(watched, report)
      local real = watched.core
      watched.core = setmetatable({
        start = function(_, endpoint, options, sent_token, id, timeout)
          report(endpoint, loop.elapsed(), timeout)
          return real:start(endpoint, options, sent_token, id, timeout)
        end,
      }, { __index = function(_, name) return function(_, ...) return real[name](real, ...) end end })
      return real
    end

    it("that no request's own timeout goes beyond", function()
      local starts = {}
      local real = watch_starts(client, function(_, time, timeout) starts[#starts + 1] = { time, timeout } end)
      client:wait(result.location, { timeout = 50, interval = 7, max_interval = 7 })
      client.core = real
      assert.is_true(#starts >= 7)
      for _, start in ipairs(starts) do assert.near(50 - start[1], start[2], 1e-9) end
    end)

    it("that leaves a request no more than the client's own timeout", function()
      local own = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = loop, timeout = 9 }
      local real = watch_starts(own, function(_, time, timeout) assert.near(math.min(9, 50 - time), timeout, 1e-9) end)
      own:wait(result.location, { timeout = 50 })
      own.core = real
      own:close()
    end)

    it("that the requests for tokens do not go beyond either", function()
      local tokens = 0
      local own = cpp.client { base_url = portal.url, authority_url = portal.url, loop = loop,
                               tenant = "emulator-tenant", client_id = "emulator-client",
                               client_secret = "emulator-secret" }
      portal:fault { match = { path = "/oauth2/token" }, status = 503, headers = { ["Retry-After"] = "8" }, times = -1 }
      local real = watch_starts(own, function(endpoint, time, timeout)
        tokens = tokens + 1
        assert.equal("token", endpoint)
        assert.near(50 - time, timeout, 1e-9)
      end)
      local _, err = own:wait(result.location, { timeout = 50 })
      own.core = real
      own:close()
      assert.equal("timeout", err.kind)
      assert.equal(50, loop.elapsed())
      assert.is_true(tokens > 4)
    end)
  end)

end)
