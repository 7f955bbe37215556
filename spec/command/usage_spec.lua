-- What cpp-portal prints about its usage, and where.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"
local parse = require "cpp.command.parser"

describe("cpp-portal", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    programs.environment.AZURE_TOKEN = ""
  end)

  it("prints its help and its versions", function()
    for _, words in ipairs { { "-h" }, { "cancel", "--help" }, { "completion", "zsh" } } do
      assert.equal(parse(words).shown, (programs:run { "bin/cpp-portal", table.unpack(words) }))
    end
    assert.equal(parse({ "help" }).shown, parse({ "-h" }).shown)
    assert.equal(parse({ "help", "cancel" }).shown, parse({ "cancel", "a", "--help" }).shown)
    local output, _, status = programs:run { "bin/cpp-portal", "--version" }
    assert.is_truthy(output:find("^cpp%-portal " .. require "cpp"._VERSION:gsub("%p", "%%%0") .. " %(libcurl %d[%d.]+%)\n$"))
    assert.equal(0, status)
  end)

  -- Runs a shell command whose descriptor 4 is a pipe that nothing reads.
  local function run_with_closed_pipe(shell)
    local fifo = programs:file()
    assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
    return programs:run { "bash", "-c", ("exec 3<>%s 4>%s 3<&-; %s"):format(fifo, fifo, shell) }
  end

  it("says so when its help is not read", function()
    local command = programs:command { "bin/cpp-portal", "help" }
    assert.same({ "", "cpp-portal: standard output: Broken pipe\n", 1 }, { run_with_closed_pipe(command .. " >&4") })
  end)

  it("reports wrong usage in JSON, and exits with 2, if nothing reads its standard error", function()
    local command = programs:command { "bin/cpp-portal", "cancel", "--json" }
    local output, _, status = run_with_closed_pipe("exec env --default-signal=PIPE " .. command .. " 2>&4")
    assert.same({ "usage", 2 }, { cjson.decode(output).error.kind, status })
  end)

  it("says in one line what is wrong with its usage, and sends nothing", function()
    for _, word in ipairs { "--request-timeout=-1", "--concurrency=0", "--email=jane\1@contoso.example", "--interval=0", ".." } do
      local label = word:match "^(.*)=" or "OFFER"
      local output, errors, status = programs:run { "bin/cpp-portal", "cancel", "--json", "--wait", "a", "b", word }
      assert.matches("cpp-portal: " .. label .. ": expected", errors, 1, true)
      assert.matches("^[^\n]*; see `cpp%-portal help cancel`\n$", errors)
      local err = cjson.decode(output).error
      assert.same({ "usage", 2 }, { err.kind, status })
      assert.matches(label, err.message, 1, true)
    end
    assert.same({}, portal:journal())
  end)

  it("prints JSON about wrong usage wherever --json or -j is, and only there", function()
    for _, words in ipairs { { "-qj" }, { "-jq" }, { "-vqj" }, { "-zj" }, { "-wj", "-i5" }, { "--json" } } do
      local output, _, status = programs:run { "bin/cpp-portal", "cancle", table.unpack(words) }
      assert.same({ "usage", 2 }, { cjson.decode(output).error.kind, status }, words[1])
    end
    for _, words in ipairs { { "-ej@contoso.example" }, { "-qej" }, { "--", "-j" }, { "a-j" }, { "-" } } do
      assert.equal("", (programs:run { "bin/cpp-portal", "cancle", table.unpack(words) }))
    end
  end)

  -- The ways to hide a module, or to run the command with another Lua.
  for message, how in pairs {
    ["argparse is missing (Debian: lua-argparse; elsewhere: luarocks install argparse)"] = { hidden = "argparse" },
    ["lua-cjson is missing (Debian: lua-cjson; elsewhere: luarocks install lua-cjson)"] = { hidden = "cjson" },
    ["the C module cpp.core is missing (make builds it; make install or LuaRocks installs it)"] = { hidden = "cpp.core" },
    ["this is Lua 5.1: cpp needs Lua 5.4 or 5.5, as in `lua5.4 bin/cpp-portal`"] = { lua = "lua5.1" },
  } do
    it("says in one line what is missing: " .. message, function()
      local lua = how.lua or os.getenv "LUA" or "lua5.4"
      local code = how.hidden and ('package.preload["%s"] = function() error("module \'%s\' not found", 0) end')
        :format(how.hidden, how.hidden) or ""
      local output, errors, status = programs:run { lua, "-e", code, "bin/cpp-portal", "help" }
      assert.same({ "", "cpp-portal: " .. message .. "\n", 1 }, { output, errors, status })
    end)
  end

  it("says so in one line, whatever the words are", function()
    for _, words in ipairs { { "cancel", "--a\27[2J\nb" }, { "status", "a", "b\n" } } do
      local output, errors, status = programs:run { "bin/cpp-portal", table.unpack(words) }
      assert.matches("^cpp%-portal: [^%c]+; see `cpp%-portal help[^%c]*`\n$", errors)
      assert.same({ "", 2 }, { output, status })
    end
  end)
end)
