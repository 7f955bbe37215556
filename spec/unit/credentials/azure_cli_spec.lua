-- cpp.credentials.azure_cli: how az is run, what is read from its output, and the messages of failures. PATH has an az of
-- the specs.

local core = require "cpp.core"
local Programs = require "spec.support.program"

local function output_of(command)
  local stream = assert(io.popen(command))
  local text = stream:read "l"
  stream:close()
  return text
end

local LUA = output_of("command -v " .. (os.getenv "LUA" or "lua5.4"))

-- The output of the program under test: a token and its seconds, or nil and why.
local ALONE = [[
  local token, detail = require "cpp".credentials.azure_cli()()
  print(token, math.type(detail) and math.floor(detail + 0.5) or detail)
]]

-- The same, by a client for a scope.
local SCOPED = [[
  local client <close> = require "cpp".client { token = require "cpp".credentials.azure_cli(), scope = %q }
  print(select(2, client:publishers {}))
]]

-- What az does, as a script of the shell, and what is printed then.
local SCRIPTS = {
  { [[echo "WARNING: {}" >&2; echo '{"accessToken": "t"}'; echo "WARNING: too old" >&2]], "t\tnil" },
  { [[echo "WARNING: old" >&2; echo "ERROR: log
      in. Bearer s3cret-token jane@contoso.example" >&2; exit 1]],
    "az failed: WARNING: old ERROR: log in. [redacted] [redacted]" },
  { "exit 3", "az failed without a message" }, { [[echo '{"accessToken": "s3cret"}'; exit 1]], "az failed without a message" },
  { "yes ERROR | head -c 10000 >&2; exit 1", "az failed: " .. ("ERROR "):rep(50) }, { "exit 127", "az is not installed" },
  { "yes s3cret | head -c 10000000", "the output of az is too long" }, { "exit 124", "az did not finish within 30 s" },
  { [[printf '{"accessToken": "t"}\0010' >&2; printf '{"accessToken": "t"}\0010'; exit 1]], "az failed: 0" }, -- no forged status
}
for _, text in ipairs { "", "s3cret", "[]", "{}", '{"accessToken": 5}', '{"accessToken": "s3 cret"}',
                        '{"accessToken": "s3cret"', '{"accessToken": ""}', '{"accessToken": "s3cret"} {}' } do
  SCRIPTS[#SCRIPTS + 1] = { "echo '" .. text .. "'", "az printed no token" }
end
for _, more in ipairs {
  "", ', "expiresOn": "later"', ', "expiresOn": 5', ', "expires_on": null', ', "expires_on": 1',
  ', "expiresOn": "2001-01-01 00:00:00.000000"', ', "expiresOn": "99999999999-01-01 00:00:00"',
  ', "expiresOn": "2001-99999999999-01 00:00:00"', ', "expiresOn": "99999999999999999999-01-01 00:00:00"',
} do
  SCRIPTS[#SCRIPTS + 1] = { [[echo '{"accessToken": "t"]] .. more .. "}'", "t\tnil" }
end

describe("the credentials of az", function()
  local programs, directory
  before_each(function()
    programs = Programs.new {}
    directory = programs:path()
  end)
  after_each(function() programs:close() end)

  -- Runs a script with what is installed; `path`: what else is; after the words of a command.
  local function run(script, path, ...)
    programs.environment.PATH = directory .. (path or ":/usr/bin:/bin")
    local words = { ... }
    words[#words + 1], words[#words + 2] = LUA, programs:file(script)
    local output, errors = programs:run(words)
    return ((output .. errors):gsub("[\n]+$", ""))
  end

  local function absent(reason) return "nil\tno token available (azure_cli: " .. reason .. ")" end

  it("are requested in one command, whose output is JSON", function()
    programs:install("az", ([[printf '%%s\n' "$0" "$@" >%s/asked
      test -z "$(cat)" && echo '{"accessToken": "of-az", "expires_on": 4102444800}']]):format(directory))
    assert.matches("^of%-az\t%d+$", run(ALONE))
    local words = { directory .. "/az", "account", "get-access-token", "--resource", "https://cloudpartner.azure.com",
                    "--output", "json", "" }
    assert.equal(table.concat(words, "\n"), Programs.content(directory .. "/asked"))
  end)

  it("expire at expires_on, before expiresOn, which is local time", function()
    programs.environment.TZ = "Pacific/Auckland"
    local soon = os.time() + 600
    local as_text = output_of(("TZ=Pacific/Auckland date -d @%d '+%%Y-%%m-%%d %%H:%%M:%%S.000000'"):format(soon))
    for _, answer in ipairs {
      ('"expires_on": %d, "expiresOn": "2001-01-01 00:00:00.000000"'):format(soon), ('"expires_on": "%d"'):format(soon),
      ('"expiresOn": "%s"'):format(as_text),
    } do
      programs:install("az", [[echo '{"accessToken": "t", ]] .. answer .. "}'")
      assert.near(600, tonumber(run(ALONE):match "^t\t(%d+)$"), 10, answer)
    end
  end)

  it("are in the output alone, and absent with a reason on one line without secrets", function()
    for _, case in ipairs(SCRIPTS) do
      programs:install("az", case[1])
      assert.equal(case[2]:find "^t\t" and case[2] or absent(case[2]), run(ALONE), case[1])
    end
  end)

  it("are found, and missed for the same reasons, where the host ignores SIGCHLD", function()
    for script, printed in pairs { [ [[echo '{"accessToken": "of-az"}']] ] = "of-az\tnil",
                                   ["echo 'ERROR: log in' >&2; exit 1"] = absent "az failed: ERROR: log in" } do
      programs:install("az", script)
      for _, signal in ipairs { "ignore", "default" } do
        assert.equal(printed, run(ALONE, nil, "env", "--" .. signal .. "-signal=CHLD"))
      end
    end
  end)

  it("are none where the shell is ended before az, or there is none", function()
    for _, output in ipairs { "", [[{"accessToken": "t"}]], [[{"accessToken": "t"}\1]] } do
      assert.equal(absent "az did not run to its end", run(([[io.popen = function()
        return { read = function() return '%s' end, close = function() return nil, "signal", 9 end }
      end ]]):format(output) .. ALONE))
    end
    assert.equal(absent "this program cannot run az (there is no io.popen)", run("io.popen = nil " .. ALONE))
    assert.matches("azure_cli: az was not run: .*not supported", run("io.popen = function() error 'not supported' end " .. ALONE))
  end)

  it("are absent if az is not installed, also in a system with nothing but a shell", function()
    assert.equal(absent "az is not installed", run(ALONE, ""))
    programs:install("az", [[echo '{"accessToken": "t"}']])
    assert.equal("t\tnil", run(ALONE, "")) -- without timeout(1)
  end)

  it("are waited for with a limit, if the system has timeout", function()
    programs:install("az", "sleep 5; true")
    programs:install("timeout", ([[test "$2" = true && exit
      echo "$@" >%s/asked; shift; exec /usr/bin/timeout 0.1 "$@"]]):format(directory))
    local started = core.monotonic()
    assert.matches("azure_cli: az did not finish within 30 s", run(ALONE))
    assert.is_true(core.monotonic() - started < 4)
    assert.matches("^30 az account ", Programs.content(directory .. "/asked"))
  end)

  it("are for the resource of the scope, if that has no characters special to a shell", function()
    programs:install("az", ([[echo "$4" >%s/asked; exit 1]]):format(directory))
    for _, scope in ipairs { "x'; touch pwned; '", "$(touch pwned)", "--query", "a b", "a\u{e9}", "`id`", '"' } do
      assert.equal("auth: no token available (azure_cli: this scope cannot be passed to az)", run(SCOPED:format(scope)))
    end
    assert.is_nil(io.open(directory .. "/asked"))
    run(SCOPED:format "api://x-1/.default")
    assert.equal("api://x-1\n", Programs.content(directory .. "/asked"))
  end)
end)
