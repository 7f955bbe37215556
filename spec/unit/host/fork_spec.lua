-- A process that forks while a call waits. spec/support/loops/ has what holds in each event loop.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local fork = require "spec.support.fork"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

describe("a forked child", function()
  local portal, client, waiting
  fixture.portal(_ENV, function(...)
    portal = ...
    fixture.offer(portal)
    portal:fault { match = { method = "POST" }, times = -1, delay = 0.2 }
    client = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = {
      await = function(_, request)
        waiting = request
        repeat coroutine.yield() until request:done()
      end,
      sleep = function() error "no pause is expected" end,
    } }
  end, { clock = "real" })
  after_each(function() client:close() end)

  -- A coroutine in which a cancel waits for its response, which has been sent.
  local function waiting_cancel()
    local seen = {}
    local thread = coroutine.create(function()
      seen.result, seen.err = client:cancel { publisher = "contoso", offer = "contoso-vm" }
    end)
    assert(coroutine.resume(thread))
    while #portal:journal { method = "POST" } == 0 do client.core:step(0.01) end
    return thread, seen
  end

  local function check(kind, is_ambiguous, message)
    assert(kind == "closed" and is_ambiguous and message:find "parent process", message)
  end

  it("gets an ambiguous err for a call that its parent goes on with", function()
    local thread, seen = waiting_cancel()
    local child = fork(function()
      assert(coroutine.resume(thread))
      check(seen.err.kind, seen.err.ambiguous, seen.err.message)
    end)
    while not waiting:done() do client.core:step(0.1) end
    assert(coroutine.resume(thread))
    assert.equal(202, seen.result and seen.result.status, seen.err)
    assert.equal(0, child:wait())
  end)

  it("gets the same where it waits in the blocking loop, and aborts nothing", function()
    local thread, seen = waiting_cancel()
    local child = fork(function()
      waiting:abort()
      local _, failure = cpp.loop.blocking.await(client.core, waiting)
      check(failure.kind, failure.sent, failure.message)
      coroutine.close(thread)
    end)
    assert.equal(0, child:wait())
    while not waiting:done() do client.core:step(0.1) end
    assert(coroutine.resume(thread))
    assert.equal(202, seen.result and seen.result.status, seen.err)
  end)

  it("gets a default client of its own, whose connection is not its parent's", function()
    local programs = Programs.new { AZURE_TOKEN = Portal.TOKEN, CPP_BASE_URL = portal.url }
    local output, errors, status = programs:run { os.getenv "LUA" or "lua5.4", programs:file [[
      local cpp, fork = require "cpp", require "spec.support.fork"
      local function cancel() assert(cpp.cancel { publisher = "contoso", offer = "contoso-vm" }) end
      cancel()
      assert(fork(cancel):wait() == 0)
      cancel()
    ]] }
    programs:close()
    assert.same({ "", "", 0 }, { output, errors, status })
    local connections = {}
    for i, entry in ipairs(portal:journal { method = "POST" }) do connections[i] = entry.connection end
    assert.same({ 1, 2, 1 }, connections)
  end)
end)
