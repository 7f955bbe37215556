-- What an item of a batch may do: raise, wait for anything, be closed, pass its client on. It ends, and the others go on.

local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local fixture = require "spec.support.fixture"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

describe("a batch", function()
  local portal, client
  loops.clients(_ENV, function(emulator, new_client) portal, client = emulator, new_client() end, { clock = "real" })

  local function look(n, own) return own:offer_status(loops.offer(n)) end

  it("catches what an item raises, and takes whatever it returns", function()
    local own_error = setmetatable({}, { __tostring = function() return "an object\nof two lines" end })
    local fns = {
      function() error("deliberate") end,
      function() error(own_error) end,
      function() error() end,
      function() end,
      function() return false end,
      function() return nil, "words" end,
      function() return "partial", "words" end,
      function(own) return own:cancel {} end,
      function(own) return own:cancel { publisher = "contoso", offer = "none" } end,
      function(own) return look(1, own) end,
      function() error(cpp.cancel, 0) end,
      function() return nil, false end,
      function() coroutine.yield("a value") end,
      function() error { kind = "http" } end, -- no err of its own making
    }
    local entries, failed = client:map(fns, function(fn, own) return fn(own) end)
    for _, n in ipairs { 1, 2, 3, 8, 11, 13, 14 } do
      assert.same({ "raised", false }, { entries[n].err.kind, entries[n].err.ambiguous })
    end
    assert.matches("deliberate", tostring(entries[1].err))
    assert.equal(own_error, entries[2].err.raised)
    assert.equal("raised: an object of two lines", tostring(entries[2].err))
    assert.same({ request = fns[4] }, entries[4])
    assert.same({ request = fns[5], result = false }, entries[5])
    assert.same({ request = fns[6], err = "words" }, entries[6])
    assert.same({ request = fns[7], result = "partial" }, entries[7])
    assert.matches("publisher", entries[8].err.message)
    assert.same({ 404, "running" }, { entries[9].err.status, entries[10].result.state })
    assert.equal("raised: cpp: an item's code may wait for calls of its client only", tostring(entries[13].err))
    assert.same({ kind = "http" }, entries[14].err.raised)
    assert.equal(10, failed)
  end)

  it("carries an accepted cancel in the err that an item raises of a later call", function()
    local function must(value, err) -- as Lua's own assert
      if not value then error(err, 0) end
      return value
    end
    fixture.offer(portal, { offer = "vm" })
    local later = {
      function(own) must(own:offer_status { publisher = "contoso", offer = "none" }) end,
      function(own) must(own:cancel { publisher = "contoso", offer = "none" }) end,
      function(own)
        portal:fault { match = { path = "/status$" }, action = "close" }
        must(own:offer_status { publisher = "contoso", offer = "vm", retries = 0 }) -- an err without a status
      end,
      function(own)
        portal:fault { match = { path = "/status$" }, status = 300 }
        must(own:offer_status { publisher = "contoso", offer = "vm" })
      end,
      function() error "a text" end,
    }
    for number, fail in ipairs(later) do
      local entries = client:map({ "vm" }, function(offer, own)
        must(own:cancel { publisher = "contoso", offer = offer })
        fail(own)
      end)
      local err = entries[1].err
      assert.same({ "raised", true, "vm" }, { err.kind, err.ambiguous, err.offer }, number)
      assert.equal(number < 5 and "table" or "string", type(err.raised))
    end
    local entries = client:map({ "vm" }, function(offer, own)
      must(own:wait(must(own:cancel { publisher = "contoso", offer = offer }), { timeout = 1 }))
    end)
    assert.same({ "timeout", "vm" }, { entries[1].err.kind, entries[1].err.offer }) -- it has the location
  end)

  it("ends in a loop that returns at once", function()
    fixture.offer(portal, { offer = "vm" })
    local entries, failed = client:cancel_all({ { publisher = "contoso", offer = "vm" } },
                                              { loop = { await = function() end, sleep = function() end } })
    assert.same({ 0, 202 }, { failed, entries[1].result.status })
  end)

  it("names the last POST, or the first that was accepted, in the err of an item that raised", function()
    local other <close> = cpp.client { base_url = portal.url, token = portals.TOKEN }
    local function cancel(n, own) return assert(own:cancel(loops.offer(n))) end
    local fns = {
      function(own) cancel(1, own) look(2, own) end,
      function(own) cancel(2, own) pcall(own.cancel, own, loops.offer(1, { emails = { 5 } })) end,
      function(own, item) cancel(3, own) item.offer = "changed" end,
      function() coroutine.wrap(function() cancel(5, client) end)() end, -- by the client around the batch
      function(own)
        own:map({ 1, 6 }, function(n, inner)
          inner:offer_status(loops.offer(n, { log = n == 1 and function() end or nil }))
          if n == 6 then cancel(n, inner) end
        end)
      end,
      function(own) cancel(7, own) cancel(8, own) end,
      function() -- the response to the first comes after that to the second
        local first = coroutine.wrap(function() cancel(6, client) end)
        client.loop = { sleep = print, await = function(...)
          client.loop = cpp.loop.blocking
          coroutine.yield()
          client.loop.await(...)
        end }
        first()
        client:cancel { publisher = "contoso", offer = "none" }
        first()
      end,
      function() -- a callback in another client's batch
        local function log() other:cancel(loops.offer(2)) end
        other:map({ 1 }, function(n, own) own:offer_status(loops.offer(n, { log = log })) end)
      end,
    }
    local list = {}
    for n, fn in ipairs(fns) do list[n] = { publisher = "contoso", offer = "offer-4", fn = fn } end
    local entries = client:map(list, function(item, own)
      item.fn(own, item)
      error "deliberate"
    end)
    for n, expected in ipairs { "offer-1", "offer-2", "offer-3", "offer-5", "offer-4", "offer-7", "offer-6", "offer-2" } do
      local err = entries[n].err
      assert.same({ "raised", expected, true }, { err.kind, err.offer, err.ambiguous }, n)
    end
  end)

  it("passes on both arguments and both results of a callback", function()
    local given, seen = 0, nil
    local function token()
      given = given + 1
      return portals.TOKEN, 1e-6
    end
    client:map({ 1 }, function(_, own)
      for n = 1, 2 do assert(own:offer_status(loops.offer(n, { token = token }))) end
      own:map({ "inner" }, function(item) return item end, { on_result = function(...) seen = { ... } end })
    end)
    assert.same({ 2, { 1, { request = "inner", result = "inner" } } }, { given, seen })
  end)

  -- C that does not expect it cannot be left in the middle: Lua raises there.
  it("raises in an item that would wait in a function that C calls, and in no other", function()
    local function inside(call)
      return (("x"):gsub("x", function() call() end))
    end
    local order = {}
    local entries, failed = client:map({ 1, 2, 3, 4 }, function(n, own)
      if n == 1 or n == 4 then inside(function() own:cancel(loops.offer(n)) end) end
      if n == 2 then assert.is_false((pcall(inside, function() own:cancel(loops.offer(n)) end))) end
      return look(n, own)
    end, { concurrency = 2, on_result = function(index) order[#order + 1] = index end })
    assert.equal(2, failed)
    for n = 1, 4, 3 do -- the first request of a batch, and a later one
      assert.same({ "raised", false }, { entries[n].err.kind, entries[n].err.ambiguous })
      assert.matches("cannot wait in a function that C calls", entries[n].err.message)
    end
    for n = 2, 3 do assert.equal("running", entries[n].result.state) end
    table.sort(order)
    assert.same({ 1, 2, 3, 4 }, order)
    entries, failed = client:map({ 1, 2 }, function(_, own)
      table.sort({ 1, 2 }, function(a, b) return look(a, own).state < look(b, own).state end)
    end)
    assert.equal(2, failed)
    for n = 1, 2 do assert.equal("raised", entries[n].err.kind) end
    assert.equal(0, #portal:journal { method = "POST" })
  end)

  it("ends an item once whose coroutine is closed when its response has come", function()
    portal:fault { match = { path = "/offer%-2/" }, delay = 0.05 }
    portal:fault { match = { path = "/offer%-3/" }, delay = 0.15 }
    local victim
    local ended = 0
    local _, failed = client:map({ 1, 2 }, function(n, own)
      if n == 2 then victim = coroutine.running() end
      own:offer_status(loops.offer(n, { log = n == 1 and function() look(3, client) end or nil }))
      if n == 1 then coroutine.close(victim) end
    end, { on_result = function() ended = ended + 1 end })
    assert.same({ 1, 2 }, { failed, ended })
  end)

  it("runs an item although the coroutine that would be used again for it is closed", function()
    for _, idle in ipairs { false, true } do -- it is used at once, or after a pause that the service asked for
      local victim
      local entries, failed = client:map({ 1, 2, 3 }, function(n, own)
        victim = coroutine.running()
        if idle then own.loop.scheduler.hold(0.01) end
        return n
      end, { on_result = function() assert.is_true(coroutine.close(victim)) end })
      assert.equal(0, failed)
      for n = 1, 3 do assert.equal(n, entries[n].result) end
    end
  end)

  it("takes an item's client in callbacks and in a batch within the item, and refuses it in other coroutines", function()
    local kept
    client:map({ 1 }, function(_, own) kept = own end)
    assert.error_matches(function() coroutine.wrap(look)(1, kept) end, "outside of that item")
    assert.error_matches(function() kept.loop.sleep(kept.core, 1) end, "outside of that item")
    assert.equal("running", look(1, kept).state)
    portal:reset()
    loops.offers(portal, 2)
    kept = nil
    local fns = {
      function(own)
        assert.error_matches(function() coroutine.wrap(own.loop.sleep)(own.core, 1) end, "outside of that item")
        return coroutine.wrap(look)(1, own)
      end,
      function(own) return select(2, own:map({ 1, 2 }, function(n) return look(n, own) end)) end,
      function(own) kept = own end,
      function(own) return look(1, own) end,
    }
    local order = {}
    local entries = client:map(fns, function(fn, own) return fn(own) end, {
      concurrency = 1, -- which a place that is lost would bring to a stop
      on_result = function(index)
        order[#order + 1] = index
        if kept then assert.equal("running", look(1, kept).state) end
      end,
    })
    assert.is_truthy(entries[1].err.message:find("outside of that item", 1, true))
    assert.equal(0, entries[2].result)
    assert.equal("running", entries[4].result.state)
    assert.same({ 1, 2, 3, 4 }, order)
    assert.equal(5, #portal:journal())
  end)

  it("closes what an item whose coroutine is closed leaves open, a batch within it and its requests among that", function()
    portal:fault { match = { path = "/offer%-2/" }, times = -1, action = "stall" }
    local closed, victim
    local entries = client:map({ 1, 2 }, function(n, own)
      if n == 2 then
        look(1, own)
        assert.is_true(coroutine.close(victim))
        return n
      end
      victim = coroutine.running()
      local left <close> = setmetatable({}, { __close = function() closed = true end }) -- luacheck: ignore left
      return own:map({ 1, 2, 2 }, look)
    end)
    assert.same({ "raised", 2, true }, { entries[1].err.kind, entries[2].result, closed })
    client:map({ 1 }, function()
      local left <close> = setmetatable({}, { __close = function() closed = "after an error" end }) -- luacheck: ignore left
      error "deliberate"
    end)
    assert.equal("after an error", closed)
    assert.equal(0, (client.core:step(0)))
    assert.is_false(dispatch.is_waiting(client.core))
  end)

  it("whose loop has ended starts no more items and calls nothing, whatever the running item does", function()
    local begun, told, asked, raised = {}, 0, 0, false
    local loop = { sleep = function() end, await = function()
      raised = true
      error("deliberate", 0)
    end }
    local done, err = pcall(client.map, client, { 1, 2, 3 }, function(n, own)
      begun[#begun + 1] = n
      return { n, (select(2, pcall(look, n, own))) }
    end, { concurrency = 1, loop = loop, on_result = function() told = told + 1 end,
           should_stop = function() asked = asked + (raised and 1 or 0) end })
    assert.is_false(done)
    assert.same({ { 1 }, 0, 0 }, { begun, told, asked })
    assert.same({ 1, "deliberate" }, err.entries[1].result)
    for n = 2, 3 do assert.equal("raised: the batch ended before this item: deliberate", tostring(err.entries[n].err)) end
  end)
end)
