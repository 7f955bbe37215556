-- Long waits: hundreds of looks of which many fail, tokens that run out on the way, and processes that
-- die in the middle.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local LOOK = { method = "GET", path = "/operations/" }
local SERVICE_FAILS = { { status = 500 }, { status = 502 }, { status = 503 }, { status = 504 }, { status = 408 },
                        { status = 429 }, { action = "close" }, { action = "reset" }, { action = "truncate" },
                        { status = 200, body = { id = "first" } } }

describe("a long wait", function()
  local portal, loop, clients
  fixture.portal(_ENV, function(...)
    portal = ...
    clients, loop = {}, virtual.new(portal)
  end)
  after_each(function()
    for _, client in ipairs(clients) do client:close() end
  end)

  local function new_client(options)
    local own = { base_url = portal.url, loop = loop }
    for name, value in pairs(options or { token = Portal.TOKEN }) do own[name] = value end
    clients[#clients + 1] = cpp.client(own)
    return clients[#clients]
  end

  local function offer(options) fixture.offer(portal, options) end

  describe("of 200 looks, of which 30 % fail", function()
    -- Each look fails with a probability of 0.3, in one of many ways, the same ways in every run.
    local function inject(seed, headers)
      local share = 0.3 / #SERVICE_FAILS
      for i, fault in ipairs(SERVICE_FAILS) do
        portal:fault { match = LOOK, status = fault.status, action = fault.action, body = fault.body,
                       headers = fault.status and headers, probability = share / (1 - share * (i - 1)),
                       seed = seed * 100 + i }
      end
    end

    local function count_failed()
      local entries, failed = portal:journal(LOOK), 0
      for _, entry in ipairs(entries) do
        if entry.fault then failed = failed + 1 end
      end
      return #entries, failed
    end

    it("ends right, at the time that the service's own pauses lead to", function()
      offer { retry_after = 6, cancel_seconds = 1200 }
      local client = new_client()
      local result = assert(client:cancel(OFFER))
      portal:fault { match = LOOK, status = 503, headers = { ["Retry-After"] = "6" }, probability = 0.3, seed = 4 }
      local operation = assert(client:wait(result, { timeout = 2000 }))
      assert.equal("canceled", operation.state)
      local total, failed = count_failed()
      assert.equal(6 * total, loop.elapsed())
      assert.is_true(loop.elapsed() == 1200 or loop.elapsed() == 1206, loop.elapsed()) -- the look at 1200 s may fail
      assert.is_true(failed > 40 and failed < 80, failed)
    end)

    for seed = 1, 3 do
      it(("ends right, one interval at most after the operation has ended (%d)"):format(seed), function()
        offer { cancel_seconds = 2000 }
        local client = new_client()
        local result = assert(client:cancel(OFFER))
        inject(seed)
        local operation = assert(client:wait(result, { interval = 10, max_interval = 10, timeout = 5000 }))
        assert.equal("canceled", operation.state)
        local total, failed = count_failed()
        assert.is_true(total >= 200 and total <= 225, total)
        assert.is_true(failed > 0.2 * total and failed < 0.4 * total, failed)
        local last = portal:journal(LOOK)[total]
        assert.near(loop.elapsed(), last.time, 1e-6)
        local before = total - 1 -- the last look before the end may have failed, and those before it
        while portal:journal(LOOK)[before].fault do before = before - 1 end
        assert.is_true(portal:journal(LOOK)[before].time < 2000)
      end)
    end
  end)

  describe("renews its token", function()
    local CREDENTIALS = { tenant = "emulator-tenant", client_id = "emulator-client",
                          client_secret = "emulator-secret" }

    local function with_credentials(options)
      local own = { authority_url = portal.url }
      for name, value in pairs(CREDENTIALS) do own[name] = value end
      for name, value in pairs(options or {}) do own[name] = value end
      return new_client(own)
    end

    local function tokens() return portal:journal { path = "/oauth2/token" } end

    it("before it runs out, without ever being refused", function()
      portal:configure { clients = { { tenant = "emulator-tenant", client_id = "emulator-client",
                                       client_secret = "emulator-secret", expires_in = 1000 } } }
      offer { cancel_seconds = 3000 }
      local client = with_credentials()
      local result = assert(client:cancel(OFFER))
      assert.equal("canceled", assert(client:wait(result, { timeout = 4000 })).state)
      assert.equal(5, #tokens())
      for i, entry in ipairs(tokens()) do
        local due = 700 * (i - 1)
        assert.is_true(entry.time >= due and entry.time < due + 31 * i, entry.time)
      end
      for _, entry in ipairs(portal:journal()) do assert.is_true(entry.status < 300) end
    end)

    it("once when it is refused in the middle, and goes on", function()
      offer()
      local client = with_credentials()
      local result = assert(client:cancel(OFFER))
      local first = portal:journal { path = "/cancel$" }[1].headers.authorization
      loop.on_sleep = function(time)
        if time < 20 then return end
        portal:configure { tokens = { { token = first:match("Bearer (.*)"), expires_in = 0 } } }
        loop.on_sleep = nil
      end
      assert.equal("canceled", assert(client:wait(result)).state)
      assert.equal(2, #tokens())
      local refused = 0
      for i, entry in ipairs(portal:journal(LOOK)) do
        if entry.status == 401 then
          refused = refused + 1
          assert.equal(entry.time, portal:journal(LOOK)[i + 1].time) -- looked again at once
        end
      end
      assert.equal(1, refused)
    end)

    it("each time that it is refused", function()
      offer()
      local given = 0
      local client = new_client { token = function()
        given = given + 1
        return Portal.TOKEN .. ("="):rep(given - 1)
      end }
      local result = assert(client:cancel(OFFER))
      loop.on_sleep = function()
        portal:configure { tokens = { { token = Portal.TOKEN .. ("="):rep(given - 1), expires_in = 0 },
                                      { token = Portal.TOKEN .. ("="):rep(given) } } }
      end
      assert.equal("canceled", assert(client:wait(result)).state)
      local refused = 0
      for _, entry in ipairs(portal:journal(LOOK)) do
        if entry.status == 401 then refused = refused + 1 end
      end
      assert.equal(#loop.sleeps, refused)
      assert.equal(1 + refused, given)
    end)

    it("and rides out a token service that fails for a while", function()
      portal:configure { clients = { { tenant = "emulator-tenant", client_id = "emulator-client",
                                       client_secret = "emulator-secret", expires_in = 700 } } }
      offer { cancel_seconds = 800 }
      local client = with_credentials { retries = 0 }
      local result = assert(client:cancel(OFFER))
      portal:fault { match = { path = "/oauth2/token" }, status = 503, times = 5 }
      assert.equal("canceled", assert(client:wait(result)).state)
      assert.same({}, portal:faults())
    end)

    it("but ends when there is no more token to be had, with the location", function()
      offer()
      local client = with_credentials()
      local result = assert(client:cancel(OFFER))
      portal:fault { match = LOOK, status = 401, times = -1 }
      portal:configure { clients = { { tenant = "emulator-tenant", client_id = "emulator-client",
                                       client_secret = "another secret" } } }
      local _, err = client:wait(result)
      assert.equal("auth", err.kind)
      assert.equal("invalid_client", err.code)
      assert.equal(result.location, err.location)
    end)
  end)

  describe("that is killed", function()
    -- A process of its own: its code runs until it is killed in a pause, at a given one.
    local function run_and_kill(at_pause, fn)
      local pauses = 0
      local process = coroutine.create(fn)
      local real = loop.sleep
      loop.sleep = function(...)
        pauses = pauses + 1
        if pauses == at_pause then coroutine.yield() end
        return real(...)
      end
      assert(coroutine.resume(process))
      loop.sleep = real
      local killed = coroutine.status(process) == "suspended"
      coroutine.close(process)
      return killed
    end

    for _, form in ipairs { "operation_location", "location", "legacy" } do
      it(("at any point, is gone on with from the location that was printed (%s)"):format(form), function()
        local at_pause = 0
        local function try()
          at_pause = at_pause + 1
          portal:reset()
          loop = virtual.new(portal)
          offer { location_form = form }
          local printed
          local killed = run_and_kill(at_pause, function()
            local client = new_client()
            local result = assert(client:cancel(OFFER))
            printed = result.location
            assert(client:wait(result))
          end)
          assert.equal("canceled", assert(new_client():wait(printed)).state)
          assert.equal(1, #portal:journal { method = "POST" })
          return killed
        end
        while try() do end -- luacheck: ignore
        assert.is_true(at_pause > 4)
      end)
    end
  end)
end)
