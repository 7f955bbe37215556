-- Examples of every loop: batches, coroutines that are resumed by mistake or closed while they wait, and token functions, which
-- run in the loop and may wait.

local assert = require "luassert"
local core = require "cpp.core"
local dispatch = require "cpp.dispatch"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

-- Defines them with busted's `it`. Returns a function that is called before each example.
return function(it)
  local portal, host, client, new_client

  it("runs two batches on one client, each with its own timers", function()
    loops.respond_late(portal, 1, { delay = 0.8 })
    local entries, slept = {}, {}
    for k = 1, 2 do
      host:spawn(function()
        entries[k] = client:map({ "slow", "sleeper" }, function(what, own)
          if what == "slow" then return own:offer_status(loops.offer(1)) end
          local started = core.monotonic()
          local operation, err = own:wait(loops.offer(2), { interval = 100, max_interval = 100, timeout = 0.2 + 0.1 * k })
          slept[k] = core.monotonic() - started
          return operation, err
        end)
      end)
    end
    host:run(loops.LIMIT)
    for k = 1, 2 do
      assert.equal("running", entries[k][1].result.state)
      assert.equal("timeout", entries[k][2].err.kind)
      assert.is_true(slept[k] < 0.75, slept[k]) -- not only when the slow one had its response
    end
  end)

  -- Nothing of the client's happens then: it is noticed when the request would have been late.
  it("ends a batch when another coroutine closes the one of its item that waits", function()
    loops.respond_late(portal, 1, { action = "stall" })
    local victim, entries
    host:spawn(function()
      entries = client:map({ 1 }, function(n, own)
        victim = coroutine.running()
        return own:offer_status(loops.offer(n, { timeout = 1 }))
      end)
    end)
    host:spawn(function()
      host:pause(0.1)
      assert(coroutine.close(victim))
    end)
    host:run(loops.LIMIT)
    assert.equal("raised", entries[1].err.kind)
  end)

  it("aborts the requests of a batch whose coroutine is closed", function()
    loops.respond_late(portal, 1, { action = "stall" })
    local thread = host:spawn(function()
      client:map({ 1, 1, 1 }, function(n, own) return own:offer_status(loops.offer(n)) end)
    end)
    local state
    host:spawn(function()
      host:pause(0.1)
      host:close(thread)
      assert.equal(0, (client.core:step(0)))
      assert.is_false(dispatch.is_waiting(client.core))
      state = assert(client:offer_status(loops.offer(2))).state
    end)
    host:run(loops.LIMIT)
    assert.equal("running", state)
  end)

  -- The host resumes a waiting coroutine by mistake, a few times.
  local function disturb(thread, count)
    host:spawn(function()
      for _ = 1, count or 3 do
        host:pause(0.03)
        if coroutine.status(thread()) == "suspended" then coroutine.resume(thread(), "by mistake", { kind = "http" }) end
      end
    end)
  end

  it("does not take an unexpected resume for the end of a sleep", function()
    local slept
    local thread = host:spawn(function()
      local started = core.monotonic()
      host.loop.sleep(client.core, 0.3)
      slept = core.monotonic() - started
    end)
    disturb(function() return thread end)
    host:run(loops.LIMIT)
    assert.is_true(slept >= 0.299, slept)
  end)

  it("does not take an unexpected resume for a response, nor for the end of a pause before a retry", function()
    portal:fault { match = { path = "/offer%-1/" }, delay = 0.2, status = 429, headers = { ["Retry-After"] = "1" } }
    local state, err
    local thread = host:spawn(function()
      local started = core.monotonic()
      state, err = client:offer_status(loops.offer(1, { retries = 1 }))
      assert.is_true(core.monotonic() - started >= 1.199)
    end)
    disturb(function() return thread end, 12)
    host:run(loops.LIMIT)
    assert.is_nil(err)
    assert.equal("running", state.state)
  end)

  it("does not take an unexpected resume of an item for what it waits for", function()
    loops.respond_late(portal, 1, { delay = 0.3 })
    local entries, item, waited = nil, nil, nil
    host:spawn(function()
      entries = client:map({ 1, 2 }, function(n, own)
        if n == 2 then return own:offer_status(loops.offer(2)) end
        item = coroutine.running()
        local offer = own:offer_status(loops.offer(1))
        local started = core.monotonic()
        local _, err = own:wait(loops.offer(3), { timeout = 0.3, interval = 1, on_progress = function() host:pause(0.1) end })
        waited = core.monotonic() - started
        return { state = offer.state, kind = err.kind }
      end)
    end)
    disturb(function() return item end, 25)
    host:run(loops.LIMIT)
    assert.same({ "running", "timeout" }, { entries[1].result.state, entries[1].result.kind })
    assert.equal("running", entries[2].result.state)
    assert.is_true(waited >= 0.299, waited)
  end)

  -- The token function of one item waits; another item follows its operation.
  local function beside_a_slow_token(seconds, of_the_item)
    local entries, ends, started = nil, {}, core.monotonic()
    local function slow()
      host:pause(seconds)
      return portals.TOKEN
    end
    host:spawn(function()
      entries = client:map({ 1, 2 }, function(n, own)
        local place = loops.offer(n, { token = n == 1 and slow or nil })
        local result, err
        if n == 1 then
          for name, value in pairs(of_the_item or {}) do place[name] = value end
          result, err = own:offer_status(place)
        else
          result, err = own:wait(place, { timeout = 0.3, interval = 0.05, max_interval = 0.05 })
        end
        ends[n] = core.monotonic() - started
        return result, err
      end)
    end)
    host:run(loops.LIMIT)
    return entries, ends
  end

  it("ends a wait of a batch at its deadline, whatever another item's token function does", function()
    local entries, ends = beside_a_slow_token(1)
    assert.equal("running", entries[1].result.state)
    assert.equal("timeout", entries[2].err.kind)
    assert.is_truthy(entries[2].err.message:find "last state: running", entries[2].err.message)
    assert.is_true(ends[1] >= 0.999 and ends[2] < 0.8, ends[2])
  end)

  it("ends a call of a batch at its timeout, whatever its own token function does", function()
    local entries, ends = beside_a_slow_token(1, { timeout = 0.2 })
    assert.equal("auth: the token was not renewed in time", tostring(entries[1].err))
    assert.is_true(ends[1] < 0.7, ends[1])
  end)

  it("lets a token function end by itself after the client was closed", function()
    local err, ended
    local own = new_client { token = function()
      host:pause(0.2)
      ended = true
      return portals.TOKEN
    end }
    host:spawn(function() err = select(2, own:cancel(loops.offer(1))) end)
    host:spawn(function()
      host:pause(0.05)
      own:close()
    end)
    host:run(loops.LIMIT)
    assert.same({ "closed", true }, { err.kind, ended })
  end)

  return function(...) portal, host, client, new_client = ... end
end
