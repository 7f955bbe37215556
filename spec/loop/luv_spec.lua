-- cpp.loop.luv: what holds in every loop, and that libuv is left without a handle.

local core = require "cpp.core"
local cpp = require "cpp"
local fork = require "spec.support.fork"
local loops = require "spec.support.loops"
local uv = require "luv"

local Host = {}
Host.__index = Host

local function new_host() return setmetatable({ loop = cpp.loop.luv, raised = {} }, Host) end

-- An error in a callback of luv ends the process; here it is kept for Host:run to raise.
function Host:spawn(fn)
  local thread = coroutine.create(function()
    local done, problem = xpcall(fn, debug.traceback)
    if done then return end
    self.raised[#self.raised + 1] = problem
    uv.stop()
  end)
  assert(coroutine.resume(thread))
  return thread
end

function Host.pause(_, seconds)
  local thread, timer = coroutine.running(), uv.new_timer()
  uv.update_time()
  timer:start(math.ceil(seconds * 1000), 0, function()
    timer:close()
    coroutine.resume(thread)
  end)
  coroutine.yield()
end

function Host:run(seconds)
  local hangs = false
  local watchdog = uv.new_timer()
  uv.update_time() -- timers count from the last turn, which other specs may have left long ago
  watchdog:start(seconds * 1000, 0, function()
    hangs = true
    uv.stop()
  end)
  watchdog:unref()
  if #self.raised == 0 then uv.run() end
  watchdog:close()
  uv.run("nowait")
  assert(not hangs, "the loop does not end")
  if #self.raised > 0 then error(table.remove(self.raised, 1), 0) end
end

function Host.finish()
  uv.run("nowait") -- closing takes a turn
  local handles = {}
  uv.walk(function(handle) handles[#handles + 1] = tostring(handle) end)
  assert.same({}, handles)
end

describe("cpp.loop.luv", function()
  loops.examples(_ENV, new_host)

  -- A client of a service that does not listen.
  local function new_client(retries)
    return cpp.client { base_url = "http://127.0.0.1:9", token = "t", retries = retries or 0, loop = cpp.loop.luv }
  end

  local function close_handles()
    uv.walk(function(handle) handle:close() end)
    uv.run()
  end

  it("is for coroutines only", function()
    local client <close> = new_client()
    assert.error_matches(function() client:cancel(loops.offer(1)) end, "to be called inside a coroutine")
    assert.error_matches(function() cpp.loop.luv.sleep(client.core, 1) end, "to be called inside a coroutine")
    local host = new_host()
    host:spawn(function()
      local function call() client:cancel(loops.offer(1)) end
      assert.error_matches(function() string.gsub("a", "a", call) end, "cannot wait in a function that C calls")
    end)
    host:run(1)
  end)

  it("serves the host's descriptors and timers while step after step is due at once", function()
    local host, pipe = new_host(), uv.pipe()
    local poll, timer = uv.new_poll(pipe.read), uv.new_timer()
    assert.equal(1, uv.fs_write(pipe.write, "!")) -- so that it can always be read
    local served, ticks, failed = 0, 0, nil
    poll:start("r", function() served = served + 1 end)
    timer:start(1, 1, function() ticks = ticks + 1 end)
    local client <close> = new_client()
    local list, started = {}, core.monotonic()
    for n = 1, 1000 do list[n] = loops.offer(n) end
    host:spawn(function()
      failed = select(2, client:cancel_all(list, { concurrency = 64 }))
      poll:close()
      timer:close()
    end)
    host:run(10)
    for _, descriptor in pairs(pipe) do uv.fs_close(descriptor) end
    assert.equal(1000, failed)
    local seconds = core.monotonic() - started
    assert.is_true(served > 10 and ticks > 10, ("%d and %d in %.3f s"):format(served, ticks, seconds))
  end)

  it("lets the host's loop sleep, also after a step that was due at once", function()
    local client <close> = new_client()
    local host, prepare, turns = new_host(), uv.new_prepare(), 0
    prepare:start(function() turns = turns + 1 end)
    host:spawn(function()
      for _, seconds in ipairs { 0, 0.05 } do cpp.loop.luv.sleep(client.core, seconds) end
      prepare:close()
    end)
    host:run(5)
    assert.is_true(turns < 30, turns)
  end)

  it("has one timer, for the earliest of all sleeps, for a day at most, and for 10 ms where it has to step", function()
    local new_timer, monotonic, started, count = uv.new_timer, core.monotonic, {}, 0
    finally(function() uv.new_timer, core.monotonic = new_timer, monotonic end)
    function uv.new_timer()
      local timer = new_timer()
      count = count + 1
      return setmetatable({ start = function(_, ...)
        started[#started + 1] = { ... }
        return timer:start(...)
      end }, { __index = function(_, name) return function(_, ...) return timer[name](timer, ...) end end })
    end
    local client <close> = new_client()
    coroutine.wrap(function()
      for _ = 1, 3 do cpp.loop.luv.sleep(client.core, 0.001) end
    end)()
    uv.run()
    assert.equal(1, count)
    started = {}
    local now = monotonic()
    function core.monotonic() return now end
    for place, case in ipairs { { math.huge, 86400000 }, { 3, 3000 }, { 5, 3000 }, { 0.0001, 1 } } do
      coroutine.wrap(function() cpp.loop.luv.sleep(client.core, case[1]) end)()
      local milliseconds, again = table.unpack(started[place])
      assert.near(client.core:pollfd() and case[2] or math.min(case[2], 10), milliseconds, case[2] == 3000 and 500 or 0)
      assert.equal(0, again)
    end
    core.monotonic = monotonic
    client:close()
    uv.run()
    assert.equal(4, #started)
  end)

  it("does not resume the coroutine that closes the client while it runs", function()
    local client = new_client()
    local ended
    coroutine.wrap(function()
      cpp.loop.luv.await(client.core, { done = function()
        client:close()
        return true
      end })
      ended = true
    end)()
    assert.is_true(ended)
    uv.run()
  end)

  it("ends the sleeps of a client in a forked child, and uv.run", function()
    local client = new_client()
    local ended
    coroutine.wrap(function()
      cpp.loop.luv.sleep(client.core, 0.01)
      ended = true
    end)()
    local child = fork(function()
      uv.new_timer():start(500, 0, uv.stop)
      assert(not uv.run() and ended)
    end)
    assert.equal(0, child:wait())
    uv.run()
    assert.is_true(ended)
    client:close()
  end)

  it("recreates the handles of all sleeping clients with the next call of any client", function()
    local client <close> = new_client()
    local other <close> = new_client()
    local started, slept = core.monotonic(), nil
    coroutine.wrap(function()
      cpp.loop.luv.sleep(client.core, 0.2)
      slept = core.monotonic() - started
    end)()
    close_handles()
    assert.is_nil(slept)
    coroutine.wrap(function() other:cancel(loops.offer(1)) end)()
    uv.run()
    assert.is_true(slept >= 0.2 and slept < 2, slept)
  end)

  it("ends sleeps when the client is closed, although the host has closed its handles", function()
    local client = new_client(3)
    local err
    coroutine.wrap(function() err = select(2, client:cancel(loops.offer(1))) end)()
    repeat uv.run "once" until client.core:step(0) == 0 -- it pauses before a retry
    close_handles()
    assert.is_nil(err)
    client:close()
    assert.equal("closed", err.kind)
  end)

  -- luv reports an error of a callback on standard error and ends the process.
  it("reports what a coroutine raises after its wait, as luv does, and closes what it leaves open", function()
    local script = [[
      local cpp, uv = require "cpp", require "luv"
      local client = cpp.client { base_url = "http://127.0.0.1:9", token = "t", retries = 0, loop = cpp.loop.luv }
      coroutine.wrap(function()
        local left <close> = setmetatable({}, { __close = function() print("closed") end })
        client:offer_status { publisher = "contoso", offer = "contoso-vm" }
        error "raised after the wait"
      end)()
      uv.run()
    ]]
    local child = assert(io.popen((os.getenv("LUA") or "lua5.4") .. " -e '" .. script .. "' 2>&1"))
    local text = child:read "a"
    child:close()
    assert.matches("Uncaught Error.*raised after the wait", text)
    assert.matches("closed", text, 1, true)
  end)
end)
