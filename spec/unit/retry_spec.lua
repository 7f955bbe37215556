-- Retries: what is sent again, when, and what is not, because it might have been processed; and the log of the attempts.

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

  local function post(options) return client:cancel(fixture.call(options)) end

  local function get() return client:offer_status(OFFER) end

  local function fail(fault, times)
    portal:fault(fixture.merged({ times = times or -1 }, fault))
  end

  local function sent() return #portal:journal() end

  -- Pauses that double, spread by a fifth.
  local function assert_backed_off(count)
    assert.equal(count, #loop.sleeps)
    for i, pause in ipairs(loop.sleeps) do assert.near(0.8 * 2 ^ (i - 1), pause, 0.16 * 2 ^ (i - 1)) end
  end

  describe("that changes something", function()
    for name, fault in pairs {
      ["a 429"] = { status = 429 },
      ["a 503 with Retry-After"] = { status = 503, headers = { ["Retry-After"] = "2" } },
    } do
      it("is sent again after " .. name .. ", until it is given up, which leaves nothing unclear", function()
        fail(fault, 3)
        assert.equal(202, assert(post()).status)
        assert.equal(4, sent())
        fail(fault)
        local result, err = post()
        assert.is_nil(result)
        assert.same({ "http", fault.status, 4, true, false }, { err.kind, err.status, err.attempts, err.retryable, err.ambiguous })
        assert.equal(8, sent())
      end)
    end

    it("is sent again when nothing of it has left", function()
      local holder = socket.tcp4() -- bound and not listening
      assert(holder:bind("127.0.0.1", 0))
      local _, port = holder:getsockname()
      local result, err = post { base_url = ("http://127.0.0.1:%d"):format(port) }
      holder:close()
      assert.is_nil(result)
      assert.same({ "network", 4, false }, { err.kind, err.attempts, err.ambiguous })
      assert_backed_off(3)
    end)

    for name, case in pairs {
      ["the service fails"] = { { status = 500 }, true },
      ["its connection is closed"] = { { action = "close" }, true },
      ["its connection is reset"] = { { action = "reset" }, true },
      ["its answer is cut short"] = { { action = "truncate", status = 200, body = { location = "/api/operations/1" } }, true },
      ["its answer cannot be read"] = { { status = 200, body = "<html>" }, true },
      ["it was processed and its connection is closed"] = { { action = "close", act = true }, true },
      ["it is refused"] = { { status = 400 }, false },
      ["it is redirected"] = { { status = 307, headers = { Location = "/elsewhere" } }, false },
    } do
      it(("is not sent again when %s, which is %s"):format(name, case[2] and "ambiguous" or "clear"), function()
        fail(case[1])
        for count, call in ipairs(POSTS) do
          local result, err = client[call](client, OFFER)
          assert.is_nil(result)
          assert.same({ 1, false, case[2], "contoso", "contoso-vm" },
                      { err.attempts, err.retryable, err.ambiguous, err.publisher, err.offer })
          assert.equal(case[2], tostring(err):find("the service may have acted on it", 1, true) ~= nil)
          assert.same({ count, {} }, { #portal:journal { method = "POST" }, loop.sleeps })
        end
      end)
    end
  end)

  for name, fault in pairs {
    ["a 408"] = { status = 408 }, ["a 500"] = { status = 500 }, ["a closed connection"] = { action = "close" },
    ["an answer that is cut short"] = { action = "truncate" }, ["an answer that cannot be read"] = { status = 200, body = "{" },
  } do
    it("that only asks is sent again after " .. name .. ", until it is given up", function()
      fail(fault, 3)
      assert.equal("running", assert(get()).state)
      assert.equal(4, sent())
      assert_backed_off(3)
      fail(fault)
      local answer, err = get()
      assert.is_nil(answer)
      assert.same({ 4, true, false }, { err.attempts, err.retryable, err.ambiguous })
      assert.matches("after 4 attempts", tostring(err))
    end)
  end

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
      for _, seconds in ipairs { "37", "110", "1" } do fail({ status = 503, headers = { ["Retry-After"] = seconds } }, 1) end
      assert(post())
      assert.same({ 37, 110, 1 }, loop.sleeps)
    end)

    it("until the date that Retry-After gives", function()
      fail({ status = 503, headers = { ["Retry-After"] = "Wed, 01 Nov 2017 00:00:40 GMT" } }, 1) -- at 00:00:00 there
      assert(post())
      fail({ status = 503, headers = { ["Retry-After"] = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 200) },
             add_headers = { Date = false } }, 1) -- so this machine's clock counts
      assert(get())
      assert.equal(40, loop.sleeps[1])
      assert.near(200, loop.sleeps[2], 90)
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

    it("300 s at most, and not longer than the caller's timeout in all", function()
      for _, case in ipairs { { 400, 400, 2, { 300 } }, { 11, 30, 3, { 11, 11 } } } do
        loop.sleeps = {}
        fail { status = 429, headers = { ["Retry-After"] = tostring(case[1]) } }
        local _, err = post { timeout = case[2], retries = 100 }
        assert.same({ case[3], case[4] }, { err.attempts, loop.sleeps })
        portal:clear_faults()
      end
    end)
  end)

  it("is never made in a batch that was stopped before it begins", function()
    fail { status = 500 }
    local entries = client:map({ 1 }, function(_, own)
      own:offer_status(OFFER)
      return own:cancel(OFFER)
    end, { should_stop = function() return sent() == 1 end })
    assert.equal("stopped", entries[1].err.kind)
    assert.is_false(entries[1].err.ambiguous)
    assert.equal(1, sent())
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
      it("is made once more with a new one, and not a third time (" .. name .. ")", function()
        local own <close> = cpp.client { base_url = portal.url, token = tokens("old", Portal.TOKEN), loop = loop, retries = 0 }
        assert(own[call](own, OFFER))
        local journal = portal:journal()
        assert.same({ 2, "Bearer old", "Bearer " .. Portal.TOKEN },
                    { #journal, journal[1].headers.authorization, journal[2].headers.authorization })
        local other <close> = cpp.client { base_url = portal.url, token = tokens("old", "older", Portal.TOKEN), loop = loop }
        local _, err = other[call](other, OFFER)
        assert.same({ 401, 2, 4, false, {} }, { err.status, err.attempts, sent(), err.ambiguous, loop.sleeps })
      end)

      it("is not made again when there is no other one (" .. name .. ")", function()
        local _, err = client[call](client, { publisher = "contoso", offer = "contoso-vm", token = "old" })
        assert.same({ 401, 1 }, { err.status, sent() })
      end)
    end
  end)
end)

describe("the log", function()
  local portal, client, loop, entries
  local function log(entry) entries[#entries + 1] = entry end

  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    fixture.offer(portal)
    entries = {}
  end, { log = log })

  it("gets an entry for each attempt, with all there is to know", function()
    portal:fault { status = 503, headers = { ["Retry-After"] = "1", ["X-Ms-Correlation-Request-Id"] = "one" } }
    local result = assert(client:cancel(OFFER))
    assert.equal(2, #entries)
    for i, entry in ipairs(entries) do
      assert.equal("float", math.type(entry.milliseconds))
      assert.is_true(entry.milliseconds > 0 and entry.milliseconds < 10000)
      local failed = i == 1
      assert.same({
        method = "POST", url = portal.url .. "/api/publishers/contoso/offers/contoso-vm/cancel?api-version=2017-10-31",
        status = failed and 503 or 202, kind = failed and "http" or nil, retry_after = failed and 1 or nil, attempt = i,
        request_id = failed and "one" or result.request_id, client_request_id = result.client_request_id,
        milliseconds = entry.milliseconds,
      }, entry)
    end
  end)

  it("gets an entry for each look of a wait, and for requests for tokens", function()
    local options = { base_url = portal.url, authority_url = portal.url, loop = loop, log = log }
    local own <close> = cpp.client(fixture.merged(Portal.CREDENTIALS, options))
    assert(own:wait(assert(own:cancel(OFFER))))
    assert.equal(#portal:journal(), #entries)
    for i, request in ipairs(portal:journal()) do
      assert.equal(request.method, entries[i].method)
      assert.is_truthy(entries[i].url:find(request.path, 1, true))
      assert.equal(request.status, entries[i].status)
    end
    assert.is_truthy(entries[1].url:find("/oauth2/token", 1, true))
  end)

  it("may be given in a call, which wins", function()
    local other = {}
    local own = { log = function(entry) other[#other + 1] = entry end }
    assert(client:offer_status(fixture.call(own)))
    assert.same({ 0, 1 }, { #entries, #other })
    assert(client:wait(assert(client:cancel(OFFER)), own))
    assert.equal(1, #entries)
    assert.is_true(#other > 4)
  end)
end)
