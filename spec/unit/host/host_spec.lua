-- Life in a host: signals, coroutines and clients that are dropped, closing in any order, re-entry. What
-- other processes are needed for, children do: they get the module of this process.

local core = require "cpp.core"
local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local Lab = require "spec.support.lab"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"
local socket = require "socket"

local LUA = os.getenv("LUA") or "lua5.4"
local WATCHDOG = 10 -- seconds after which a child hangs

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- Starts a child with the module's paths. Its output, with the exit status in the last line, comes
-- from the file that is returned.
local function start(command, environment)
  local words = { "LUA_PATH=" .. quote(package.path), "LUA_CPATH=" .. quote(package.cpath) }
  for name, value in pairs(environment or {}) do words[#words + 1] = name .. "=" .. quote(value) end
  return assert(io.popen(("%s timeout -s KILL %d %s 2>&1; echo \"exit $?\""):format(
    table.concat(words, " "), WATCHDOG, command)))
end

local function finish(child)
  local output = child:read("a")
  child:close()
  local text, status = output:match("^(.-)exit (%d+)\n$")
  return tonumber(status), text
end

describe("life in a host:", function()
  local portal, client, descriptors, directory

  local function new_client(options)
    local own = { base_url = portal.url, token = portals.TOKEN, retries = 0, timeout = 10 }
    for name, value in pairs(options or {}) do own[name] = value end
    return cpp.client(own)
  end

  setup(function()
    portal = portals.start { clock = "real" }
    directory = os.tmpname()
    os.remove(directory)
    assert(os.execute("mkdir " .. directory))
  end)
  teardown(function()
    portal:stop()
    os.execute("rm -r " .. directory)
  end)
  before_each(function()
    portal:reset()
    loops.offers(portal, 6)
    collectgarbage()
    descriptors = Lab.descriptors()
  end)
  after_each(function()
    if client then client:close() end
    client = nil
    collectgarbage()
    collectgarbage()
    assert.equal(descriptors, Lab.descriptors(), "descriptors are left open")
  end)

  local function environment() return { AZURE_TOKEN = portals.TOKEN, CPP_BASE_URL = portal.url } end

  local function write(name, text)
    local file = assert(io.open(directory .. "/" .. name, "w"))
    file:write(text)
    file:close()
    return directory .. "/" .. name
  end

  local function read(name)
    local file = assert(io.open(directory .. "/" .. name))
    local text = file:read("a")
    file:close()
    return text
  end

  describe("Ctrl-C", function()
    -- The child tells its process id and begins; the signal comes while it waits.
    local PRELUDE = [[
      local cpp = require "cpp"
      local core = require "cpp.core"
      local client = cpp.client { base_url = os.getenv "CPP_BASE_URL", token = os.getenv "AZURE_TOKEN",
                                  timeout = 60, retries = 5 }
      local call = { publisher = "contoso", offer = "offer-1" }
      local descriptors = require "spec.support.lab".descriptors
      print(io.open("/proc/self/stat"):read("n"))
      io.stdout:flush()
    ]]
    local REPORT = [[
      local done, problem = pcall(wait)
      local ended = core.monotonic()
      print(done, problem)
      print("in flight", (client.core:step(0)))
      io.stdout:flush()
      local file = io.open(os.getenv "ENDED", "w") file:write(("%.3f"):format(ended)) file:close()
      client:close()
      collectgarbage()
      print("left open", descriptors() - before)
    ]]
    local STALL = { match = { path = "/offers/" }, times = -1, action = "stall" }
    local WAITS = {
      ["a call"] = { "client:cancel(call)", STALL },
      ["a pause between two looks of a wait"] = { "client:wait(call, { interval = 60, max_interval = 60 })" },
      ["a pause between two attempts"] = {
        "client:cancel(call)", { match = { path = "/offers/" }, times = -1, status = 429,
                                 headers = { ["Retry-After"] = "50" } } },
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
        local script = write("wait.lua", PRELUDE:gsub("local client = ", "local before = 0\n%0", 1)
          :gsub("print%(io", "before = descriptors() - 0\n      local function wait() %%s end\n      %0", 1)
          :gsub("%%s", function() return wait[1] end) .. REPORT)
        local own = environment()
        own.ENDED = directory .. "/ended"
        local child = start(LUA .. " " .. script, own)
        local id = child:read("n", "l")
        local deadline = core.monotonic() + 5 -- until it waits: the emulator has seen the request
        while #portal:journal { path = "/offers/" } == 0 and core.monotonic() < deadline do socket.sleep(0.005) end
        socket.sleep(0.05)
        local sent = core.monotonic()
        os.execute(("kill -INT %d"):format(id))
        local status, output = finish(child)
        assert.equal(0, status, output)
        assert.is_truthy(output:find("^false\t.*interrupted!"), output)
        assert.is_truthy(output:find("in flight\t0\n", 1, true), output)
        -- The client's own descriptors are gone as well by then: fewer than before, never more.
        assert.is_true(tonumber(output:match("left open\t(%-?%d+)")) <= 0, output)
        assert.is_true(tonumber(read("ended")) - sent < 1)
      end)
    end
  end)

  it("a connection that the server has closed raises no SIGPIPE, and no disposition changes", function()
    local script = write("pipe.lua", [[
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
      print "alive"
    ]])
    local status, output = finish(start(LUA .. " " .. script, environment()))
    assert.equal("alive\n", output)
    assert.equal(0, status)
  end)

  local function stall() portal:fault { match = { path = "/offers/" }, times = -1, action = "stall" } end

  -- A loop that resumes nothing unless the spec does.
  local parked = {
    await = function(_, request)
      while not request:done() do coroutine.yield() end
    end,
    sleep = function() coroutine.yield() end,
  }

  local function begin(fn)
    local thread = coroutine.create(fn)
    local done, problem = coroutine.resume(thread)
    assert.is_true(done, problem)
    return thread
  end

  local function step(seconds)
    local wake = core.monotonic() + seconds
    while core.monotonic() < wake do client.core:step(wake - core.monotonic()) end
  end

  it("a coroutine that is closed in the middle has its request aborted", function()
    stall()
    client = new_client { loop = parked }
    local threads = {}
    for n = 1, 6 do threads[n] = begin(function() client:cancel(loops.offer(n)) end) end
    step(0.05)
    for n = 6, 1, -1 do
      assert.equal(n, (client.core:step(0)))
      assert.is_true(coroutine.close(threads[n]))
    end
    assert.equal(0, (client.core:step(0)))
    assert.is_nil(client.core:finished())
  end)

  it("a coroutine that is dropped in the middle is collected, and its request ends by itself", function()
    client = new_client { loop = parked }
    local threads = setmetatable({}, { __mode = "v" })
    for n = 1, 6 do threads[n] = begin(function() client:offer_status(loops.offer(n)) end) end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(threads))
    step(0.2)
    assert.equal(0, (client.core:step(0)))
    dispatch.run(client.core) -- nothing waits: all are released
    assert.is_nil(client.core:finished())
  end)

  it("a client is collected with requests in flight and coroutines that wait", function()
    stall()
    for _ = 1, 5 do
      local own = new_client { loop = parked }
      for n = 1, 3 do begin(function() own:cancel(loops.offer(n)) end) end
      own.core:step(0.02)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(descriptors, Lab.descriptors())
  end)

  it("a call within a callback of a call is fine", function()
    client = new_client()
    local inner = 0
    local result = assert(client:cancel(loops.offer(1, {
      token = function()
        inner = inner + #assert(client:operations(loops.offer(2)))
        return portals.TOKEN
      end,
      log = function() inner = inner + #assert(client:operations(loops.offer(3))) end,
    })))
    assert(client:wait(result, { interval = 0.02, on_progress = function()
      inner = inner + #assert(client:operations(loops.offer(4)))
    end }))
    assert.is_true(inner >= 3)
  end)

  it("a state that is closed with everything running ends in time", function()
    stall()
    local script = write("exit.lua", [[
      local cpp = require "cpp"
      local names = { "blocking", "cqueues", "luv" }
      for i, name in ipairs(names) do
        local client = cpp.client { base_url = os.getenv "CPP_BASE_URL", token = os.getenv "AZURE_TOKEN",
                                    loop = cpp.loop[name] }
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
    ]])
    local started = core.monotonic()
    local status, output = finish(start(LUA .. " " .. script, environment()))
    assert.equal("", output)
    assert.equal(0, status)
    assert.is_true(core.monotonic() - started < 5)
  end)
end)
