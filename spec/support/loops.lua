-- What holds in every loop that suspends coroutines: the examples that the specs of cqueues, luv and of
-- a loop of the user's own share. They run against the portal emulator, a process of its own.
--
--   describe("cpp.loop.luv", function() loops.examples(_ENV, function() return host end) end)
--
-- A host, made anew for each example:
--   host.loop              what the client is given
--   host:spawn(fn)         runs fn in a coroutine of the loop, and returns that coroutine
--   host:close(coroutine)  ends it where it stands
--   host:tick(seconds, fn) calls fn every so often while a coroutine runs
--   host:pause(seconds)    inside of a coroutine: waits with the loop's own means
--   host:run(seconds)      runs the loop until nothing is left to wait for; raises what a coroutine
--                          raised, and after so many seconds
--   host:finish()          checks that nothing is left in the loop

local core = require "cpp.core"
local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local Lab = require "spec.support.lab"
local assert = require "luassert"
local portals = require "spec.support.emulator"
local socket = require "socket"

local loops = {}

local LIMIT = 6 -- seconds after which a loop that has not ended hangs

--- The call for the n-th offer.
function loops.offer(n, more)
  local call = { publisher = "contoso", offer = "offer-" .. n }
  for name, value in pairs(more or {}) do call[name] = value end
  return call
end

--- Has `count` offers whose publishing runs, and whose cancellation takes a moment of the real clock.
function loops.offers(portal, count)
  local list = {}
  for n = 1, count do
    list[n] = { publisher = "contoso", offer = "offer-" .. n, running = true, cancel_seconds = 0.05 }
  end
  portal:offer(list)
end

local function answer_late(portal, n, fault)
  fault.match = { path = "/offer%-" .. n .. "/" }
  fault.times = -1
  portal:fault(fault)
end

