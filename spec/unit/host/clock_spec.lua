-- A loop's own clock: one that tells no time, or goes back, is misuse, raised before anything is sent.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("a loop's clock", function()
  local portal, loop
  fixture.client(_ENV, function(...)
    local _
    portal, _, loop = ...
    portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, operation_id = "first", cancel_seconds = 50 }
  end)

  local function client_with(now)
    return cpp.client { base_url = portal.url, token = Portal.TOKEN,
                        loop = { await = loop.await, sleep = loop.sleep, now = now } }
  end

  local CALLS = {
    ["a cancel that waits"] = function(client)
      return client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
    end,
    ["a wait"] = function(client)
      return client:wait { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
    end,
    ["a batch"] = function(client) return client:cancel_all { { publisher = "contoso", offer = "contoso-vm" } } end,
  }
  for name, call in pairs(CALLS) do
    it("that tells no time is misuse in " .. name, function()
      for _, value in ipairs { 0 / 0, math.huge, -math.huge, "12", false, {} } do
        local client <close> = client_with(function() return value end)
        local done, problem = pcall(call, client)
        assert.is_false(done)
        assert.matches("^%S*: cpp: loop.now: expected a number of seconds, got ", problem)
        assert.is_nil(problem:find "\n")
      end
      assert.same({}, portal:journal {})
    end)
  end

  it("that goes back is misuse, and what was accepted is told", function()
    local time = 1000.5
    local client <close> = client_with(function()
      time = time - 0.25
      return time
    end)
    local done, problem = pcall(CALLS["a wait"], client)
    assert.is_false(done)
    assert.matches("loop.now: expected a clock that never goes back, got 1000 after 1000.25", problem, 1, true)
    local back = false
    time = 5000
    local other <close> = client_with(function()
      time = time + (back and -1 or 1)
      return time
    end)
    local call = { publisher = "contoso", offer = "contoso-vm", wait = { on_progress = function() back = true end } }
    local err
    done, err = pcall(other.cancel, other, call)
    assert.is_false(done)
    assert.same({ "raised", 202, "contoso-vm" }, { err.kind, err.status, err.offer })
    assert.matches("clock that never goes back", tostring(err))
    assert.matches("/operations/first", err.location, 1, true)
  end)

  -- The rest is that of the last sleep. A sleep that takes no time is not repeated.
  it("tells the rest of a sleep that ended early, which is slept again unless it is below 1 ms", function()
    for _, case in ipairs { { 8, 0.1, 4 }, { 15, 0.1, 5 }, { 8, 1, 1 } } do
      local elapsed, sleeps = 0, 0
      local client <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = {
        await = loop.await, now = function() return 1000.5 + elapsed end, sleep = function(_, seconds)
          sleeps = sleeps + 1
          elapsed = elapsed + seconds * (1 - case[2])
        end,
      } }
      portal:fault { status = 503, headers = { ["Retry-After"] = tostring(case[1]) } }
      assert(client:offer_status { publisher = "contoso", offer = "contoso-vm" })
      assert.equal(case[3], sleeps)
    end
  end)
end)
