-- The table of endpoints: a mistake in it is reported when the module loads. Loads copies of the module.

local Programs = require "spec.support.program"
local core = require "cpp.core"

local CC = os.getenv "CC" or "cc"
local LUA = os.getenv "LUA" or "lua5.4"
local SECONDS = 30 -- that loading the module may take

local function run(command, ...) return os.execute(command:format(...)) == true end

describe("an endpoint's path with a name that is no option", function()
  local can_build = run("command -v '%s' make >/dev/null 2>&1", CC)
  local directory, programs

  setup(function()
    programs = Programs.new {}
    directory = os.tmpname()
    os.remove(directory)
    assert(run("mkdir -p '%s/lua/cpp'", directory))
    assert(run("cp -r csrc packaging Makefile '%s' && cp lua/cpp/version.lua '%s/lua/cpp'", directory, directory))
  end)
  teardown(function()
    run("rm -rf '%s'", directory)
    programs:close()
  end)

  -- Builds a copy of the module with a change to the table of endpoints, and loads it.
  local function load_with(change)
    assert(run("sed '%s' csrc/endpoint.c >'%s/csrc/endpoint.c'", change, directory))
    local output, errors, status = programs:run { "make", "-s", "-C", directory, "CC=" .. CC, "POLLER=" .. core.poller,
                                                  "BUILD=build", "CFLAGS=-O0", "LUA_VERSION=" .. _VERSION:match "[%d.]+" }
    assert.equal(0, status, output .. errors)
    local path = ("%s/build/?.so;%s"):format(directory, package.cpath)
    return programs:run { "timeout", SECONDS, "env", Programs.variable "LUA_CPATH" .. "=" .. path, LUA, "-e",
                          'print(package.searchpath("cpp.core", package.cpath)) require "cpp.core"' }
  end

  it("is named by the error", function()
    if not can_build then return pending "no compiler" end
    local _, errors, status = load_with "s/{publisher}/{publsher}/"
    assert.matches("publsher", errors, 1, true)
    assert.equal(1, status)
  end)

  it("is named in a row of its own, and without its end", function()
    if not can_build then return pending "no compiler" end
    local _, errors, status = load_with "s/{operation_id}/{operation_id/"
    assert.matches("{operation_id", errors, 1, true)
    assert.equal(1, status)
  end)

  it("is all that keeps a copy from loading", function()
    if not can_build then return pending "no compiler" end
    assert.same({ directory .. "/build/cpp/core.so\n", "", 0 }, { load_with "" })
  end)
end)
