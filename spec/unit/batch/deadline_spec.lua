-- The deadline of a wait, and the timeout of a call, bound what a batch has them wait for: a place, and a pause that the
-- service asked for.

local fixture = require "spec.support.fixture"

describe("an item of a batch", function()
  local portal, client, loop
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    for _, offer in ipairs { "limited", "waiting" } do
      portal:offer { publisher = "contoso", offer = offer, running = true, operation_id = offer, cancel_seconds = 500 }
    end
  end)

  local WAITING = { publisher = "contoso", offer = "waiting", operation_id = "waiting" }

  -- The other offer's first response comes after the 429.
  local function limit(seconds)
    portal:fault { match = { path = "/waiting/" }, delay = 0.05 }
    portal:fault { match = { path = "/limited/" }, status = 429, headers = { ["Retry-After"] = tostring(seconds) } }
  end

  -- Ends: [what] = { time, err or nil }.
  local function run(items, options)
    local ends = {}
    local names = {}
    for name in pairs(items) do names[#names + 1] = name end
    table.sort(names)
    client:map(names, function(name, own)
      local _, err = items[name](own)
      ends[name] = { time = loop.elapsed(), err = err }
    end, options)
    return ends
  end

  it("whose wait is over while another's 429 holds the batch ends at its own deadline", function()
    limit(8)
    local ends = run {
      limited = function(own) return own:cancel { publisher = "contoso", offer = "limited", timeout = 100 } end,
      waiting = function(own) return own:wait(WAITING, { timeout = 0.5, interval = 1, max_interval = 1 }) end,
    }
    assert.equal(0.5, ends.waiting.time)
    assert.equal("timeout", ends.waiting.err.kind)
    assert.matches("has not ended after 0.5 s %(last state: running%)", ends.waiting.err.message)
    assert.equal(8, ends.limited.time)
  end)

  it("is held for 300 s at most, however long the service asks for", function()
    limit(100000)
    local ends = run {
      limited = function(own) return own:cancel { publisher = "contoso", offer = "limited" } end,
      next = function(own)
        own:operation(WAITING)
        return own:operation { publisher = "contoso", offer = "waiting", operation_id = "waiting", timeout = 1000 }
      end,
    }
    assert.same({ 0, 100000 }, { ends.limited.time, ends.limited.err.retry_after })
    assert.same({ 300 }, { ends.next.time, ends.next.err })
  end)

  it("whose call finds the batch held for longer than its timeout ends, with nothing sent", function()
    limit(50)
    local ends = run {
      limited = function(own) return own:cancel { publisher = "contoso", offer = "limited", timeout = 100 } end,
      next = function(own)
        own:operation(WAITING)
        return own:cancel { publisher = "contoso", offer = "waiting", timeout = 20 }
      end,
    }
    local err = ends.next.err
    assert.same({ 20, "timeout", true, false }, { ends.next.time, err.kind, err.retryable, err.ambiguous })
    assert.equal(0, #portal:journal { path = "/waiting/cancel" })
  end)

  it("whose call names a loop waits in the batch all the same", function()
    limit(8)
    local blocking = require "cpp.loop.blocking"
    local other = { await = blocking.await, sleep = function() error "the batch waits" end }
    local ends = run({
      limited = function(own) return own:cancel { publisher = "contoso", offer = "limited", loop = other } end,
      next = function(own)
        assert(own:operation { location = "/api/publishers/contoso/offers/waiting/operations/waiting", loop = other })
        return own:operation { publisher = "contoso", offer = "waiting", operation_id = "waiting", loop = other }
      end,
      outer = function() -- with the client that the batch was called on
        return client:operation { publisher = "contoso", offer = "waiting", operation_id = "waiting", loop = other }
      end,
    }, { concurrency = 1 })
    for _, name in ipairs { "limited", "next", "outer" } do assert.is_nil(ends[name].err) end
    assert.equal(8, ends.next.time)
  end)

  it("that raises after such a call is ambiguous", function()
    local entries = client:map({ 1 }, function(_, own)
      own:cancel { publisher = "contoso", offer = "waiting", loop = require "cpp.loop.blocking" }
      error "deliberate"
    end)
    assert.same({ true, "waiting" }, { entries[1].err.ambiguous, entries[1].err.offer })
  end)
end)
