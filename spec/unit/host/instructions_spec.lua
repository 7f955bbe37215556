-- What comes at any instruction of a call: a Ctrl-C, an error of a hook, and a finaliser of the host that closes the
-- client. The call ends, and later calls work.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local portals = require "spec.support.emulator"
local uv = require "luv"

local MOST = 100000 -- instructions after the event: a call that takes more does not end

describe("at each instruction #exhaustive", function()
  local portal
  fixture.client(_ENV, function(...) portal = ... end)

  -- Runs code in a coroutine, and an event before its instruction number `count`. Returns whether the event came, and
  -- what the code gave.
  local function run_with(count, event, code)
    local came = false
    local function hook()
      if came then error "it does not end" end
      came = true
      debug.sethook(coroutine.running(), hook, "", MOST)
      event()
    end
    local thread = coroutine.create(function()
      debug.sethook(coroutine.running(), hook, "", count)
      return code()
    end)
    local given = table.pack(coroutine.resume(thread))
    return came, table.unpack(given, 1, given.n)
  end

  local function new_client(loop)
    return cpp.client { base_url = portal.url, token = portals.TOKEN, loop = loop }
  end

  local function offer(name) return { publisher = "contoso", offer = name } end

  it("of a batch whose items sleep, a Ctrl-C raises nothing else, with all entries once an item was started", function()
    local client <close> = new_client()
    local count, came = 0, true
    while came do
      count = count + 1
      local started, done, problem = false, nil, nil
      came = run_with(count, function() error("interrupted!", 0) end, function()
        done, problem = pcall(client.map, client, { 3, 2, 1 }, function(n, own)
          started = true
          for _ = 1, 2 do own.loop.sleep(own.core, n / 1e4) end
          return n
        end)
      end)
      if done == false then
        assert.is_truthy(tostring(problem):find("interrupted!", 1, true), tostring(problem))
        if started and type(problem) == "table" then assert.equal(3, #problem.entries) end
      end
    end
    assert.is_true(count > 300)
  end)

  -- Runs libuv's loop until nothing is left in it, for 5 s at most. Returns how many handles are left; or only those of
  -- which a method is true.
  local function run_loop(method)
    local watchdog = uv.new_timer()
    uv.update_time()
    watchdog:start(5000, 0, uv.stop)
    watchdog:unref()
    uv.run()
    watchdog:close()
    uv.run "nowait"
    local left = 0
    uv.walk(function(handle)
      if not handle:is_closing() and (not method or handle[method](handle)) then left = left + 1 end
    end)
    return left
  end

  local lines = {}
  for line in io.lines "lua/cpp/loop/luv.lua" do lines[#lines + 1] = line end

  -- A finaliser does not run where no memory is taken: between the last look at a request and the yield, and between the
  -- last look at a client and uv.new_poll, which leaks its handle where the descriptor is closed.
  local function takes_no_memory()
    local place = debug.getinfo(4, "Sl") -- above the hook
    local line = place.source:find("loop/luv.lua", 1, true) and lines[place.currentline] or ""
    return line:find("yield", 1, true) or line:find("new_poll", 1, true)
  end

  it("of a call in luv, a finaliser that closes the client ends it, and leaves no handle", function()
    fixture.offer(portal, { offer = "a", cancel_mode = "synchronous" })
    local count, came = 0, true
    while came do
      count = count + 1
      local client = new_client(cpp.loop.luv)
      local done, problem, result
      came = run_with(count, function()
        if not takes_no_memory() then client:close() end
      end, function()
        done, result, problem = pcall(client.cancel, client, offer "a")
      end)
      local left = run_loop()
      assert.is_boolean(done, ("instruction %d: it does not end"):format(count))
      local is_expected = done and (result or problem.kind == "closed") or tostring(result):find("closed", 1, true)
      assert.is_truthy(is_expected, ("instruction %d: %s"):format(count, tostring(problem or result)))
      assert.equal(0, left, count)
      client:close()
    end
    assert.is_true(count > 100)
  end)

  -- An error in what closes a call's variables keeps the rest of it from being closed.
  local function is_closing()
    for level = 4, math.huge do
      local place = debug.getinfo(level, "n")
      if not place or place.namewhat == "metamethod" and place.name == "close" then return place ~= nil end
    end
  end

  it("of a call in luv, an error of a hook leaves no handle, and a later call works", function()
    fixture.offer(portal, { offer = "a", cancel_mode = "synchronous" })
    local client <close> = new_client(cpp.loop.luv)
    local count, came = 0, true
    while came do
      count = count + 1
      local later
      came = run_with(count, function()
        if not is_closing() then error("a hook", 0) end
      end, function() pcall(client.cancel, client, offer "a") end)
      assert.equal(0, run_loop("is_active"), count)
      coroutine.wrap(function() later = client:cancel(offer "a") end)()
      assert.equal(0, run_loop("is_active"), count)
      assert.is_truthy(later, count)
    end
    assert.is_true(count > 100)
    uv.walk(function(handle) handle:close() end) -- luv keeps what the hook kept from being noted, and it never runs
    uv.run()
  end)
end)
