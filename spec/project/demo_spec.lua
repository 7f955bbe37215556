-- The demo: it runs whatever paths the shell has for another version of Lua, and ends where it cannot run.

local function run(environment)
  local stream = io.popen(environment .. " timeout 60 spec/support/demo 2>&1")
  local output = stream:read("a")
  local _, _, status = stream:close()
  return status, output
end

describe("the demo", function()
  it("cancels, also where LUA_PATH is for another version of Lua", function()
    local status, output = run "LUA_PATH='/usr/share/lua/5.2/?.lua' LUA_CPATH='/usr/lib/lua/5.2/?.so'"
    assert.equal(0, status, output)
    assert.matches("\ncontoso%-vm +canceled", output)
  end)

  it("says so, and ends, where the emulator does not start", function()
    local hide = "package.preload['http.server'] = function() error([[module 'http.server' not found]], 0) end"
    local status, output = run(('LUA_INIT_5_4="%s %s"'):format(os.getenv "LUA_INIT_5_4" or "", hide))
    assert.equal(1, status)
    assert.matches("^cpp%-portal: emulate: the module http.server is missing [^\n]*\n"
      .. "The portal emulator did not start; it needs: make deps\n$", output)
  end)
end)
