-- Dispatch: each waiter is woken once, when it is time, whatever it does then.

local dispatch = require "cpp.dispatch"

-- A core client as dispatch sees it, whose requests are done when the example says so. Requests are
-- userdata with an index: files, which get the method for as long as the examples run.
local places = setmetatable({}, { __mode = "k" })
local file_methods = getmetatable(io.stdout).__index

local function new_core()
  return {
    done = {}, open = true, bytes = 0,
    finished = function(self)
      assert(self.open, "the client is closed")
      local request = table.remove(self.done, 1)
      return request, places[request or self], self.bytes
    end,
    alarm = function(self, seconds) self.rings_in = seconds end,
    usable = function(self) return self.open end,
    timeout = function(self) assert(self.open, "the client is closed") end,
  }
end

local count = 0
local function new_request()
  local request = io.tmpfile()
  count = count + 1
  places[request] = count
  return request
end

describe("cpp.dispatch", function()
  local core, woken, requests
  setup(function() file_methods.index = function(self) return places[self] end end)
  teardown(function() file_methods.index = nil end)
  before_each(function()
    core, woken, requests = new_core(), {}, {}
    for n = 1, 3 do requests[n] = new_request() end
  end)
  after_each(function()
    for _, request in ipairs(requests) do request:close() end
  end)

  local function waker(name)
    return function() woken[#woken + 1] = name end
  end

  it("leaves the others for the next turn once responses of 64 KiB were handed on", function()
    for _, case in ipairs { { 65536, { "a" } }, { 65535, { "a", "b" } }, { 32768, { "a", "b" } }, { 21845, { "a", "b", "c" } } } do
      core, woken = new_core(), {}
      core.bytes, core.done = case[1], { table.unpack(requests) }
      for n, name in ipairs { "a", "b", "c" } do dispatch.register(core, requests[n], waker(name)) end
      dispatch.run(core)
      dispatch.run_requests(core) -- not before the next step
      assert.same(case[2], woken)
      assert.equal(#core.done > 0 and 0 or nil, core.rings_in)
      dispatch.run(core)
      dispatch.run(core)
      assert.same({ "a", "b", "c" }, woken)
    end
  end)

  it("takes a registration back by hand, and at the end of its scope", function()
    dispatch.register(core, requests[1], waker "a")
    dispatch.forget(core, requests[1])
    dispatch.forget(core, requests[1])
    dispatch.forget(new_core(), requests[1])
    do
      local own <close> = dispatch.register(core, requests[2], waker "b") -- luacheck: ignore own
      local sleeping <close> = dispatch.sleeping(core, waker "c") -- luacheck: ignore sleeping
      assert.is_true(dispatch.is_waiting(core))
    end
    assert.is_false(dispatch.is_waiting(core))
    core.done = { requests[1], requests[2] }
    dispatch.run(core)
    dispatch.closed(core)
    assert.same({}, woken)
  end)

  it("wakes an object that waits for another one, in the same step", function()
    local order = {}
    for n = 1, 5 do -- each waits for the next, so the order of the table cannot help
      dispatch.register(core, { done = function() return n == 5 or order[n + 1] end }, function() order[n] = true end)
    end
    dispatch.run(core)
    assert.same({ true, true, true, true, true }, order)
  end)

  describe("when the client is closed", function()
    local function close()
      core.open = false
      dispatch.closed(core)
    end

    it("wakes all waiters and all sleepers, once", function()
      dispatch.register(core, requests[1], waker "request")
      dispatch.register(core, { done = function() return false end }, waker "object")
      dispatch.sleeping(core, waker "sleeper")
      close()
      close()
      assert.same({ "request", "object", "sleeper" }, woken)
      assert.is_false(dispatch.is_waiting(core))
    end)

    it("does not wake a coroutine that a woken one has ended", function()
      for n = 1, 3 do
        dispatch.register(core, requests[n], function()
          woken[#woken + 1] = n
          for other = 1, 3 do
            if other ~= n then dispatch.forget(core, requests[other]) end
          end
        end)
      end
      close()
      assert.equal(1, #woken)
    end)

    it("by a woken coroutine, wakes none twice and checks no more objects", function()
      local object = { done = function() return core.open end }
      local function wake(name)
        return function()
          waker(name)()
          if core.open then close() end
        end
      end
      dispatch.register(core, object, wake "object")
      dispatch.register(core, { done = object.done }, wake "other")
      dispatch.run(core)
      assert.equal(2, #woken)
      assert.are_not.equal(woken[1], woken[2])
      core, woken = new_core(), {}
      dispatch.register(core, requests[1], wake "first")
      dispatch.register(core, requests[2], wake "second")
      core.done = { requests[1], requests[2] }
      dispatch.run(core)
      assert.same({ "first", "second" }, woken)
    end)

    it("registers no coroutine for a sleep", function()
      core.open = false
      assert.error_matches(function() dispatch.sleeping(core, waker "sleeper") end, "the client is closed")
    end)
  end)

  it("raises misuse, in the line of the caller, for what is no client, request, number, coroutine or function", function()
    local object = { done = function() end }
    local loops = {}
    for _, name in ipairs { "blocking", "cqueues", "luv" } do loops[name] = require("cpp.loop." .. name) end
    local function refuses(expected, fn, ...)
      local done, problem = pcall(function(...) fn(...) end, ...)
      assert.is_false(done)
      assert.matches("^spec/unit/dispatch_spec.lua:%d+: cpp: ", problem)
      assert.equal(expected, problem:match "cpp: (.*)")
    end
    local owners = { dispatch.check, dispatch.register, dispatch.check_sleep, dispatch.sleeping, dispatch.run,
                     dispatch.check_client, loops.cqueues.release }
    for _, loop in pairs(loops) do table.move({ loop.await, loop.sleep }, 1, 2, #owners + 1, owners) end
    for _, fn in ipairs(owners) do
      refuses("expected a core client, got nil", fn, nil, 1)
      refuses("expected a core client, got table", fn, {}, 1)
    end
    for _, fn in ipairs { dispatch.check, dispatch.register, loops.blocking.await, loops.cqueues.await, loops.luv.await } do
      refuses("expected a request, or an object with a method done, got nil", fn, core, nil)
      refuses("expected a request, or an object with a method done, got table", fn, core, {})
    end
    for _, fn in ipairs { dispatch.check_sleep, loops.blocking.sleep, loops.cqueues.sleep, loops.luv.sleep } do
      refuses("expected a number of seconds, got string", fn, core, "1")
      refuses("expected a number of seconds, got NaN", fn, core, 0 / 0)
    end
    for _, fn in ipairs { dispatch.check_thread, loops.cqueues.spawn, loops.luv.spawn } do
      refuses("expected a coroutine, got function", fn, print)
    end
    refuses("wake: expected a function, got table", dispatch.register, core, object, {})
    refuses("wake: expected a function, got table", dispatch.sleeping, core, {})
  end)

  it("keeps no client alive, nor what waits on it", function()
    local seen = setmetatable({ core }, { __mode = "v" })
    local own = core
    dispatch.register(core, requests[1], function() return own end)
    dispatch.register(core, { done = function() return own end }, function() return own end)
    core, own = nil, nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(seen[1])
  end)
end)
