-- Life in a host: signals, coroutines that are dropped, the end of a Lua state. What other processes are needed for, children
-- do: they get the module of this process.

local core = require "cpp.core"
local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local fixture = require "spec.support.fixture"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"
local Programs = require "spec.support.program"
local socket = require "socket"

local LUA = os.getenv "LUA" or "lua5.4"

describe("life in a host:", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    loops.offers(portal, 8)
  end)

  describe("Ctrl-C", function()
    -- The signal comes while the child waits. The descriptors of the client itself are fewer by then, never more.
    local SCRIPT = [[
      local cpp, core = require "cpp", require "cpp.core"
      local descriptors = require "spec.support.lab".descriptors
      local client = cpp.client { timeout = 60, retries = 5 }
      local call = { publisher = "contoso", offer = "offer-1" }
      local before = descriptors()
      local done, problem = pcall(function() %s end)
      print(done, tostring(problem):match "interrupted!", client.core:step(0))
      client:close()
      collectgarbage()
      print(descriptors() <= before, core.monotonic())
    ]]
    local STALL = { match = { path = "/offers/" }, times = -1, action = "stall" }
    local LIMIT = { match = { path = "/offers/" }, times = -1, status = 429, headers = { ["Retry-After"] = "50" } }
    local WAITS = {
      ["a call"] = { "client:cancel(call)", STALL },
      ["a pause between two looks of a wait"] = { "client:wait(call, { interval = 60, max_interval = 60 })" },
      ["a pause between two attempts"] = { "client:cancel(call)", LIMIT },
      ["a callback of a wait"] = { "client:wait(call, { interval = 60, on_progress = function() repeat until nil end })" },
      ["a callback of an item"] = { "client:map({ 1 }, function(_, own) return own:wait(call, { interval = 60, " ..
                                    "on_progress = function() repeat until nil end }) end)" },
      ["on_result"] = { "client:map({ 1 }, type, { on_result = function() client:operations(call) repeat until nil end })" },
      ["a batch"] = { "client:cancel_all { call, call, call }", STALL },
      ["a batch that waits"] = { "client:map({ 1, 2 }, function(_, own) return own:wait(call, { interval = 60, " ..
                                 "max_interval = 60 }) end)" },
    }
    for name, wait in pairs(WAITS) do
      it("ends " .. name .. " at once, and leaves nothing", function()
        if wait[2] then portal:fault(wait[2]) end
        local child = programs:start { LUA, programs:file(SCRIPT:format(wait[1])) }
        Programs.wait_for(function() return #portal:journal { path = "/offers/" } > 0 end)
        socket.sleep(0.05)
        local sent = core.monotonic()
        child:kill "INT"
        local output, errors, status = child:finish()
        assert.same({ "", 0 }, { errors, status }, output)
        local ended = output:match "^false\tinterrupted!\t0\t0\ntrue\t([%d.]+)\n$"
        assert.is_true(tonumber(ended) - sent < 1, output)
      end)
    end
  end)

  it("a connection that the server has closed raises no SIGPIPE, and no disposition changes", function()
    local output, errors, status = programs:run { LUA, programs:file [[
      local Lab = require "spec.support.lab"
      local function signals()
        local file <close> = io.open "/proc/self/status"
        local text = file:read "a"
        return text:match("SigIgn:%s*%x+") .. text:match("SigCgt:%s*%x+") .. text:match("SigBlk:%s*%x+")
      end
      local before = signals()
      local lab = Lab.new()
      local server = lab:server():always(function(connection)
        connection:read(1000)
        connection:reset() -- while the client writes
      end)
      local client = lab:client { base_url = server.url }
      local emails = {}
      for i = 1, 900 do emails[i] = ("x"):rep(1000) .. "@contoso.example" end
      for _ = 1, 10 do
        local request = client.core:start("cancel", { publisher = "contoso", offer = "offer-1", emails = emails }, "t")
        lab.tasks:run_until(client.core, function() return request:done() end)
        local _, failure = request:result()
        assert(failure.kind == "network", failure.message)
      end
      assert(signals() == before, "dispositions changed")
      lab:close()
      assert(signals() == before, "dispositions changed")
    ]] }
    assert.same({ "", "", 0 }, { output, errors, status })
  end)

  it("a coroutine that is closed in the middle has its request aborted, and one that is collected lets it end", function()
    local client <close> = cpp.client { base_url = portal.url, token = portals.TOKEN, loop = {
      await = function(_, request) while not request:done() do coroutine.yield() end end,
      sleep = coroutine.yield,
    } }
    local function begin(n)
      local thread = coroutine.create(function() client:cancel(loops.offer(n)) end)
      assert(coroutine.resume(thread))
      return thread
    end
    portal:fault { match = { path = "/offer%-1/" }, action = "stall" }
    local stalled = begin(1)
    assert.equal(1, (client.core:step(0.05)))
    assert.is_true(coroutine.close(stalled))
    assert.equal(0, (client.core:step(0)))
    local dropped = setmetatable({ begin(2) }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert.is_nil(dropped[1])
    local limit = core.monotonic() + 5
    while client.core:step(0.1) > 0 do assert.is_true(core.monotonic() < limit) end
    dispatch.run(client.core) -- nothing waits: the request is released
    assert.is_nil(client.core:finished())
  end)

  it("a state that is closed with everything running ends in time", function()
    portal:fault { match = { path = "/offers/" }, times = -1, action = "stall" }
    local started = core.monotonic()
    local output, errors, status = programs:run { LUA, programs:file [[
      local cpp = require "cpp"
      for i, name in ipairs { "blocking", "cqueues", "luv" } do
        local client = cpp.client { loop = cpp.loop[name] }
        _G[name] = client
        local function call() client:cancel_all { { publisher = "contoso", offer = "offer-" .. i } } end
        if name == "luv" then coroutine.wrap(call)() require "luv".run("nowait") end
        if name == "cqueues" then
          controller = require "cqueues".new()
          controller:wrap(call)
          controller:step(0)
        end
        if name == "blocking" then client.core:start("cancel", { publisher = "contoso", offer = "offer-1" }, "t") end
        client.core:step(0.05)
      end
      os.exit(0, true)
    ]] }
    assert.same({ "", "", 0 }, { output, errors, status })
    assert.is_true(core.monotonic() - started < 5)
  end)
end)
