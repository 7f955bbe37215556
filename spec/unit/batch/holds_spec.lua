-- How long a batch holds its requests back after 429s, and what ends its pauses. The deadline of a wait, and the timeout of a
-- call, bound what a batch has them wait for: a place, and a pause that the service asked for.

local fixture = require "spec.support.fixture"
local loops = require "spec.support.loops"

describe("a batch", function()
  local portal, client, loop
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    loops.offers(portal, 8)
  end, { retries = 3 })

  local function too_many(n, seconds, delay)
    portal:fault { match = { path = "/offer%-" .. n .. "/" }, delay = delay, status = 429,
                   headers = { ["Retry-After"] = tostring(seconds) } }
  end

  local function look(n, own) return own:offer_status(loops.offer(n)) end

  -- Both 429s belong to requests that were sent before either came back.
  for name, pauses in pairs { ["after a longer one"] = { 60, 5 }, ["before a longer one"] = { 5, 60 } } do
    it("that the service slows down is not hurried by a shorter pause " .. name, function()
      too_many(1, pauses[1], 0.3)
      too_many(2, pauses[2], 0.3)
      local _, failed = client:map({ 1, 2, 3, 4, 5, 6 }, look, { concurrency = 2 })
      assert.equal(0, failed)
      local early = 0
      for _, entry in ipairs(portal:journal()) do
        if entry.time < 60 then early = early + 1 end
      end
      -- The two, and at most one that took the place of the first before the other's 429 came.
      assert.is_true(early <= 3, early)
      assert.equal(60, loop.elapsed())
    end)
  end

  -- Where the 429 ends its item, nothing else wakes the batch.
  for name, concurrency in pairs { ["items that have begun"] = 4, ["items that have not"] = 1 } do
    it("goes on after the pause with " .. name, function()
      too_many(1, 30)
      local entries, failed = client:map({ 1, 2, 3, 4 }, function(n, own)
        local call = loops.offer(n, { retries = 0 })
        local status, err = own:offer_status(call)
        if not status then return nil, err end
        return own:offer_status(call)
      end, { concurrency = concurrency })
      assert.equal(1, failed)
      assert.equal(429, entries[1].err.status)
      assert.equal(30, loop.elapsed())
    end)
  end

  it("reads the 429 that came during a callback of another batch within it before the next request", function()
    portal:fault { match = { path = "/offer%-1/" }, delay = 0.05 }
    portal:fault { match = { path = "/offer%-2/" }, delay = 0.1, status = 429, headers = { ["Retry-After"] = "30" } }
    portal:fault { match = { path = "/offer%-3/" }, delay = 0.3 }
    local function log() client:offer_status(loops.offer(3)) end
    client:map({ "callback", "429" }, function(what, own)
      if what == "callback" then
        return own:map({ 4 }, function(_, inner) return inner:offer_status(loops.offer(4, { log = log })) end)
      end
      return own:map({ 1, 2 }, function(n, inner)
        look(n, inner)
        return inner:offer_status(loops.offer(5))
      end)
    end)
    local seen = portal:journal { path = "/offer%-5/" }
    assert.equal(2, #seen)
    for _, entry in ipairs(seen) do assert.equal(30, entry.time) end
  end)

  it("holds a retry back for no longer than the rest of its timeout, and no request for a token", function()
    portal:fault { match = { path = "/offer%-1/" }, status = 503, headers = { ["Retry-After"] = "6" } }
    portal:fault { match = { path = "/token$" }, status = 503, headers = { ["Retry-After"] = "7" } }
    too_many(2, 200)
    local ended, asked = {}, {}
    local own = { { timeout = 10 }, {}, {
      authority_url = portal.url, tenant = "emulator-tenant", client_id = "emulator-client", client_secret = "emulator-secret",
      log = function() asked[#asked + 1] = loop.elapsed() end,
    } }
    client:map({ 1, 2, 3 }, function(n, item) return item:offer_status(loops.offer(n, own[n])) end,
               { on_result = function(n) ended[n] = loop.elapsed() end })
    assert.same({ 10, 200, 200 }, ended)
    assert.same({ 0, 7, 200 }, asked)
  end)

  it("ends its items at once when it is stopped, those too that wait for a place", function()
    too_many(1, 250, 0.3) -- comes when all were sent, and before the other responses
    for n = 2, 4 do portal:fault { match = { path = "/offer%-" .. n .. "/" }, delay = 0.6 } end
    local entries, failed = client:map({ 1, 2, 3, 4 }, function(n, own)
      local status, err = look(n, own)
      if not status then return nil, err end
      return look(n, own) -- waits, as the 429 has come
    end, { concurrency = 4, should_stop = function() return loop.elapsed() >= 3 end })
    assert.equal(4, failed)
    for n = 1, 4 do assert.equal(n == 1 and "http" or "stopped", entries[n].err.kind) end
    assert.is_true(loop.elapsed() <= 4, loop.elapsed())
    assert.equal(4, #portal:journal())
  end)

  it("calls should_stop at least once a second, and ends sleeping items", function()
    local entries, failed = client:cancel_all({ loops.offer(1), loops.offer(2) }, {
      wait = { interval = 10 }, should_stop = function() return loop.elapsed() >= 3 end,
    })
    assert.equal(2, failed)
    for n = 1, 2 do assert.same({ "stopped", "string" }, { entries[n].err.kind, type(entries[n].err.location) }) end
    assert.is_true(loop.elapsed() <= 4, loop.elapsed())
    for _, pause in ipairs(loop.sleeps) do assert.is_true(pause <= 1) end
  end)

  -- Runs a function for each of some offers. The first one's 429 comes before the response to any other. Returns the times at
  -- which they end, and the entries.
  local function run_limited(seconds, numbers, fn, options)
    too_many(1, seconds)
    portal:fault { match = { path = "/offer%-2/" }, delay = 0.05 }
    local ended = {}
    options.on_result = function(n) ended[n] = loop.elapsed() end
    return ended, (client:map(numbers, fn, options))
  end

  it("ends a wait at its own deadline while another item's 429 holds it", function()
    local ended, entries = run_limited(8, { 1, 2 }, function(n, own)
      if n == 1 then return look(n, own) end
      return own:wait(loops.offer(n), { timeout = 0.5, interval = 1, max_interval = 1 })
    end, {})
    assert.same({ 8, 0.5 }, ended)
    assert.equal("timeout", entries[2].err.kind)
    assert.matches("has not ended after 0.5 s %(last state: running%)", entries[2].err.message)
  end)

  it("is held for 300 s at most, however long the service asks for", function()
    local ended, entries = run_limited(100000, { 1, 2 }, function(n, own)
      local status, err = look(n, own)
      return status and own:offer_status(loops.offer(n, { timeout = 1000 })), err
    end, {})
    assert.same({ 0, 300 }, ended)
    assert.same({ 100000, nil }, { entries[1].err.retry_after, entries[2].err })
  end)

  it("waits in its own way for calls that name a loop", function()
    local blocking = require "cpp.loop.blocking"
    local other = { await = blocking.await, sleep = function() error "the batch waits" end }
    local ended, entries = run_limited(8, { 1, 2, 3 }, function(n, own)
      local caller = n == 3 and client or own -- the client that the batch was called on
      return caller:offer_status(loops.offer(n, { loop = other }))
    end, { concurrency = 1 })
    for n = 1, 3 do assert.equal("running", entries[n].result.state) end
    assert.same({ 8, 8, 8 }, ended)
  end)
end)
