-- Examples of every loop: token functions, which run in the loop and may wait.

local assert = require "luassert"
local core = require "cpp.core"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

-- Defines them with busted's `it`. Returns a function that is called before each example.
return function(it)
  local host, client, new_client

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
    host:run(loops.LIMIT)
    for n = 1, 3 do
      assert.equal("timeout", errs[n].kind)
      assert.is_true(ends[n] < n * 0.1 + 0.3, ends[n])
    end
    local state
    host:spawn(function() state = assert(own:offer_status(loops.offer(1))).state end)
    host:run(loops.LIMIT)
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
    host:run(loops.LIMIT)
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
    host:run(loops.LIMIT)
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
    host:run(loops.LIMIT)
    assert.same({ "closed", true }, { err.kind, ended })
  end)

  return function(_, ...) host, client, new_client = ... end
end
