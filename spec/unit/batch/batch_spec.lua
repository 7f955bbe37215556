-- cpp.map and cpp.cancel_all: bounded, in order, each item by itself; in the blocking loop. spec/loop/ runs them in the other
-- loops, and holds_spec.lua has what takes time.

local core = require "cpp.core"
local dispatch = require "cpp.dispatch"
local loops = require "spec.support.loops"

describe("a batch", function()
  local portal, client

  local function numbers(count)
    local list = {}
    for n = 1, count do list[n] = n end
    return list
  end

  local function look(n, own) return own:offer_status(loops.offer(n)) end

  loops.clients(_ENV, function(emulator, new_client) portal, client = emulator, new_client() end, { clock = "real" })

  local DELAY = 0.3 -- seconds of a response: longer than a busy machine takes to send all requests

  -- The most requests that were unanswered at once, as the emulator saw them come.
  local function most_in_flight()
    local most, journal = 0, portal:journal()
    for i, entry in ipairs(journal) do
      local open = 0
      for j = 1, i do
        if journal[j].time > entry.time - DELAY then open = open + 1 end
      end
      most = math.max(most, open)
    end
    return most
  end

  it("has as many requests in flight as it may, 16 by default, also where an item makes several calls", function()
    portal:fault { match = { path = "/offers/" }, times = -1, delay = DELAY }
    for most, options in pairs { [3] = { concurrency = 3 }, [16] = {} } do
      portal:clear_journal()
      local coroutines, different = {}, 0
      local _, failed = client:map(numbers(most * 3 // 2), function(n, own)
        local current = coroutine.running()
        if not coroutines[current] then different = different + 1 end
        coroutines[current] = true
        assert(look(n % 8 + 1, own))
        return look(n % 8 + 1, own)
      end, options)
      assert.same({ 0, most, most, most * 3 // 2 * 2 }, { failed, different, most_in_flight(), #portal:journal() })
    end
  end)

  it("takes an empty list, a long one, and one that changes", function()
    local entries, failed = client:map({}, look)
    assert.same({}, entries)
    assert.equal(0, failed)
    assert.same({}, (client:cancel_all {}))
    entries, failed = client:map(numbers(1000), function(n, own)
      if n % 4 == 0 then assert(look(n % 8 + 1, own)) end
      return n
    end)
    assert.equal(0, failed)
    for n = 1, 1000 do assert.equal(n, entries[n].result) end
    local list = numbers(3)
    entries = client:map(list, function(n)
      list[#list + 1], list[n] = n, "changed"
      return n
    end, { concurrency = 1 })
    assert.equal(3, #entries)
    assert.same({ request = 2, result = 2 }, entries[2])
  end)

  it("refuses a wrong list, function or option, and a closed client", function()
    assert.error_matches(function() client:map("list", look) end, "expected a list")
    assert.error_matches(function() client:map({}, "fn") end, "expected a function")
    assert.error_matches(function() client:map({}, look, { concurrency = 0 }) end, "concurrency")
    assert.error_matches(function() client:map({}, look, { token = "t" }) end, "token: not an option of map")
    assert.error_matches(function() client:cancel_all({}, { on_result = 1 }) end, "on_result")
    client:close()
    local called = false
    assert.error_matches(function() client:map({ 1 }, function() called = true end) end, "closed")
    assert.is_false(called)
  end)

  it("refuses a table in which items would be ignored, and sends nothing", function()
    local proxy = setmetatable({}, { __len = function() return 2 end, __index = { loops.offer(1) } })
    for message, list in pairs {
      ["a table with named fields only"] = loops.offer(1),
      ["a table with [0]"] = { [0] = loops.offer(1), loops.offer(2) },
      ["a table with [4]"] = { loops.offer(1), [4] = loops.offer(2) },
      ["a table without [2]"] = proxy,
    } do
      for _, call in ipairs { client.cancel_all, client.map } do
        assert.error_matches(function() call(client, list, call == client.map and look or nil) end, message, 1, true)
      end
    end
    local entries = client:map(table.pack(1, 2), function(item) return item end) -- a list with a further field
    assert.equal(2, entries[2].result)
    assert.same({}, portal:journal())
  end)

  it("cancels all, with options for all and for each", function()
    portal:offer(loops.offer(9, { running = true, cancel_mode = "synchronous" }))
    local list = {
      loops.offer(1, { emails = { "a@contoso.example" } }), loops.offer(2, { retries = 1 }), loops.offer(3, { wait = false }),
      loops.offer(9), loops.offer(10), "no table",
    }
    local entries, failed = client:cancel_all(list, {
      wait = { interval = 0.02 }, concurrency = 2, client_request_id = "of-all", timeout = 5,
    })
    for _, n in ipairs { 1, 2, 4 } do assert.equal("canceled", entries[n].result.state) end
    assert.same({ 202, 404, "raised", 2 }, { entries[3].result.status, entries[5].err.status, entries[6].err.kind, failed })
    local given = portal:journal { path = "/offer%-1/cancel$" }[1].body
    assert.is_truthy(given:find("a@contoso.example", 1, true))
    for _, request in ipairs(portal:journal()) do
      assert.equal("of-all", request.headers["x-ms-client-request-id"])
    end
    for n, request in ipairs(list) do assert.equal(request, entries[n].request) end
    assert.is_nil(list[1].timeout) -- the caller's tables are left alone
  end)

  it("stops early: items that were not started end as stopped, requests in flight finish", function()
    portal:fault { match = { path = "/offers/" }, times = -1, delay = 0.03 }
    local results, ended = 0, 0
    local entries, failed = client:map(numbers(8), look, {
      concurrency = 2, should_stop = function() return results >= 2 end, on_result = function() results = results + 1 end,
    })
    for n = 1, 8 do
      if entries[n].result then ended = ended + 1 else assert.equal("stopped", entries[n].err.kind) end
    end
    assert.same({ 8 - ended, ended, 8 }, { failed, #portal:journal(), results })
    assert.is_true(ended >= 2 and ended <= 4, ended)
  end)

  it("stops when on_result or should_stop raises, keeps what was begun, and the client goes on", function()
    for _, name in ipairs { "on_result", "should_stop" } do
      local asked = 0
      local problem = setmetatable({}, { __tostring = error })
      local entries, failed = client:map({ 1, 2, 2, 2, 2, 2 }, look, {
        concurrency = 2,
        [name] = function()
          asked = asked + 1
          if name == "on_result" or asked > 1 then error(problem) end
        end,
      })
      assert.is_true(failed >= 2 and failed < 5, failed)
      for n, entry in ipairs(entries) do
        if n <= 6 - failed then
          assert.equal("running", entry.result.state)
        else
          assert.same({ "raised", problem, name .. " failed: a table that has no text" },
                      { entry.err.kind, entry.err.raised, entry.err.message })
        end
      end
      assert.equal(name == "on_result" and 1 or 2, asked)
      assert.same({ 0, false }, { client.core:step(0), dispatch.is_waiting(client.core) })
      assert.equal("running", assert(client:offer_status(loops.offer(1))).state)
    end
  end)

  it("stops with the batch that it is an item of", function()
    local stop, started = false, core.monotonic()
    local entries = client:map({ "outer", "stopper" }, function(what, own)
      if what == "stopper" then
        assert(look(1, own))
        stop = true
        return
      end
      return own:map({ 1, 2 }, function(n, inner)
        return inner:wait(loops.offer(n), { interval = 100, max_interval = 100 })
      end)
    end, { should_stop = function() return stop end })
    assert.is_true(core.monotonic() - started < 5)
    for _, entry in ipairs(entries[1].result) do assert.equal("stopped", entry.err.kind) end
  end)
end)
