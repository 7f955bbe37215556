-- Retries: what is sent again, when, and what is not, because it might have been processed.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local socket = require "socket"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local POSTS = { "cancel", "publish", "go_live" }

describe("a call", function()
  local portal, client, loop
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    fixture.offer(portal)
  end)

  local function post(options)
    local own = { publisher = "contoso", offer = "contoso-vm" }
    for name, value in pairs(options or {}) do own[name] = value end
    return client:cancel(own)
  end

  local function get(options)
    local own = { publisher = "contoso", offer = "contoso-vm" }
    for name, value in pairs(options or {}) do own[name] = value end
    return client:offer_status(own)
  end

  local function fail(fault, times)
    local own = { times = times or -1 }
    for name, value in pairs(fault) do own[name] = value end
    portal:fault(own)
  end

  local function sent() return #portal:journal() end

  -- Pauses that double, spread by a fifth, none above 60 s.
  local function assert_backed_off(count)
    assert.equal(count, #loop.sleeps)
    for i, pause in ipairs(loop.sleeps) do
      local nominal = 0.8 * 2 ^ (i - 1)
      assert.is_true(pause >= math.min(60, nominal * 0.8) and pause <= math.min(60, nominal * 1.2),
                     ("pause %d: %g"):format(i, pause))
    end
  end

  describe("that changes something", function()
    for name, fault in pairs {
      ["a 429"] = { status = 429 },
      ["a 429 with Retry-After"] = { status = 429, headers = { ["Retry-After"] = "2" } },
      ["a 503 with Retry-After"] = { status = 503, headers = { ["Retry-After"] = "2" } },
    } do
      it("is sent again after " .. name, function()
        fail(fault, 3)
        local result = assert(post())
        assert.equal(202, result.status)
        assert.equal(4, sent())
      end)

      it("is given up when it keeps getting " .. name .. ", which leaves nothing unclear", function()
        fail(fault)
        local result, err = post()
        assert.is_nil(result)
        assert.equal("http", err.kind)
        assert.equal(fault.status, err.status)
        assert.equal(4, err.attempts)
        assert.equal(4, sent())
        assert.is_true(err.retryable)
        assert.is_false(err.ambiguous)
      end)
    end

    it("is sent again when nothing of it has left", function()
      local holder = socket.tcp4() -- bound and not listening
      assert(holder:bind("127.0.0.1", 0))
      local _, port = holder:getsockname()
      local result, err = post { base_url = ("http://127.0.0.1:%d"):format(port) }
      holder:close()
      assert.is_nil(result)
      assert.equal("network", err.kind)
      assert.equal(4, err.attempts)
      assert.is_false(err.ambiguous)
      assert_backed_off(3)
    end)

    for _, status in ipairs { 408, 500, 502, 503, 504 } do
      it(("is not sent again after a %d, which is ambiguous"):format(status), function()
        fail { status = status }
        local result, err = post()
        assert.is_nil(result)
        assert.equal(status, err.status)
        assert.equal(1, err.attempts)
        assert.equal(1, sent())
        assert.is_false(err.retryable)
        assert.is_true(err.ambiguous)
        assert.is_truthy(tostring(err):find("the service may have acted on it", 1, true))
        assert.same({}, loop.sleeps)
      end)
    end

    for name, fault in pairs {
      ["its connection is closed"] = { action = "close" },
      ["its connection is reset"] = { action = "reset" },
      ["its answer is cut short"] = { action = "truncate", status = 200, body = { location = "/api/operations/1" } },
      ["its answer cannot be read"] = { status = 200, body = "<html>" },
      ["it was processed and its connection is closed"] = { action = "close", act = true },
    } do
      for _, call in ipairs(POSTS) do
        it(("is not sent again when %s, which is ambiguous (%s)"):format(name, call), function()
          fail(fault)
          local result, err = client[call](client, OFFER)
          assert.is_nil(result)
          assert.equal(1, err.attempts)
          assert.equal(1, sent())
          assert.is_true(err.ambiguous)
          assert.is_false(err.retryable)
          assert.equal("contoso", err.publisher)
          assert.equal("contoso-vm", err.offer)
        end)
      end
    end

    for _, status in ipairs { 400, 403, 404, 405, 409, 412, 422, 501, 505 } do
      it(("is not sent again after a %d, which is clear"):format(status), function()
        fail { status = status }
        local _, err = post()
        assert.equal(status, err.status)
        assert.equal(1, #portal:journal { method = "POST" })
        assert.is_false(err.retryable)
        assert.is_false(err.ambiguous)
      end)
    end

    it("is not sent again after a redirect, which is clear", function()
      fail { status = 307, headers = { Location = portal.url .. "/elsewhere" } }
      local _, err = post()
      assert.equal("protocol", err.kind)
      assert.equal(1, sent())
      assert.is_false(err.ambiguous)
    end)
  end)

  describe("that only asks", function()
    for name, fault in pairs {
      ["a 408"] = { status = 408 }, ["a 429"] = { status = 429 }, ["a 500"] = { status = 500 },
      ["a 502"] = { status = 502 }, ["a 503"] = { status = 503 }, ["a 504"] = { status = 504 },
      ["a 599"] = { status = 599 },
      ["a closed connection"] = { action = "close" }, ["a reset connection"] = { action = "reset" },
      ["an answer that is cut short"] = { action = "truncate" },
      ["an answer that cannot be read"] = { status = 200, body = "{" },
    } do
      it("is sent again after " .. name, function()
        fail(fault, 3)
        assert.equal("running", assert(get()).state)
        assert.equal(4, sent())
        assert_backed_off(3)
      end)

      it("is given up when it keeps getting " .. name, function()
        fail(fault)
        local answer, err = get()
        assert.is_nil(answer)
        assert.equal(4, err.attempts)
        assert.is_true(err.retryable)
        assert.is_false(err.ambiguous)
        assert.is_truthy(tostring(err):find("after 4 attempts", 1, true))
      end)
    end

    for _, status in ipairs { 400, 401, 403, 404, 409, 412, 422, 499 } do
      it(("is not sent again after a %d"):format(status), function()
        fail { status = status }
        local _, err = get()
        assert.equal(status, err.status)
        assert.equal(1, sent())
        assert.is_false(err.retryable)
      end)
    end

    it("is so whichever it is", function()
      fail({ status = 500 }, 3)
      assert(client:operation { publisher = "contoso", offer = "contoso-vm", operation_id = "first" })
      fail({ status = 500 }, 3)
      assert(client:operation("/api/publishers/contoso/offers/contoso-vm/operations/first"))
      fail({ status = 500 }, 3)
      assert(client:operations(OFFER))
      assert.equal(12, sent())
    end)
  end)

  describe("pauses", function()
    it("0.8 s, doubling, spread, and never longer than 60 s", function()
      fail { status = 429 }
      local random = core.random
      finally(function() core.random = random end)
      for _, spread in ipairs { 0, 0.5, 1 } do
        core.random = function() return spread end
        loop.sleeps = {}
        local _, err = post { retries = 9, timeout = 1000 }
        assert.equal(10, err.attempts)
        for i, pause in ipairs(loop.sleeps) do
          assert.near(math.min(60, 0.8 * 2 ^ (i - 1) * (0.8 + 0.4 * spread)), pause, 1e-6)
        end
      end
    end)

    it("as long as Retry-After asks for", function()
      portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, steps = { { name = "step", seconds = 1000 } } }
      fail({ status = 429, headers = { ["Retry-After"] = "37" } }, 1)
      fail({ status = 503, headers = { ["Retry-After"] = "110" } }, 1)
      fail({ status = 503, headers = { ["Retry-After"] = "1" } }, 1)
      assert(post())
      assert.same({ 37, 110, 1 }, loop.sleeps)
    end)

    it("until the date that Retry-After gives", function()
      fail({ status = 503, headers = { ["Retry-After"] = "Wed, 01 Nov 2017 00:00:40 GMT" } }, 1) -- at 00:00:00 there
      assert(post())
      assert.equal(40, loop.sleeps[1])
    end)

    it("not at all when that is more than the timeout, and tells when to come back", function()
      for _, case in ipairs { { 10, 10, 1 }, { 11, 10, 0 }, { 300, nil, 1 }, { 301, nil, 0 } } do
        fail({ status = 429, headers = { ["Retry-After"] = tostring(case[1]) } }, 2)
        loop.sleeps = {}
        local _, err = post { timeout = case[2] }
        assert.same({ case[3] + 1, case[1], case[3] }, { err.attempts, err.retry_after, #loop.sleeps })
        portal:clear_faults()
      end
    end)

    it("300 s at most", function()
      fail({ status = 429, headers = { ["Retry-After"] = "400" } }, 1)
      post { timeout = 400 }
      assert.same({ 300 }, loop.sleeps)
    end)

    it("not longer than the caller's timeout in all", function()
      fail { status = 429, headers = { ["Retry-After"] = "11" } }
      local _, err = post { timeout = 30, retries = 100 }
      assert.equal(3, err.attempts)
      assert.same({ 11, 11 }, loop.sleeps)
    end)
  end)

  describe("is made", function()
    it("as often as `retries` of the client says, and that of the call before it", function()
      local own = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = loop, retries = 1 }
      fail { status = 500 }
      assert.equal(2, select(2, own:offer_status(OFFER)).attempts)
      assert.equal(1, select(2, own:offer_status { publisher = "contoso", offer = "contoso-vm", retries = 0 }).attempts)
      assert.equal(6, select(2, own:offer_status { publisher = "contoso", offer = "contoso-vm", retries = 5 }).attempts)
      own:close()
    end)

    it("under one client request id, which the err tells", function()
      fail { status = 500 }
      local _, err = get()
      for _, entry in ipairs(portal:journal()) do
        assert.equal(err.client_request_id, entry.headers["x-ms-client-request-id"])
      end
      assert.equal(4, sent())
    end)

    it("no more in a batch that is being stopped", function()
      fail { status = 500 }
      local entries = client:map({ 1 }, function(_, own) return own:offer_status(OFFER) end, {
        should_stop = function() return sent() == 2 end,
      })
      assert.equal(500, entries[1].err.status)
      assert.equal(2, sent())
    end)

    it("never in a batch that was stopped before it begins", function()
      fail { status = 500 }
      local entries = client:map({ 1 }, function(_, own)
        own:offer_status(OFFER)
        return own:cancel(OFFER)
      end, { should_stop = function() return sent() == 1 end })
      assert.equal("stopped", entries[1].err.kind)
      assert.is_false(entries[1].err.ambiguous)
      assert.equal(1, sent())
    end)
  end)

  describe("with a refused token", function()
    local function tokens(...)
      local list, given = { ... }, 0
      return function()
        given = given + 1
        return list[given]
      end
    end

    for name, call in pairs { ["that changes something"] = "cancel", ["that only asks"] = "offer_status" } do
      it("is made once more with a new one (" .. name .. ")", function()
        local own = cpp.client { base_url = portal.url, token = tokens("old", Portal.TOKEN), loop = loop, retries = 0 }
        assert(own[call](own, OFFER))
        own:close()
        local journal = portal:journal()
        assert.equal(2, #journal)
        assert.equal("Bearer old", journal[1].headers.authorization)
        assert.equal("Bearer " .. Portal.TOKEN, journal[2].headers.authorization)
        assert.same({}, loop.sleeps)
      end)

      it("is not made a third time (" .. name .. ")", function()
        local own = cpp.client { base_url = portal.url, token = tokens("old", "older", Portal.TOKEN), loop = loop }
        local _, err = own[call](own, OFFER)
        own:close()
        assert.equal(401, err.status)
        assert.equal(2, err.attempts)
        assert.equal(2, sent())
        assert.is_false(err.ambiguous)
      end)

      it("is not made again when there is no other one (" .. name .. ")", function()
        local _, err = client[call](client, { publisher = "contoso", offer = "contoso-vm", token = "old" })
        assert.equal(401, err.status)
        assert.equal(1, sent())
      end)
    end
  end)
end)
