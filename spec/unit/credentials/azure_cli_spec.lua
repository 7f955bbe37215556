-- cpp.credentials.azure_cli: how az is run, what is read from its output, and the messages of failures. PATH has an az of
-- the specs.

local Portal = require "spec.support.emulator"
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

describe("the credentials of az", function()
  local programs, directory
  before_each(function()
    programs = Programs.new {}
    directory = programs:path()
  end)
  after_each(function() programs:close() end)

  local function install(...) programs:install(...) end

  -- Runs a script with what is installed; `path`: what else is.
  local function run(script, path)
    programs.environment.PATH = directory .. (path == nil and ":/usr/bin:/bin" or path)
    local output, errors = programs:run { LUA, programs:file(script) }
    return (output .. errors):gsub("%s+$", ""), errors
  end

  local function writes(text) install("az", "cat <<'END'\n" .. text .. "\nEND") end

  it("are requested in one command, whose output is JSON", function()
    install("az", ([[printf '%%s\n' "$0" "$@" >%s/asked
      test -z "$(cat)" && echo '{"accessToken": "of-az", "expires_on": 4102444800}']]):format(directory))
    assert.matches("^of%-az\t%d+$", (run(ALONE)))
    local words = { directory .. "/az", "account", "get-access-token", "--resource", "https://cloudpartner.azure.com",
                    "--output", "json", "" }
    assert.equal(table.concat(words, "\n"),
                 Programs.content(directory .. "/asked"))
  end)

  it("expire at expires_on, before expiresOn, which is local time", function()
    programs.environment.TZ = "Pacific/Auckland"
    local soon = os.time() + 600
    local zone = io.popen(("TZ=Pacific/Auckland date -d @%d '+%%Y-%%m-%%d %%H:%%M:%%S.000000'"):format(soon))
    local as_text = zone:read "l"
    zone:close()
    for answer, seconds in pairs {
      [('"expires_on": %d, "expiresOn": "2001-01-01 00:00:00.000000"'):format(soon)] = 600,
      [('"expires_on": "%d"'):format(soon)] = 600,
      [('"expiresOn": "%s"'):format(as_text)] = 600,
    } do
      writes('{"accessToken": "t", ' .. answer .. ', "tokenType": "Bearer"}')
      local left = tonumber((run(ALONE)):match "^t\t(%d+)$")
      assert.near(seconds, left, 10, answer)
    end
    for _, answer in ipairs {
      "", ', "expiresOn": "later"', ', "expiresOn": 5', ', "expires_on": null', ', "expires_on": 1',
      ', "expiresOn": "2001-01-01 00:00:00.000000"', ', "expiresOn": "99999999999-01-01 00:00:00"',
      ', "expiresOn": "2001-99999999999-01 00:00:00"', ', "expiresOn": "99999999999999999999-01-01 00:00:00"',
    } do
      writes('{"accessToken": "t"' .. answer .. "}")
      assert.equal("t\tnil", (run(ALONE)))
    end
  end)

  it("are absent if az is not installed, also in a system with nothing but a shell", function()
    assert.equal("nil\tno token available (azure_cli: az is not installed)", (run(ALONE, "")))
    install("az", [[echo '{"accessToken": "t"}']])
    assert.equal("t\tnil", (run(ALONE, ""))) -- without timeout(1)
  end)

  it("are absent if az fails, with its own message, on one line and without secrets", function()
    install("az", [[echo "WARNING: old" >&2
      echo "ERROR: Please run 'az login' to setup account. Bearer s3cret-token jane@contoso.example" >&2; exit 1]])
    assert.equal("nil\tno token available (azure_cli: az failed: WARNING: old ERROR: Please run 'az login' to setup account. "
      .. "[redacted] [redacted])", (run(ALONE)))
    install("az", "exit 3")
    assert.equal("nil\tno token available (azure_cli: az failed without a message)", (run(ALONE)))
    install("az", "yes ERROR | head -c 1000000 >&2; exit 1")
    assert.is_true(#run(ALONE) < 500)
  end)

  it("are distinguished from warnings", function()
    install("az", [[echo "WARNING: {}" >&2; echo '{"accessToken": "t"}'; echo "WARNING: too old" >&2]])
    assert.equal("t\tnil", (run(ALONE)))
  end)

  it("are absent if the output holds none; the output is not shown", function()
    for _, text in ipairs { "", "s3cret", "[]", "{}", '{"accessToken": 5}', '{"accessToken": "s3 cret"}',
                            '{"accessToken": "s3cret"', '{"accessToken": ""}', '{"accessToken": "s3cret"} {}' } do
      writes(text)
      assert.equal("nil\tno token available (azure_cli: az printed no token)", (run(ALONE)))
    end
    install("az", [[echo '{"accessToken": "s3cret"}'; exit 1]])
    assert.equal("nil\tno token available (azure_cli: az failed without a message)", (run(ALONE)))
    install("az", "yes s3cret | head -c 10000000")
    assert.equal("nil\tno token available (azure_cli: az wrote too much)", (run(ALONE)))
  end)

  it("are waited for with a limit, if the system has timeout", function()
    install("timeout", ([[test "$3" = true && exit; echo "$@" >%s/asked; exit 124]]):format(directory))
    assert.matches("azure_cli: az did not finish within 30 s", (run(ALONE)))
    assert.matches("^%-%-foreground 30 az account ", Programs.content(directory .. "/asked"))
  end)

  it("are not requested for a scope with characters special to a shell", function()
    install("az", ([[touch %s/ran; echo '{"accessToken": "t"}']]):format(directory))
    for _, scope in ipairs { "x'; touch pwned; '", "$(touch pwned)", "--query", "a b", "a\u{e9}", "`id`", '"' } do
      local text = run(([[
        local client <close> = require "cpp".client { token = require "cpp".credentials.azure_cli(), scope = %q }
        print(select(2, client:publishers {}))
      ]]):format(scope))
      assert.equal("auth: no token available (azure_cli: this scope cannot be passed to az)", text)
    end
    assert.is_nil(io.open(directory .. "/ran"))
  end)

  it("are for the resource of the scope", function()
    install("az", ([[echo "$4" >%s/asked; exit 1]]):format(directory))
    run [[
      local client <close> = require "cpp".client { token = require "cpp".credentials.azure_cli(), scope = "api://x-1/.default" }
      client:publishers {}
    ]]
    assert.equal("api://x-1\n", Programs.content(directory .. "/asked"))
  end)

  it("are the last of the chain: a cancel of the command and of the module get them", function()
    local portal = Portal.start()
    portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, nothing_running = 202 }
    writes('{"accessToken": "' .. Portal.TOKEN .. '"}')
    programs.environment.CPP_BASE_URL = portal.url
    programs.environment.AZURE_POD_IDENTITY_AUTHORITY_HOST = "http://127.0.0.1:1"
    assert.equal("202", (run [[print(require "cpp".cancel { publisher = "contoso", offer = "contoso-vm" }.status)]]))
    programs.environment.PATH = directory .. ":/usr/bin:/bin"
    local output, errors, status = programs:run { LUA, "bin/cpp-portal", "cancel", "contoso", "contoso-vm" }
    assert.equal(0, status, output .. errors)
    portal:stop()
  end)

  it("need a way to run az", function()
    assert.equal("nil\tno token available (azure_cli: this program cannot run az (there is no io.popen))",
                 (run("io.popen = nil " .. ALONE)))
    local text = run("io.popen = function() error 'not supported' end " .. ALONE)
    assert.matches("azure_cli: az was not run: .*not supported", text)
  end)
end)
