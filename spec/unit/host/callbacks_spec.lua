-- Callbacks: whatever log, token, on_progress, should_stop and on_result raise, and however they wait, an accepted cancel
-- is in a result or an err. spec/unit/host/model_spec.lua runs all combinations.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("a callback", function()
  local portal, client, loop

  local function offers()
    for n = 1, 3 do
      portal:offer { publisher = "contoso", offer = "offer-" .. n, running = true, operation_id = "op-" .. n,
                     steps = { { name = "first", seconds = 900 } } }
    end
  end

  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    offers()
  end)

  local untellable = setmetatable({}, { __tostring = function() error "no text" end })

  local function call(more)
    return fixture.merged({ publisher = "contoso", offer = "offer-1" }, more)
  end

  local function place() return portal.url .. "/api/publishers/contoso/offers/offer-1/operations/op-1" end

  local function location() return place() .. "?api-version=2017-10-31" end

  for _, name in ipairs { "on_progress", "should_stop" } do
    it("of a wait that raises ends it, and the err says what was accepted: " .. name, function()
      for problem, text in pairs { ["deliberate"] = "deliberate", [untellable] = "a table that has no text" } do
        local operation, err = client:cancel(call { wait = { [name] = function() error(problem, 0) end } })
        assert.is_nil(operation)
        assert.same({ "raised", problem, 202, false }, { err.kind, err.raised, err.status, err.ambiguous })
        assert.equal(name .. " failed: " .. text, err.message)
        assert.matches("operations/op-1", err.location, 1, true)
        assert.same({ "contoso", "offer-1" }, { err.publisher, err.offer })
        assert.is_truthy(client:operation(err.location))
      end
      local _, err = client:wait(location(), { [name] = function() error("see " .. Portal.TOKEN) end })
      assert.equal("raised", err.kind)
      assert.is_nil(tostring(err):find(Portal.TOKEN, 1, true))
    end)
  end

  it("gets only its own arguments, in a batch as well, so that print can be one", function()
    local cancels = { client.cancel, function(own, request) own:cancel_all { request } end }
    for n, cancel in ipairs(cancels) do
      local counts = {}
      local function counter(name, result)
        return function(...)
          counts[name] = select("#", ...)
          return result
        end
      end
      cancel(client, call { offer = "offer-" .. n, log = counter "log", token = counter("token", Portal.TOKEN),
                            wait = { on_progress = counter "on_progress", should_stop = counter("should_stop", false) } })
      assert.same({ log = 1, token = 0, on_progress = 1, should_stop = 0 }, counts)
    end
  end)

  it("of the log that closes the client, or raises what has no text, loses no result", function()
    warn "@off"
    local own = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = loop }
    assert.equal(202, assert(own:cancel(call { log = function() error(untellable) end })).status)
    assert.equal(202, assert(own:cancel(call { log = function() own:close() end })).status)
  end)

  it("that raises does not end a batch as Ctrl-C does, whatever its message", function()
    warn "@off"
    for _, text in ipairs { "upload was interrupted!", "interrupted! ", "a.lua:1: interrupted!\nb",
                         ("x"):rep(60) .. ":1: interrupted!" } do
      for level = 0, 1 do
        local entries = client:cancel_all({ call {}, call { offer = "offer-2" } },
          { on_result = function() error(text, level) end, concurrency = 1 })
        assert.equal("offer-1", (entries[1].result or entries[1].err).offer)
        assert.equal("raised", entries[2].err.kind)
      end
    end
  end)

  it("that fails where there is no err causes a warning with what it raised", function()
    local script = [[
      local cpp, blocking = require "cpp", require "cpp.loop.blocking"
      warn "@on"
      local client = cpp.client {
        base_url = "http://127.0.0.1:9", token = "token-1", retries = 0, log = function() error("of the\nlog", 0) end,
        loop = { await = blocking.await, sleep = blocking.sleep, release = function() error("of the release", 0) end },
      }
      client:offer_status { publisher = "contoso", offer = "contoso-vm" }
      client:map({ 1 }, tostring, { on_result = function() error("of token-1", 0) end })
      client:close()
    ]]
    local child = assert(io.popen((os.getenv("LUA") or "lua5.4") .. " -e '" .. script:gsub("'", "") .. "' 2>&1"))
    local text = child:read "a"
    child:close()
    assert.equal("Lua warning: cpp: the log function failed: of the log\n"
      .. "Lua warning: cpp: on_result failed: of [redacted]\n"
      .. "Lua warning: cpp: a loop's release failed: of the release\n", text)
  end)

  it("passes Ctrl-C on, with what was accepted", function()
    local function interrupt() error("interrupted!", 0) end
    for _, text in ipairs { "interrupted!", "token.lua:5: interrupted!" } do
      assert.same({ false, text }, { pcall(client.cancel, client, call { token = function() error(text, 0) end }) })
    end
    local _, other = client:cancel(call { token = function() error("not interrupted!", 0) end })
    assert.equal("auth", other.kind)
    for _, name in ipairs { "on_progress", "should_stop" } do
      assert.same({ false, "interrupted!" }, { pcall(client.wait, client, location(), { [name] = interrupt }) })
    end
    local done, err = pcall(client.cancel, client, call { log = interrupt })
    assert.same({ false, "interrupted!", 202, place() }, { done, err.raised, err.status, err.location })
    done, err = pcall(client.cancel_all, client, { call { log = interrupt } })
    assert.same({ false, "interrupted!", 202, place() },
                { done, err.raised, err.entries[1].err.status, err.entries[1].err.location })
    done, err = pcall(client.cancel_all, client, { call {} }, { on_result = interrupt })
    assert.same({ false, "interrupted!", 202 }, { done, err.raised, err.entries[1].result.status })
    done, err = pcall(client.cancel_all, client, { call {} }, { should_stop = interrupt })
    assert.same({ false, "interrupted!" }, { done, err }) -- nothing was started
  end)

  it("or a loop with its own clock that fails raises an err without a time", function()
    local function failing(now)
      return { sleep = loop.sleep, now = now, await = function(...)
        loop.await(...)
        error("the loop is broken", 0)
      end }
    end
    for _, now in ipairs { false, loop.now } do
      portal:fault { status = 202, headers = { ["x-ms-correlation-request-id"] = "for " .. Portal.TOKEN } }
      local done, err = pcall(client.cancel, client, call { loop = failing(now or nil) })
      assert.same({ false, 202, "for [redacted]", not now }, { done, err.status, err.request_id, err.sent_at ~= nil })
    end
  end)

  it("or a loop that ends a wait early, with anything, is not blocked by its call", function()
    portal:fault { match = { method = "POST" }, action = "stall" }
    local own <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = {
      sleep = loop.sleep, await = function(core_client, request)
        assert(not request:done() and core_client:usable())
        coroutine.yield()
        return { status = 200, body = {} }
      end,
    } }
    local thread = coroutine.create(function() own:cancel(call { timeout = 2 }) end)
    local started = core.monotonic()
    for _ = 1, 100 do assert(coroutine.resume(thread)) end
    assert.is_true(core.monotonic() - started < 1)
    assert.is_true(coroutine.close(thread))
  end)

  it("or a loop that never waits ends a call", function()
    local own <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN,
                                     loop = { sleep = loop.sleep, await = function() end } }
    assert.equal(202, assert(own:cancel(call {})).status)
  end)

  it("or a loop that fails before the response raises an err of the call, if the call was sent", function()
    portal:fault { match = { method = "POST" }, action = "stall" }
    local function failing(await) return call { loop = { sleep = loop.sleep, await = await } } end
    local done, err = pcall(client.cancel, client, failing(function(core_client)
      while #portal:journal { method = "POST" } == 0 do core_client:step(0.01) end
      error("early " .. Portal.TOKEN, 0)
    end))
    assert.is_false(done)
    assert.same({
      kind = "raised", message = "early [redacted]", raised = "early " .. Portal.TOKEN, call = "cancel", publisher = "contoso",
      offer = "offer-1", method = "POST",
      url = portal.url .. "/api/publishers/contoso/offers/offer-1/cancel?api-version=2017-10-31",
      ambiguous = true, retryable = false, client_request_id = portal:journal()[1].headers["x-ms-client-request-id"],
    }, err)
    local unsent = failing(function() error("nothing was sent", 0) end)
    assert.same({ false, "nothing was sent" }, { pcall(client.cancel, client, unsent) })
  end)

  -- Runs a function in a coroutine that the host resumes until it ends, with what it yields noted.
  local function host(fn)
    local thread, yielded = coroutine.create(fn), {}
    while true do
      local done, value = assert(coroutine.resume(thread))
      if coroutine.status(thread) == "dead" then return yielded, value, done end
      yielded[#yielded + 1] = value
    end
  end

  it("of a batch may wait in the host's loop: it runs in the host's own coroutine", function()
    local function waits(word, ...)
      local results = table.pack(...)
      return function()
        coroutine.yield(word)
        return table.unpack(results, 1, results.n)
      end
    end
    for _, nested in ipairs { false, true } do
      portal:reset()
      offers()
      local function run(own)
        local list = {}
        for n = 1, 3 do
          list[n] = { publisher = "contoso", offer = "offer-" .. n, log = waits "log", token = waits("token", Portal.TOKEN),
                      wait = { on_progress = waits "on_progress", should_stop = waits("should_stop", false) } }
        end
        return own:cancel_all(list, { on_result = waits "on_result", should_stop = waits("should_stop", false) })
      end
      local yielded, entries = host(function()
        if not nested then return (run(client)) end
        return client:map({ 1 }, function(_, own) return (run(own)) end)[1].result
      end)
      for n = 1, 3 do assert.equal("canceled", assert(entries[n].result, entries[n].err).state) end
      local words = {}
      for _, word in ipairs(yielded) do words[word] = (words[word] or 0) + 1 end
      assert.equal(3, words.on_result)
      for _, word in ipairs { "log", "token", "on_progress", "should_stop" } do assert.is_true(words[word] >= 3, word) end
    end
  end)
end)
