-- The module: its public names, its version, and the default client from the environment.

local cpp = require "cpp"
local portals = require "spec.support.emulator"
local Programs = require "spec.support.program"

local LUA = os.getenv("LUA") or "lua5.4"

describe("the module", function()
  local programs
  before_each(function() programs = Programs.new {} end)
  after_each(function() programs:close() end)

  -- What an interpreter of its own with that environment prints.
  local function run(script, environment)
    for name, value in pairs(environment or {}) do programs.environment[name] = value end
    local output, errors = programs:run { LUA, programs:file(script) }
    return ((output .. errors):gsub("%s+$", ""))
  end

  it("has one version, defined once", function()
    assert.equal(require "cpp.version", cpp._VERSION)
    assert.equal(cpp._VERSION, cpp.core._VERSION)
  end)

  it("takes no file for a terminal, open or closed", function()
    local file = assert(io.tmpfile())
    assert.is_false(cpp.core.is_terminal(file))
    file:close()
    assert.is_false(cpp.core.is_terminal(file))
    assert.has_error(function() cpp.core.is_terminal("file") end)
  end)

  it("raises in one line where a function is called with a colon, or a method with a dot", function()
    local client <close> = cpp.client { token = "t" }
    for _, name in ipairs { "cancel", "operation", "wait", "map", "cancel_all", "reconcile", "client", "progress" } do
      local _, problem = pcall(function() cpp[name](cpp, {}) end)
      assert.matches("init_spec.lua:%d+: cpp: " .. name .. ": this is a function: call cpp." .. name .. " with a dot$", problem)
    end
    for _, name in ipairs { "cancel", "operation", "wait", "map", "cancel_all", "reconcile", "close" } do
      local _, problem = pcall(function() client[name] { publisher = "contoso", offer = "contoso-vm" } end)
      assert.matches("init_spec.lua:%d+: cpp: " .. name .. ": this is a method: call client:" .. name .. " with a colon$",
        problem)
    end
  end)

  it("names the loops that there are", function()
    assert.error_matches(function() return cpp.loop.cqueue end,
      "there is no loop cpp.loop.cqueue: expected blocking, cqueues or luv")
    assert.error_matches(function() cpp.client { loop = "cqueues" } end,
      "loop: expected cpp.loop.blocking, cpp.loop.cqueues, cpp.loop.luv or a loop with await and sleep, got string")
    for _, name in ipairs { "cqueues", "luv" } do
      local text = run(("local cpp = require 'cpp' package.cpath = ''\n"
        .. "print(pcall(function() return cpp.loop.%s end))"):format(name))
      assert.matches("^false\t[^\n]*cpp: cpp.loop." .. name .. " needs the module " .. name .. " %(Debian: lua%-" .. name
        .. "; elsewhere: luarocks install " .. name .. "%): [^\n]*not found:?$", text)
    end
    assert.error_matches(function() cpp.client { loop = cpp.loop } end,
      "loop: expected .* with await and sleep, got a table whose await is not a function")
    for _, name in ipairs { "sleep", "now", "release", "spawn" } do
      local loop = { await = print, sleep = print }
      loop[name] = 5
      assert.error_matches(function() cpp.client { loop = loop } end, "got a table whose " .. name .. " is not a function")
    end
    for _, scheduler in ipairs { print, {} } do
      local loop = { await = print, sleep = print, scheduler = scheduler }
      local call = { publisher = "p", offer = "o", token = "t", loop = loop }
      for _, misuse in ipairs { function() cpp.client { loop = loop } end, function() cpp.cancel(call) end,
                                function() cpp.map({ 1 }, print, { loop = loop }) end } do
        assert.error_matches(misuse, "got a table with a field scheduler")
      end
    end
  end)

  it("says in one line that lua-cjson is missing", function()
    assert.equal("false\tcpp needs lua-cjson (Debian: lua-cjson; elsewhere: luarocks install lua-cjson)", run([[
      package.cpath, package.path = package.cpath:match "^[^;]*", "lua/?.lua;lua/?/init.lua"
      print(pcall(require, "cpp"))
    ]]))
  end)

  it("says in one line that its C module is missing, or that this is another Lua", function()
    assert.equal("false\tcpp needs its C module, cpp/core.so in package.cpath (make builds it; make install or LuaRocks "
      .. "installs it)", run([[
      package.cpath = ""
      print(pcall(require, "cpp"))
    ]]))
    assert.equal("false\tcpp needs Lua 5.4 or 5.5, and this is Lua 5.3", run([[
      _VERSION = "Lua 5.3"
      print(pcall(require, "cpp"))
    ]]))
    if os.execute "command -v lua5.1 >/dev/null" then
      assert.matches("^cpp needs Lua 5.4 or 5.5, and this is Lua 5.1", io.popen([[env -u LUA_INIT lua5.1 -e '
        package.path = "lua/?.lua;lua/?/init.lua"
        print(select(2, pcall(require, "cpp")))']]):read "a")
    end
  end)

  it("loads all that a call may need before it sends anything", function()
    local portal = portals.start()
    for _, offer in ipairs { "contoso-vm", "contoso-app" } do
      portal:offer { publisher = "contoso", offer = offer, running = true, cancel_seconds = 0 }
    end
    assert.equal("canceled\tcontoso-vm\tcanceled", run([[
      local cpp = require "cpp"
      local client = cpp.client { base_url = os.getenv "CPP_BASE_URL", token = os.getenv "AZURE_TOKEN" }
      package.path, package.cpath = "", ""
      local call = { publisher = "contoso", offer = "contoso-vm", wait = { interval = 0.01 } }
      local operation = assert(client:cancel(call))
      local answer = assert(client:reconcile { publisher = "contoso", offer = "contoso-vm" })
      call.offer = "contoso-app"
      print(operation.state, answer.offer, client:cancel_all({ call })[1].result.state)
    ]], { CPP_BASE_URL = portal.url, AZURE_TOKEN = portals.TOKEN }))
    portal:stop()
  end)
end)