--- Defines the examples.
-- @param busted the environment of the spec, with `it` and the like
-- @param make function without arguments that returns a host
function loops.examples(busted, make)
  local it = busted.it
  local portal, host, client, descriptors
  local unclosed

  local function new_client(options)
    local own = { base_url = portal.url, token = portals.TOKEN, retries = 0, timeout = 10, loop = host.loop }
    for name, value in pairs(options or {}) do own[name] = value end
    local made = cpp.client(own)
    unclosed[#unclosed + 1] = made
    return made
  end

  busted.setup(function() portal = portals.start { clock = "real" } end)
  busted.teardown(function() portal:stop() end)

  busted.before_each(function()
    portal:reset()
    loops.offers(portal, 8)
    collectgarbage()
    descriptors = Lab.descriptors()
    unclosed = setmetatable({}, { __mode = "v" })
    host = make()
    client = new_client()
  end)

  busted.after_each(function()
    assert.is_false(dispatch.is_waiting(client.core))
    for _, made in pairs(unclosed) do made:close() end
    host:finish()
    client, host = nil, nil
    collectgarbage()
    collectgarbage()
    assert.equal(descriptors, Lab.descriptors(), "descriptors are left open")
  end)

  it("suspends the calling coroutine in each call", function()
    local seen = {}
    host:spawn(function()
      local call = loops.offer(1)
      seen.operations = assert(client:operations(loops.offer(1, { status = "running" })))
      local result = assert(client:cancel(call))
      assert.equal(202, result.status)
      assert(client:operation(result.location))
      seen.operation = assert(client:wait(result, { interval = 0.02 }))
      seen.offer = assert(client:offer_status(call))
      assert(client:publish(call))
      seen.entries = client:map({ 1, 2 }, function(n, own) return own:offer_status(loops.offer(n)) end)
      seen.canceled, seen.failed = client:cancel_all({ loops.offer(2), loops.offer(3) },
                                                     { wait = { interval = 0.02 } })
    end)
    assert.is_nil(seen.operations) -- it waits for the loop already
    host:run(LIMIT)
    assert.equal(1, #seen.operations)
    assert.equal("canceled", seen.operation.state)
    assert.equal("canceled", seen.offer.state)
    assert.equal("running", seen.entries[1].result.state)
    assert.equal(0, seen.failed)
    assert.equal("canceled", seen.canceled[2].result.state)
  end)

  it("sleeps for as long as it was told, and not much longer", function()
    local slept
    host:spawn(function()
      local started = core.monotonic()
      host.loop.sleep(client.core, 0.1)
      slept = core.monotonic() - started
    end)
    host:run(LIMIT)
    assert.is_true(slept >= 0.099 and slept < 2, slept) -- libuv counts whole milliseconds
  end)

  it("runs many at once on one client", function()
    portal:fault { match = { path = "/offers/" }, times = -1, delay = 0.1 }
    local ended = 0
    local started = core.monotonic()
    for n = 1, 40 do
      host:spawn(function()
        assert.equal("running", assert(client:offer_status(loops.offer(n % 8 + 1))).state)
        ended = ended + 1
      end)
    end
    host:run(LIMIT)
    assert.equal(40, ended)
    assert.is_true(core.monotonic() - started < 2) -- one after the other takes 4 s
  end)

  it("starts a request although an earlier one of the client is not answered", function()
    answer_late(portal, 1, { action = "stall" })
    local order = {}
    host:spawn(function()
      local _, err = client:offer_status(loops.offer(1, { timeout = 5 }))
      order[#order + 1] = err.kind
    end)
    host:spawn(function()
      host:pause(0.3) -- until libcurl has no timer left that would have it looked after soon
      local started = core.monotonic()
      local status = assert(client:offer_status(loops.offer(2)))
      order[#order + 1] = status.state
      assert.is_true(core.monotonic() - started < 2)
      portal:clear_faults()
    end)
    host:run(LIMIT)
    assert.same({ "running", "network" }, order)
  end)

  it("keeps the shorter deadline of a later request", function()
    answer_late(portal, 1, { action = "stall" })
    answer_late(portal, 2, { action = "stall" })
    local order = {}
    host:spawn(function()
      local _, err = client:offer_status(loops.offer(1))
      order[#order + 1] = err.kind
    end)
    host:spawn(function()
      host:pause(0.05)
      local _, err = client:offer_status(loops.offer(2, { timeout = 0.1 }))
      order[#order + 1] = err.kind
      portal:clear_faults()
    end)
    host:run(LIMIT)
    assert.same({ "timeout", "network" }, order)
  end)

  -- Of the coroutines that wait, one may be polling for all: whoever leaves, the others go on.
  for first = 1, 3 do
    it("wakes the rest when some are answered in one step, number " .. first .. " last", function()
      local ended = 0
      answer_late(portal, first, { delay = 0.2 })
      for n = 1, 3 do
        host:spawn(function()
          assert(client:offer_status(loops.offer(n)))
          ended = ended + 1
        end)
      end
      host:spawn(function()
        host:pause(0.02)
        socket.sleep(0.08) -- a busy host: meanwhile two are answered
      end)
      host:run(LIMIT)
      assert.equal(3, ended)
    end)
  end

  for victim = 1, 3 do
    it("goes on when coroutine " .. victim .. " of three is closed where it waits", function()
      for n = 1, 3 do answer_late(portal, n, { delay = 0.12 }) end
      local ended, threads = {}, {}
      for n = 1, 3 do
        threads[n] = host:spawn(function()
          assert(client:offer_status(loops.offer(n)))
          ended[n] = true
        end)
      end
      host:spawn(function()
        host:pause(0.05)
        host:close(threads[victim])
      end)
      host:run(LIMIT)
      for n = 1, 3 do assert.equal(n ~= victim or nil, ended[n]) end
    end)
  end

  it("has nothing left to do when the only coroutine that waits is closed", function()
    answer_late(portal, 1, { action = "stall" })
    local thread = host:spawn(function() client:offer_status(loops.offer(1)) end)
    host:spawn(function()
      host:pause(0.3)
      host:close(thread)
    end)
    local started = core.monotonic()
    host:run(LIMIT)
    assert.is_true(core.monotonic() - started < 3)
    assert.equal(0, (client.core:step(0)))
  end)

  it("goes on when one raises after the other", function()
    local ended = 0
    for n = 1, 6 do
      host:spawn(function()
        assert(client:offer_status(loops.offer(n)))
        ended = ended + 1
        if n % 2 == 1 then error("deliberate") end
      end)
    end
    for _ = 1, 3 do
      local done, problem = pcall(host.run, host, LIMIT)
      assert.is_false(done)
      assert.is_truthy(tostring(problem):find("deliberate"), problem)
    end
    host:run(LIMIT)
    assert.equal(6, ended)
  end)

  it("ends all who wait with kind closed when the client is closed", function()
    answer_late(portal, 1, { action = "stall" })
    answer_late(portal, 2, { status = 429, headers = { ["Retry-After"] = "100" } })
    local errs, entries, started = {}, nil, core.monotonic()
    for n = 1, 3 do
      host:spawn(function() errs[n] = select(2, client:cancel(loops.offer(1))) end)
    end
    host:spawn(function() errs[4] = select(2, client:wait(loops.offer(3), { interval = 100, max_interval = 100 })) end)
    host:spawn(function()
      entries = client:map({ 1, 1, 1, 3 }, function(n, own)
        if n == 3 then return own:wait(loops.offer(3), { interval = 100, max_interval = 100 }) end
        return own:cancel(loops.offer(n))
      end, { concurrency = 2 })
    end)
    host:spawn(function()
      errs[5] = select(2, client:offer_status(loops.offer(2, { retries = 3, timeout = 300 })))
    end)
    host:spawn(function()
      host:pause(0.1)
      client:close()
    end)
    host:run(LIMIT)
    assert.is_true(core.monotonic() - started < 5)
    for n = 1, 5 do assert.equal("closed", errs[n] and errs[n].kind, n) end
    for n = 1, 4 do assert.equal("closed", entries[n].err and entries[n].err.kind, n) end
    assert.is_true(errs[1].ambiguous)
    assert.has_error(function() client.core:timeout() end)
    client = new_client()
  end)

  it("may close the client in a coroutine that a step has just resumed", function()
    local kinds = {}
    portal:fault { match = { path = "/offers/" }, times = -1, delay = 0.05 }
    for n = 1, 6 do
      host:spawn(function()
        local _, err = client:offer_status(loops.offer(n))
        kinds[#kinds + 1] = err and err.kind or "done"
        client:close()
      end)
      host:spawn(function()
        local list = client:map({ n }, function(m, own) return own:offer_status(loops.offer(m)) end)
        kinds[#kinds + 1] = list[1].err and list[1].err.kind or "done"
      end)
    end
    host:run(LIMIT)
    assert.equal(12, #kinds)
    for _, kind in ipairs(kinds) do assert.is_true(kind == "done" or kind == "closed", kind) end
    client = new_client()
  end)

  it("watches a new client that gets the descriptor of a closed one", function()
    local ended, numbers = 0, {}
    host:spawn(function()
      for n = 1, 10 do
        local own <close> = new_client()
        numbers[own.core:pollfd() or "none"] = true
        host:spawn(function() pcall(own.offer_status, own, loops.offer(2)) end) -- is cut off by the closing, or too late
        assert(own:offer_status(loops.offer(n % 8 + 1)))
        ended = ended + 1
      end
    end)
    host:run(LIMIT)
    assert.equal(10, ended)
    assert.is_nil(next(numbers, next(numbers))) -- that it was the same one
  end)

  it("watches a new client that gets the descriptor of a collected one", function()
    local ended = 0
    host:spawn(function()
      for n = 1, 10 do
        do
          local own = new_client()
          assert(own:offer_status(loops.offer(n % 8 + 1)))
          ended = ended + 1
        end
        collectgarbage()
        collectgarbage()
      end
    end)
    host:run(LIMIT)
    assert.equal(10, ended)
  end)

  it("runs two batches on one client, each with its own timers", function()
    answer_late(portal, 1, { delay = 0.8 })
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
    host:run(LIMIT)
    for k = 1, 2 do
      assert.equal("running", entries[k][1].result.state)
      assert.equal("timeout", entries[k][2].err.kind)
      assert.is_true(slept[k] < 0.75, slept[k]) -- not only when the slow one was answered
    end
  end)

  it("runs a batch within an item of a batch", function()
    local entries
    host:spawn(function()
      entries = client:map({ 1, 2, 3 }, function(n, own)
        return own:map({ n, n + 1 }, function(m, inner) return inner:offer_status(loops.offer(m)) end)
      end)
    end)
    host:run(LIMIT)
    for n = 1, 3 do
      assert.equal(2, #entries[n].result)
      for _, entry in ipairs(entries[n].result) do assert.equal("running", entry.result.state) end
    end
  end)

  -- Nothing of the client's happens then: it is noticed when the request would have been late.
  it("ends a batch when another coroutine closes the one of its item that waits", function()
    answer_late(portal, 1, { action = "stall" })
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
    host:run(LIMIT)
    assert.equal("raised", entries[1].err.kind)
  end)

  it("aborts the requests of a batch whose coroutine is closed", function()
    answer_late(portal, 1, { action = "stall" })
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
    host:run(LIMIT)
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
    host:run(LIMIT)
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
    host:run(LIMIT)
    assert.is_nil(err)
    assert.equal("running", state.state)
  end)

  it("does not take an unexpected resume of an item for what it waits for", function()
    answer_late(portal, 1, { delay = 0.3 })
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
    host:run(LIMIT)
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
    host:run(LIMIT)
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

  it("bounds the waiting for a token by the deadline of each wait, and keeps the token", function()
    local errs, ends, calls, started = {}, {}, 0, core.monotonic()
    local own = new_client { token = function()
      calls = calls + 1
      host:pause(0.8)
      return portals.TOKEN, 3600
    end }
    for n = 1, 3 do
      host:spawn(function()
        errs[n] = select(2, own:wait(loops.offer(n), { timeout = n * 0.1 }))
        ends[n] = core.monotonic() - started
      end)
    end
    host:run(LIMIT)
    for n = 1, 3 do
      assert.equal("timeout", errs[n].kind)
      assert.is_true(ends[n] < n * 0.1 + 0.3, ends[n])
    end
    local state
    host:spawn(function() state = assert(own:offer_status(loops.offer(1))).state end)
    host:run(LIMIT)
    assert.same({ "running", 1 }, { state, calls })
  end)

  it("has a token function use the client of an item, and start a batch", function()
    local entries
    host:spawn(function()
      entries = client:map({ 1, 2 }, function(n, own)
        return own:offer_status(loops.offer(n, { token = function()
          local inner = own:map({ 3, 4 }, function(m, innermost) return innermost:offer_status(loops.offer(m)) end)
          assert(own:offer_status(loops.offer(5)))
          return inner[2].result and portals.TOKEN
        end }))
      end)
    end)
    host:run(LIMIT)
    for n = 1, 2 do assert.is_nil(entries[n].err) end
  end)

  it("refuses a token function's call that needs its own token, also through a batch and another client", function()
    local words, other = {}, nil
    local own
    own = new_client { token = function()
      words[#words + 1] = tostring(own:map({ 1 }, function(_, inner) return inner:offer_status(loops.offer(1)) end)[1].err)
      words[#words + 1] = tostring(select(2, other:offer_status(loops.offer(1))))
      return portals.TOKEN
    end }
    other = new_client { token = function()
      local _, err = own:offer_status(loops.offer(2))
      return nil, err.message
    end }
    local state
    host:spawn(function() state = assert(own:offer_status(loops.offer(1))).state end)
    host:run(LIMIT)
    assert.equal("running", state)
    for n = 1, 2 do assert.is_truthy(words[n]:find "made a call that needs its own token", words[n]) end
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
    host:run(LIMIT)
    assert.same({ "closed", true }, { err.kind, ended })
  end)

  it("lets a timer of the host tick every 5 ms while 64 cancels and 64 waits are in flight", function()
    loops.offers(portal, 128)
    local ended, ticking, ticks, late, busiest, results = 0, true, 0, 0, 0, nil
    host:spawn(function()
      local list = {}
      for n = 1, 64 do list[n] = loops.offer(n) end
      results = client:cancel_all(list)
    end)
    host:run(LIMIT)
    portal:fault { match = { path = "/offers/" }, times = -1, delay = 0.1 }
    for n = 1, 128 do
      host:spawn(function()
        local result = n > 64 and assert(client:cancel(loops.offer(n)))
        if not result then assert(client:wait(results[n].result, { interval = 0.05 })) end
        ended = ended + 1
        ticking = ended < 128
      end)
    end
    local methods = debug.getmetatable(client.core).__index
    local step, longest = methods.step, 0
    function methods.step(core_client, seconds)
      longest = math.max(longest, seconds or math.huge)
      return step(core_client, seconds)
    end
    local due, cpu = core.monotonic() + 0.005, os.clock()
    host:tick(0.005, function()
      local now = core.monotonic()
      ticks = ticks + 1
      if now - due > 0.015 then late = late + 1 end
      busiest = math.max(busiest, os.clock() - cpu) -- what this process did since the last tick
      due, cpu = now + 0.005, os.clock()
      return ticking
    end)
    local done, problem = pcall(host.run, host, LIMIT)
    methods.step = step
    assert.is_true(done, problem)
    assert.equal(128, ended)
    assert.equal(0, longest) -- the host waits, never the client
    -- The time of this process tells what the client costs, whatever else the machine does; a call
    -- that blocked would take no such time, and would make most ticks late.
    assert.is_true(busiest < 0.020, busiest)
    assert.is_true(ticks > 5 and late < ticks * 3 / 4, ("%d of %d ticks were late"):format(late, ticks))
  end)
end

return loops
