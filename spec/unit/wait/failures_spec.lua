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

  local function with_credentials(more)
    local options = { base_url = portal.url, authority_url = portal.url, loop = loop }
    return cpp.client(fixture.merged(options, Portal.CREDENTIALS, more))
  end

  for name, fault in pairs { ["a 500"] = { status = 500 }, ["a connection that is closed"] = { action = "close" } } do
    it(("tolerates %s five times in a row, and then ends with the location"):format(name), function()
      fail { times = 2, add_headers = { ["X-Passing"] = "1" } } -- changes nothing
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

  describe("has a deadline", function()
    -- The starts of requests in a wait for 50 s, with the time and the timeout that libcurl is given.
    local function starts_of(watched)
      local starts = {}
      local watching <close> = fixture.watch(watched, function(endpoint, _, _, _, timeout) -- luacheck: ignore watching
        starts[#starts + 1] = { endpoint = endpoint, left = 50 - loop.elapsed(), timeout = timeout }
      end)
      local _, err = watched:wait(result.location, { timeout = 50, interval = 7, max_interval = 7 })
      assert.same({ "timeout", 50 }, { err.kind, loop.elapsed() })
      assert.is_true(#starts > 4)
      return starts
    end

    it("beyond which no request's own timeout goes, nor beyond the client's own", function()
      local own <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = loop, timeout = 9 }
      for _, start in ipairs(starts_of(own)) do assert.near(math.min(9, start.left), start.timeout, 1e-9) end
    end)

    it("that the requests for tokens do not go beyond either", function()
      local own <close> = with_credentials()
      portal:fault { match = { path = "/oauth2/token" }, status = 503, headers = { ["Retry-After"] = "8" }, times = -1 }
      for _, start in ipairs(starts_of(own)) do
        assert.equal("token", start.endpoint)
        assert.near(start.left, start.timeout, 1e-9)
      end
    end)
  end)

  describe("renews its token", function()
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

    it("ends when no token is available, with the location", function()
      local own <close> = with_credentials { retries = 0 }
      result = assert(own:cancel(OFFER))
      fail { status = 401, times = -1 }
      portal:configure { clients = { fixture.merged(Portal.CREDENTIALS, { client_secret = "another secret" }) } }
      local _, err = own:wait(result)
      assert.same({ "auth", "invalid_client", result.location }, { err.kind, err.code, err.location })
    end)
  end)
end)
