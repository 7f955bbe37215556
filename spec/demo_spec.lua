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
    -- A Lua that runs nothing, in place of the emulator's.
    local directory = io.popen("mktemp -d"):read("l")
    os.execute(("ln -s /bin/false %s/lua5.1"):format(directory))
    local status, output = run(("PATH=%s:$PATH"):format(directory))
    os.execute("rm -r " .. directory)
    assert.equal(1, status)
    assert.equal("The portal emulator did not start; it needs: make deps\n", output)
  end)
end)
