-- A loop whose `spawn` is given a token function to run: it starts the function at once or later, or fails.

local blocking = require "cpp.loop.blocking"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

describe("a token function that a loop starts", function()
  local portal, calls
  fixture.portal(_ENV, function(...)
    portal, calls = ..., 0
    fixture.offer(portal)
  end)
  local call = { publisher = "contoso", offer = "contoso-vm" }

  it("is not called if spawn raises, which each call raises, and it is noted what its item sends next", function()
    local client <close> = cpp.client { base_url = portal.url, token = function() return Portal.TOKEN end, loop = {
      await = blocking.await, sleep = blocking.sleep, spawn = function() error("no coroutines today", 0) end,
    } }
    for _ = 1, 2 do assert.same({ false, "no coroutines today" }, { pcall(client.offer_status, client, call) }) end
    assert.same({}, portal:journal())
    portal:fault { match = { method = "POST" }, action = "close" }
    local entries = client:map({ 1 }, function(_, own)
      pcall(own.offer_status, own, call)
      own:cancel { publisher = "contoso", offer = "contoso-vm", token = Portal.TOKEN }
      error "deliberate"
    end)
    local err = entries[1].err
    assert.same({ "raised", true, "contoso-vm" }, { err.kind, err.ambiguous, err.offer })
  end)

  for when, is_late in pairs { ["at once"] = false, ["later"] = true } do
    local function new_client(token)
      local loop, waiting, last = virtual.new(), {}, nil
      function loop.spawn(thread)
        waiting[1], last = thread, thread
        if not is_late then assert(coroutine.resume(thread)) end
      end
      function loop.on_sleep() if is_late and waiting[1] then assert(coroutine.resume(table.remove(waiting))) end end
      return cpp.client { base_url = portal.url, loop = loop, token = function(...)
        calls = calls + 1
        assert.equal(last, coroutine.running())
        return token(...)
      end }
    end

    it(when .. " is called once for all items of a batch", function()
      local client <close> = new_client(function() return Portal.TOKEN end)
      local _, failed = client:map({ 1, 2, 3 }, function(_, own) return own:offer_status(call) end)
      assert.same({ 0, 1 }, { failed, calls })
    end)

    it(when .. " fails for all items that wait for it, whatever their options", function()
      local client <close> = new_client(function() return nil, "no token today" end)
      local entries = client:map({ 1, 2, 3 }, function(n, own)
        return own:offer_status { publisher = "contoso", offer = "contoso-vm", timeout = n }
      end)
      for n = 1, 3 do
        assert.equal("auth: the token function returned no token (no token today)", tostring(entries[n].err))
      end
      assert.equal(is_late and 1 or 3, calls)
    end)

    it(when .. " may close the client", function()
      local client
      client = new_client(function()
        client:close()
        return Portal.TOKEN
      end)
      assert.equal("closed", select(2, client:offer_status(call)).kind)
    end)
  end

  it("fails with the error of the loop's clock, without its token", function()
    local loop = virtual.new()
    local now, spawned = loop.now, nil
    function loop.spawn(thread)
      spawned = thread
      assert(coroutine.resume(thread))
    end
    local client <close> = cpp.client { base_url = portal.url, loop = loop, token = function() return Portal.TOKEN, 100 end }
    assert(client:offer_status(call))
    loop.sleep(nil, 100)
    function loop.now() return coroutine.running() == spawned and Portal.TOKEN or now() end
    assert.matches("auth: the token function failed %(.*: loop.now: expected a number of seconds, got %[redacted%]%)",
                   tostring(select(2, client:offer_status(call))))
  end)
end)
