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

  local function looks() return #portal:journal(LOOK) end

  -- Has the looks to come fail.
  local function fail(fault)
    fault.match = LOOK
    portal:fault(fault)
  end

  local function passing(count) fail { times = count, add_headers = { ["X-Passing"] = "1" } } end

  for name, fault in pairs { ["a 500"] = { status = 500 }, ["a connection that is closed"] = { action = "close" } } do
    it(("tolerates %s five times in a row, and then ends with the location"):format(name), function()
      passing(2)
      fault.times = -1
      fail(fault)
      local operation, err = client:wait(result)
      assert.is_nil(operation)
      assert.same({ 8, 6, fault.status, "running", false },
                  { looks(), err.attempts, err.status, err.operation.state, err.ambiguous })
      assert.equal(result.location .. "?api-version=2017-10-31", err.location)
      portal:clear_faults()
      assert.equal("canceled", assert(client:wait(err.location)).state)
    end)
  end

  it("tolerates five more failures after each response", function()
    for _ = 1, 4 do
      fail { status = 500, times = 5 }
      passing(1)
    end
    assert.equal("canceled", assert(client:wait(result, { interval = 1, max_interval = 1 })).state)
    assert.same({}, portal:faults())
  end)

  it("ends with the location if the service cannot be reached", function()
    local url = portal.url:gsub("%d+$", "1") -- nothing listens there
    local other <close> = cpp.client { base_url = url, token = Portal.TOKEN, loop = loop }
    local _, err = other:wait { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
    assert.same({ "network", 6, "first" }, { err.kind, err.attempts, err.operation_id })
    assert.equal(url .. "/api/publishers/contoso/offers/contoso-vm/operations/first?api-version=2017-10-31", err.location)
  end)

  it("ends at a refusal, with the location", function()
    for status, kind in pairs { [403] = "http", [302] = "protocol" } do
      portal:clear_journal()
      passing(1)
      fail { status = status, headers = { Location = "https://example.com/" } }
      local _, err = client:wait(result)
      assert.same({ kind, status, 2, "running", "contoso-vm" }, { err.kind, err.status, looks(), err.operation.state, err.offer })
      assert.is_truthy(err.location:find(result.location, 1, true))
    end
  end)

  describe("has a deadline", function()
    it("at which it ends exactly, and after which nothing is sent; of 900 s when none was asked for", function()
      fixture.offer(portal, { steps = { { name = "step", seconds = 5000 } } })
      for timeout, options in pairs { [7.25] = { timeout = 7.25 }, [900] = {} } do
        local started = loop.elapsed()
        assert.equal("timeout", select(2, client:wait(result.location, options)).kind)
        assert.near(timeout, loop.elapsed() - started, 1e-9)
        for _, entry in ipairs(portal:journal(LOOK)) do assert.is_true(entry.time < started + timeout) end
        portal:clear_journal()
      end
    end)

    it("that leaves an err without an operation, when none was seen", function()
      fail { action = "close", times = -1 }
      local _, err = client:wait(result.location, { timeout = 20 })
      assert.same({ "timeout", result.location }, { err.kind, err.location, err.operation })
      assert.matches("no status was received", err.message)
    end)

    -- The starts of requests in a wait for 50 s, with the time and the timeout that libcurl is given.
    local function starts_of(watched)
      local real, starts = watched.core, {}
      watched.core = setmetatable({
        start = function(_, endpoint, options, sent_token, id, timeout)
          starts[#starts + 1] = { endpoint = endpoint, left = 50 - loop.elapsed(), timeout = timeout }
          return real:start(endpoint, options, sent_token, id, timeout)
        end,
      }, { __index = function(_, name) return function(_, ...) return real[name](real, ...) end end })
      local _, err = watched:wait(result.location, { timeout = 50, interval = 7, max_interval = 7 })
      watched.core = real
      assert.same({ "timeout", 50 }, { err.kind, loop.elapsed() })
      assert.is_true(#starts > 4)
      return starts
    end

    it("beyond which no request's own timeout goes, nor beyond the client's own", function()
      local own <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = loop, timeout = 9 }
      for _, start in ipairs(starts_of(own)) do assert.near(math.min(9, start.left), start.timeout, 1e-9) end
    end)

    it("that the requests for tokens do not go beyond either", function()
      local own <close> = cpp.client { base_url = portal.url, authority_url = portal.url, loop = loop, tenant = "emulator-tenant",
                                       client_id = "emulator-client", client_secret = "emulator-secret" }
      portal:fault { match = { path = "/oauth2/token" }, status = 503, headers = { ["Retry-After"] = "8" }, times = -1 }
      for _, start in ipairs(starts_of(own)) do
        assert.equal("token", start.endpoint)
        assert.near(start.left, start.timeout, 1e-9)
      end
    end)
  end)

  describe("renews its token", function()
    local CREDENTIALS = Portal.CREDENTIALS

    local function expire_in(seconds, secret)
      portal:configure { clients = { { tenant = CREDENTIALS.tenant, client_id = CREDENTIALS.client_id,
                                       client_secret = secret or CREDENTIALS.client_secret, expires_in = seconds } } }
    end

    local function with_credentials()
      return cpp.client { base_url = portal.url, authority_url = portal.url, loop = loop, tenant = CREDENTIALS.tenant,
                          client_id = CREDENTIALS.client_id, client_secret = CREDENTIALS.client_secret, retries = 0 }
    end

    it("each time that it is refused, and looks again at once", function()
      local given = 0
      local own <close> = cpp.client { base_url = portal.url, loop = loop, token = function()
        given = given + 1
        return Portal.TOKEN .. ("="):rep(given - 1)
      end }
      loop.on_sleep = function()
        portal:configure { tokens = { { token = Portal.TOKEN .. ("="):rep(given - 1), expires_in = 0 },
                                      { token = Portal.TOKEN .. ("="):rep(given) } } }
      end
      assert.equal("canceled", assert(own:wait(result)).state)
      local refused, journal = 0, portal:journal(LOOK)
      for i, entry in ipairs(journal) do
        if entry.status == 401 then
          refused = refused + 1
          assert.equal(entry.time, journal[i + 1].time)
        end
      end
      assert.same({ #loop.sleeps, 1 + refused }, { refused, given })
    end)

    it("and rides out a token service that fails for a while", function()
      expire_in(700)
      fixture.offer(portal, { cancel_seconds = 800 })
      local own <close> = with_credentials()
      result = assert(own:cancel(OFFER))
      portal:fault { match = { path = "/oauth2/token" }, status = 503, times = 5 }
      assert.equal("canceled", assert(own:wait(result)).state)
      assert.same({}, portal:faults())
    end)

    it("ends when no token is available, with the location", function()
      local own <close> = with_credentials()
      result = assert(own:cancel(OFFER))
      fail { status = 401, times = -1 }
      expire_in(nil, "another secret")
      local _, err = own:wait(result)
      assert.same({ "auth", "invalid_client", result.location }, { err.kind, err.code, err.location })
    end)
  end)
end)
