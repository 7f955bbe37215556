-- cpp.credentials.azure_cli in a host that has its own way with child processes.

local Programs = require "spec.support.program"

local ALONE = [[print(require "cpp".credentials.azure_cli()())]]

describe("the credentials of az", function()
  local programs
  before_each(function() programs = Programs.new {} end)
  after_each(function() programs:close() end)

  -- What a program prints that asks for a token, where az is this script of the shell.
  local function run(script, ...)
    programs:install("az", script)
    local words = { ... }
    words[#words + 1] = os.getenv "LUA" or "lua5.4"
    words[#words + 1] = programs:file(ALONE)
    return (programs:run(words):gsub("%s+$", ""))
  end

  it("are found where the host ignores SIGCHLD", function()
    local token = [[echo '{"accessToken": "of-az"}']]
    assert.equal("of-az\tnil", run(token, "env", "--ignore-signal=CHLD"))
    assert.equal("of-az\tnil", run(token, "env", "--default-signal=CHLD"))
  end)

  it("are missed there for the reason that az gives", function()
    for script, reason in pairs {
      ["echo 'ERROR: log in' >&2; exit 1"] = "az failed: ERROR: log in", ["exit 127"] = "az is not installed",
      ["exit 124"] = "az did not finish within 30 s",
    } do
      assert.equal("nil\tno token available (azure_cli: " .. reason .. ")", run(script, "env", "--ignore-signal=CHLD"))
    end
  end)

  it("are none where the shell is ended before az", function()
    for _, output in ipairs { "", [[{"accessToken": "t"}]], [[{"accessToken": "t"}\1]] } do
      local broken = ([[io.popen = function()
        return { read = function() return '%s' end, close = function() return nil, "signal", 9 end }
      end ]]):format(output)
      assert.equal("nil\tno token available (azure_cli: az was not run to its end)\n",
                   (programs:run { os.getenv "LUA" or "lua5.4", programs:file(broken .. ALONE) }))
    end
  end)

  it("have a status that az cannot forge", function()
    assert.equal("nil\tno token available (azure_cli: az failed: 0)",
                 run([[printf '{"accessToken": "t"}\0010' >&2; printf '{"accessToken": "t"}\0010'; exit 1]]))
  end)
end)
