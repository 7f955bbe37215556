-- Examples of every loop: single calls, several at once, batches, timers, coroutines that are resumed by mistake or closed while
-- they wait, and closing the client.

local assert = require "luassert"
local core = require "cpp.core"
local fork = require "spec.support.fork"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"
local socket = require "socket"

-- Defines them with busted's `it`. Returns a function that is called before each example.
return function(it)
  local portal, host, client, new_client

  -- Runs coroutines of the loop until nothing is left to wait for.
  local function run(...)
    for _, fn in ipairs { ... } do host:spawn(fn) end
    host:run(loops.LIMIT)
  end

  -- Has `fn` called in a coroutine of the loop, after a time.
  local function after(seconds, fn)
    host:spawn(function()
      host:pause(seconds)
      fn()
    end)
  end

  local function seconds_of(fn, ...)
    local started = core.monotonic()
    fn(...)
    return core.monotonic() - started
  end

  it("suspends the calling coroutine in calls, waits and batches", function()
    local operation, entries, canceled, ended
    host:spawn(function()
      operation = assert(client:wait(assert(client:cancel(loops.offer(1))), { interval = 0.02 }))
      entries = client:map({ 1, 2 }, function(n, own) return own:offer_status(loops.offer(n)) end)
      canceled = client:cancel_all({ loops.offer(2), loops.offer(3) }, { wait = { interval = 0.02 } })
      local request = client.core:start("offer_status", loops.offer(1), portals.TOKEN)
      repeat client.core:step(0.01) until request:done()
      assert(request:result())
      client.loop.await(client.core, request) -- which is done: it does not wait
      ended = true
    end)
    assert.is_nil(operation) -- it waits for the loop already
    run()
    assert.equal("canceled", operation.state)
    assert.same({ "canceled", "running" }, { entries[1].result.state, entries[2].result.state })
    assert.same({ "canceled", "canceled", true }, { canceled[1].result.state, canceled[2].result.state, ended })
  end)

  it("goes on where a forked child closes its copy of the client", function()
    loops.respond_late(portal, 1, { delay = 0.3 })
    local result, err, child, ended
    after(0.1, function()
      child = fork(function()
        client:close()
        collectgarbage()
        assert(not ended or err.kind == "closed" and err.ambiguous, "the call ended in the child")
      end)
    end)
    run(function()
      ended = seconds_of(function() result, err = client:cancel(loops.offer(1)) end)
    end)
    assert.equal(0, child:wait())
    assert.equal(202, result and result.status, err)
    assert.is_true(ended < 1)
  end)

  it("keeps the shorter deadline of a later request", function()
    loops.respond_late(portal, 1, { action = "stall" })
    loops.respond_late(portal, 2, { action = "stall" })
    local order = {}
    after(0.05, function()
      table.insert(order, select(2, client:offer_status(loops.offer(2, { timeout = 0.1 }))).kind)
      portal:clear_faults()
    end)
    run(function() table.insert(order, select(2, client:offer_status(loops.offer(1))).kind) end)
    assert.same({ "timeout", "network" }, order)
  end)

  -- Has three coroutines wait for an offer each. Returns a list of them, and the set of those that got a response.
  local function wait_in_three()
    local threads, ended = {}, {}
    for n = 1, 3 do
      threads[n] = host:spawn(function()
        assert(client:offer_status(loops.offer(n)))
        ended[n] = true
      end)
    end
    return threads, ended
  end

  -- One waiting coroutine may poll for all: if it ends, the others continue.
  for number = 1, 3 do
    it("wakes the rest when some get their responses in one step, number " .. number .. " last", function()
      loops.respond_late(portal, number, { delay = 0.2 })
      local _, ended = wait_in_three()
      after(0.02, function() socket.sleep(0.08) end) -- a busy host: meanwhile two get a response
      run()
      assert.same({ true, true, true }, ended)
    end)

    it("goes on when coroutine " .. number .. " of three is closed where it waits", function()
      for n = 1, 3 do loops.respond_late(portal, n, { delay = 0.12 }) end
      local threads, ended = wait_in_three()
      after(0.05, function() assert(coroutine.close(threads[number])) end)
      run()
      for n = 1, 3 do assert.equal(n ~= number or nil, ended[n]) end
    end)
  end

  it("has nothing left to do when the only coroutine that waits is closed", function()
    loops.respond_late(portal, 1, { action = "stall" })
    local thread = host:spawn(function() client:offer_status(loops.offer(1)) end)
    after(0.3, function() assert(coroutine.close(thread)) end)
    assert.is_true(seconds_of(run) < 3)
    assert.equal(0, (client.core:step(0)))
  end)

  it("ends all waiting calls with kind closed when the client is closed", function()
    loops.respond_late(portal, 1, { action = "stall" })
    loops.respond_late(portal, 2, { status = 429, headers = { ["Retry-After"] = "100" } })
    local errs, entries = {}, nil
    local function wait(own) return own:wait(loops.offer(3), { interval = 100, max_interval = 100 }) end
    for n = 1, 3 do
      host:spawn(function() errs[n] = select(2, client:cancel(loops.offer(1))) end)
    end
    after(0.1, function() client:close() end)
    local seconds = seconds_of(run, function() errs[4] = select(2, wait(client)) end, function()
      errs[5] = select(2, client:offer_status(loops.offer(2, { retries = 3, timeout = 300 })))
    end, function()
      entries = client:map({ 1, 1, 1, 3 }, function(n, own)
        if n == 3 then return wait(own) end
        return own:cancel(loops.offer(n))
      end, { concurrency = 2 })
    end)
    assert.is_true(seconds < 5)
    for n = 1, 5 do assert.equal("closed", errs[n] and errs[n].kind, n) end
    for n = 1, 4 do assert.equal("closed", entries[n].err and entries[n].err.kind, n) end
    assert.is_true(errs[1].ambiguous)
    assert.has_error(function() client.core:timeout() end)
  end)

  it("watches a new client that gets the descriptor of a closed or a collected one", function()
    local ended, numbers, reused = 0, {}, 0
    host:spawn(function()
      for n = 1, 20 do
        local own = new_client()
        local number = own.core:pollfd() or "none"
        reused = reused + (numbers[number] and 1 or 0)
        numbers[number] = true
        host:spawn(function() -- is cut off by the closing, or too late
          if own then pcall(own.offer_status, own, loops.offer(2)) end
        end)
        assert(own:offer_status(loops.offer(n % 8 + 1)))
        ended = ended + 1
        if n % 2 == 0 then own:close() end
        own = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
      end
    end)
    run()
    assert.equal(20, ended)
    assert.is_true(reused > 0)
  end)

  -- The host resumes a waiting coroutine by mistake, a few times.
  local function disturb(thread, count)
    host:spawn(function()
      for _ = 1, count or 3 do
        host:pause(0.03)
        if coroutine.status(thread) == "suspended" then coroutine.resume(thread, "by mistake", { kind = "http" }) end
      end
    end)
  end

  it("does not take an unexpected resume for a response, nor for the end of a sleep or of a pause before a retry", function()
    portal:fault { match = { path = "/offer%-1/" }, delay = 0.2, status = 429, headers = { ["Retry-After"] = "1" } }
    local slept, state, seconds
    disturb(host:spawn(function() slept = seconds_of(host.loop.sleep, client.core, 0.3) end))
    disturb(host:spawn(function()
      seconds = seconds_of(function() state = assert(client:offer_status(loops.offer(1, { retries = 1 }))).state end)
    end), 12)
    run()
    assert.is_true(slept >= 0.299 and slept < 2 and seconds >= 1.199, slept)
    assert.equal("running", state)
  end)

  it("runs a token function in a coroutine of its own, so that it delays no other item's deadline", function()
    local entries, seconds
    local function slow()
      host:pause(1)
      return portals.TOKEN
    end
    run(function()
      entries = client:map({ 1, 2 }, function(n, own)
        if n == 1 then return own:offer_status(loops.offer(n, { token = slow })) end
        local result, err
        seconds = seconds_of(function()
          result, err = own:wait(loops.offer(n), { timeout = 0.3, interval = 0.05, max_interval = 0.05 })
        end)
        return result, err
      end)
    end)
    assert.same({ "running", "timeout" }, { entries[1].result.state, entries[2].err.kind })
    assert.is_true(seconds < 0.8, seconds)
  end)

  it("lets a timer of the host tick every 5 ms while 64 cancels and 64 waits are in flight #timer", function()
    loops.offers(portal, 128)
    local ended, ticks, late, busiest, results = 0, 0, 0, 0, nil
    host:spawn(function()
      local list = {}
      for n = 1, 64 do list[n] = loops.offer(n) end
      results = client:cancel_all(list)
    end)
    run()
    portal:fault { match = { path = "/offers/" }, times = -1, delay = 0.1 }
    for n = 1, 128 do
      host:spawn(function()
        local result = n > 64 and assert(client:cancel(loops.offer(n)))
        if not result then assert(client:wait(results[n].result, { interval = 0.05 })) end
        ended = ended + 1
      end)
    end
    local due, cpu = core.monotonic() + 0.005, os.clock()
    host:spawn(function()
      repeat
        host:pause(0.005)
        local now = core.monotonic()
        ticks, late = ticks + 1, late + (now - due > 0.015 and 1 or 0)
        busiest = math.max(busiest, os.clock() - cpu) -- what this process did since the last tick
        due, cpu = now + 0.005, os.clock()
      until ended == 128
    end)
    run()
    -- The time of this process tells what the client costs, whatever else the machine does; a call
    -- that blocked would take no such time, and would make most ticks late.
    assert.is_true(busiest < 0.020, busiest)
    assert.is_true(ticks > 5 and late < ticks * 3 / 4, ("%d of %d ticks were late"):format(late, ticks))
  end)

  return function(...) portal, host, client, new_client = ... end
end
