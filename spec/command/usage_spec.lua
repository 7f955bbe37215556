-- What cpp-portal prints about its usage, and where.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"
local parse = require "cpp.command.parser"

local function help(name) return parse({ "help", name }).shown end

describe("cpp-portal", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    programs.environment.AZURE_TOKEN = ""
  end)

  it("prints its help and its versions", function()
    for _, words in ipairs { { "help" }, { "--help" }, { "-h" } } do
      assert.equal(help(), (programs:run { "bin/cpp-portal", table.unpack(words) }))
    end
    for _, words in ipairs { { "help", "cancel" }, { "cancel", "--help" }, { "cancel", "a", "-h" } } do
      assert.equal(help "cancel", (programs:run { "bin/cpp-portal", table.unpack(words) }))
    end
    assert.equal("Usage: cpp-portal cancel [OPTION]... PUBLISHER OFFER...\n\nCancel the running publishing operation of an "
      .. "offer.\n\n", (help "cancel":match "^.-offer.\n\n"))
    local output, _, status = programs:run { "bin/cpp-portal", "--version" }
    assert.is_truthy(output:find("^cpp%-portal " .. require "cpp"._VERSION:gsub("%p", "%%%0") .. " %(libcurl %d[%d.]+%)\n$"))
    assert.equal(0, status)
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      assert.equal(parse({ "completion", shell }).shown, (programs:run { "bin/cpp-portal", "completion", shell }))
    end
  end)

  it("says so when its help cannot be written", function()
    local output, errors, status = programs:run { "sh", "-c", programs:command { "bin/cpp-portal", "help" } .. " >/dev/full" }
    assert.same({ "", "cpp-portal: standard output: No space left on device\n", 1 }, { output, errors, status })
  end)

  it("reports that the reader of its help or completion has ended", function()
    for _, word in ipairs { "help", "--version", "completion" } do
      local command = programs:command { "bin/cpp-portal", word, word == "completion" and "bash" or nil }
      local fifo = programs:file()
      assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
      local output, errors, status = programs:run { "bash", "-c", ("exec 3<>%s 4>%s 3<&-; %s >&4"):format(fifo, fifo, command) }
      assert.same({ "", "cpp-portal: standard output: Broken pipe\n", 1 }, { output, errors, status })
    end
  end)

  it("reports wrong usage in JSON, and exits with 2, if nothing reads its standard error", function()
    local command = programs:command { "bin/cpp-portal", "cancel", "--json" }
    local fifo = programs:file()
    assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
    local shell = ("exec 3<>%s 4>%s 3<&-; exec env --default-signal=PIPE %s 2>&4"):format(fifo, fifo, command)
    local output, _, status = programs:run { "bash", "-c", shell }
    assert.equal("usage", cjson.decode(output).error.kind)
    assert.equal(2, status)
  end)

  it("says in one line what is wrong with its usage, and sends nothing", function()
    local output, errors, status = programs:run { "bin/cpp-portal", "cancel", "--base-url", "ftp://x", "a", "b" }
    assert.equal("", output)
    assert.is_truthy(errors:find("^cpp%-portal: %-%-base%-url: expected [^\n]*; see `cpp%-portal help cancel`\n$"), errors)
    assert.equal(2, status)
    for label, value in pairs { ["--request-timeout"] = "-1", ["--retries"] = "1.5", ["--concurrency"] = "0",
                                ["--email"] = "jane\1@contoso.example", ["--interval"] = "0", ["--proxy"] = "a\1b" } do
      output, errors, status = programs:run { "bin/cpp-portal", "cancel", "--json", "--wait", label .. "=" .. value, "a", "b" }
      assert.is_truthy(errors:find("cpp-portal: " .. label .. ": expected", 1, true), errors)
      local err = cjson.decode(output).error
      assert.equal("usage", err.kind)
      assert.is_truthy(err.message:find(label, 1, true))
      assert.equal(2, status)
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

  it("reports wrong usage on standard error where the JSON cannot be written", function()
    local command = programs:command { "bin/cpp-portal", "cancle", "--json" }
    local _, errors, status = programs:run { "sh", "-c", command .. " >/dev/full" }
    assert.matches("^cpp%-portal: unknown command [^\n]*\ncpp%-portal: standard output: No space left on device\n$", errors)
    assert.equal(2, status)
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
    for _, words in ipairs { { "a\nb" }, { "cancel", "--a\27[2J\nb" }, { "wait", "a\nb" }, { "wait", "--for=a\nb", "a", "b" },
                             { "status", "a", "b\n" } } do
      local output, errors, status = programs:run { "bin/cpp-portal", table.unpack(words) }
      assert.equal("", output)
      assert.matches("^cpp%-portal: [^%c]+; see `cpp%-portal help[^%c]*`\n$", errors)
      assert.equal(2, status)
    end
  end)
end)
