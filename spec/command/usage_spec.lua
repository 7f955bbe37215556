-- cpp-portal's usage: how the command line is read, credentials, help, completion.

local cjson = require "cjson"
local commands = require "cpp.command.commands"
local completion = require "cpp.command.completion"
local exit = require "cpp.command.exit"
local fixture = require "spec.support.fixture"
local help = require "cpp.command.help"
local options = require "cpp.command.options"
local parse = require "cpp.command.parse"
local Portal = require "spec.portal.client"
local Programs = require "spec.support.program"

-- The names of a command's options, with the common ones.
local function options_of(command)
  local names = { "help" }
  for _, name in ipairs(command.options) do names[#names + 1] = name end
  for _, name in ipairs(command.call and options.common or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("cpp-portal's command line", function()
  it("is a command, options in any place, and operands", function()
    local parsed = assert(parse { "--json", "cancel", "-wi", "5", "contoso", "-ea@b.example", "--email=c@d.example", "vm",
                                  "--timeout", "60" })
    assert.equal("cancel", parsed.command.name)
    assert.same({ json = true, wait = true, interval = 5, timeout = 60, email = { "a@b.example", "c@d.example" } },
                parsed.given)
    assert.same({ { publisher = "contoso", offer = "vm" } }, parsed.targets)
  end)

  it("has operands only behind --", function()
    assert.same({ { publisher = "--wait", offer = "-j" } }, parse({ "cancel", "--", "--wait", "-j" }).targets)
  end)

  it("takes an empty value, and the last one where an option is repeated that may not be", function()
    local given = parse({ "status", "--proxy=", "--retries=1", "--retries", "0", "contoso", "vm" }).given
    assert.same({ proxy = "", retries = 0 }, given)
  end)

  for message, words in pairs {
    ["expected a command"] = {},
    ["unknown command 'cancle' (did you mean cancel?)"] = { "cancle" },
    ["unknown command 'x'"] = { "x" },
    ["unknown option --emial (did you mean --email?)"] = { "cancel", "--emial", "a", "b" },
    ["unknown option --e"] = { "cancel", "--e", "a", "b" },
    ["unknown option -z"] = { "cancel", "-wz", "a", "b" },
    ["unknown option --token"] = { "cancel", "--token", "secret", "a", "b" },
    ["--email: expected a value: ADDRESS"] = { "cancel", "a", "b", "--email" },
    ["--wait: expected no value"] = { "cancel", "--wait=5", "a", "b" },
    ["--timeout: expected a number, got 'soon'"] = { "cancel", "-w", "--timeout", "soon", "a", "b" },
    ["--for: expected canceled, completed, signoff, none, got 'canceld' (did you mean canceled?)"]
      = { "wait", "--for", "canceld", "a", "b" },
    ["--for: expected canceled, completed, signoff, none, got 'x'"] = { "wait", "--for=x", "a", "b" },
    ["--status: this is no option of cancel"] = { "cancel", "--status", "running", "a", "b" },
    ["--timeout: expected --wait with it"] = { "publish", "-t60", "a", "b" },
    ["--json: this is no option of completion"] = { "completion", "--json", "bash" },
    ["expected PUBLISHER OFFER..."] = { "cancel", "a" },
    ["expected LOCATION | PUBLISHER OFFER..."] = { "wait" },
    ["expected LOCATION, or PUBLISHER, OFFER and --operation"] = { "operation", "a", "b" },
    ["--operation: expected one OFFER with it"] = { "wait", "-o", "1", "a", "b", "c" },
    ["--operation: expected PUBLISHER and OFFER with it, got a LOCATION"] = { "wait", "-o", "1", "/api" },
    ["expected PUBLISHER"] = { "offers", "a", "b" },
    ["expected bash, got 'zsh'"] = { "completion", "zsh" },
    ["expected bash"] = { "completion" },
    ["expected [COMMAND]"] = { "help", "cancel", "wait" },
  } do
    it("is refused with: " .. message, function()
      local parsed, problem = parse(words)
      assert.is_nil(parsed)
      assert.equal(message, (problem:gsub("^(unknown option %-%-token) .*", "%1")))
    end)
  end

  it("has a row for each option that a command names", function()
    for _, command in ipairs(commands) do
      for _, name in ipairs(options_of(command)) do assert.is_table(options.find(name), name) end
    end
  end)

  it("has each option's name and letter once", function()
    local seen = {}
    for _, option in ipairs(options) do
      for _, name in ipairs { option.name, option.short } do
        assert.is_nil(seen[name], name)
        seen[name] = true
      end
    end
  end)
end)

describe("cpp-portal's help", function()
  it("names all commands, exit statuses and variables of the environment", function()
    local text = help()
    for _, command in ipairs(commands) do
      assert.is_truthy(text:find(("\n  %-12s%s\n"):format(command.name, command.summary), 1, true), command.name)
    end
    for _, row in ipairs(exit) do assert.is_truthy(text:find(("\n  %3d  %s\n"):format(row.status, row.help), 1, true)) end
    for _, name in ipairs { "AZURE_TOKEN", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
                            "AZURE_AUTHORITY_HOST", "CPP_BASE_URL" } do
      assert.is_truthy(text:find(name, 1, true), name)
    end
  end)

  for _, command in ipairs(commands) do
    it("tells the options of " .. command.name .. ", and its example can be parsed", function()
      local names = { "help" }
      for name in help(command.name):gmatch("\n  [^\n]-%-%-([%w-]+)[^\n]*") do
        if options.find(name) then names[#names + 1] = name end
      end
      local words = { command.name }
      for word in command.example:gsub(" >.*", ""):gmatch("%S+") do words[#words + 1] = word end
      assert.is_table(parse(words))
      local expected, seen = options_of(command), {}
      for _, name in ipairs(names) do seen[name] = true end
      for _, name in ipairs(expected) do assert.is_true(seen[name], name) end
    end)

    it("fits on a screen's width: " .. command.name, function()
      for line in (help() .. help(command.name)):gmatch("[^\n]+") do assert.is_true(#line <= 80, line) end
    end)
  end
end)

describe("cpp-portal's completion", function()
  local programs, script
  setup(function()
    programs = Programs.new {}
    script = programs:file(completion())
  end)
  teardown(function() programs:close() end)

  -- What bash offers for the last of these words.
  local function complete(...)
    local words = { ... }
    local list = {}
    for i, word in ipairs(words) do list[i] = "'" .. word .. "'" end
    local output, errors = programs:run { "bash", "-c", ("source %s; COMP_WORDS=(cpp-portal %s); COMP_CWORD=%d; _cpp_portal; %s")
      :format(script, table.concat(list, " "), #words, [[printf '%s\n' "${COMPREPLY[@]}"]]) }
    assert.equal("", errors)
    local replies = {}
    for reply in output:gmatch("[^\n]+") do replies[#replies + 1] = reply end
    table.sort(replies)
    return replies
  end

  it("offers the commands", function()
    local names = { "--help", "--version" }
    for _, command in ipairs(commands) do names[#names + 1] = command.name end
    table.sort(names)
    assert.same(names, complete "")
    assert.same({ "operation", "operations" }, complete "op")
    assert.same({ "operation", "operations" }, complete("help", "op"))
    assert.same({ "--help", "bash" }, complete("completion", ""))
  end)

  for _, command in ipairs(commands) do
    it("offers the options of " .. command.name, function()
      local names = {}
      for i, name in ipairs(options_of(command)) do names[i] = "--" .. name end
      assert.same(names, complete("--json", "--email", "cancel", command.name, "contoso", "--"))
    end)
  end

  it("offers values where it knows some", function()
    assert.same({ "canceled", "completed", "none", "signoff" }, complete("wait", "--for", ""))
    assert.same({ "canceled" }, complete("wait", "--for", "=", "can"))
    assert.same({ "canceled", "completed", "none", "signoff" }, complete("wait", "--for", "="))
    assert.same({ "running" }, complete("operations", "-s", "r"))
    local name = programs:file() .. " with blanks"
    assert(os.rename(programs.files[#programs.files], name))
    programs.files[#programs.files] = name
    assert.same({ name }, complete("status", "--ca-file", name:sub(1, -2)))
    assert.same({}, complete("cancel", "--email", ""))
  end)
end)

describe("cpp-portal", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    programs.environment.AZURE_TOKEN = ""
  end)

  local function status_of(environment, words, input)
    for name, value in pairs(environment) do programs.environment[name] = value end
    return programs:run({ "bin/cpp-portal", "status", "contoso", "contoso-vm", table.unpack(words or {}) }, { input = input })
  end

  it("prints its help and its versions", function()
    for _, words in ipairs { { "help" }, { "--help" }, { "-h" } } do
      assert.equal(help(), (programs:run { "bin/cpp-portal", table.unpack(words) }))
    end
    for _, words in ipairs { { "help", "cancel" }, { "cancel", "--help" }, { "-h", "cancel" }, { "cancel", "a", "-h" } } do
      assert.equal(help "cancel", (programs:run { "bin/cpp-portal", table.unpack(words) }))
    end
    assert.equal("Usage: cpp-portal cancel [OPTION]... PUBLISHER OFFER...\n\nCancel the publishing operation that runs on an "
      .. "offer.\n\nExample:\n", (help "cancel":match "^.-Example:\n"))
    local output, _, status = programs:run { "bin/cpp-portal", "--version" }
    assert.is_truthy(output:find("^cpp%-portal " .. require "cpp"._VERSION:gsub("%p", "%%%0") .. " %(libcurl %d[%d.]+%)\n$"))
    assert.equal(0, status)
    assert.equal(completion(), (programs:run { "bin/cpp-portal", "completion", "bash" }))
  end)

  it("says so when its help cannot be written", function()
    local output, errors, status = programs:run { "sh", "-c", programs:command { "bin/cpp-portal", "help" } .. " >/dev/full" }
    assert.equal("", output)
    assert.equal("cpp-portal: standard output: No space left on device\n", errors)
    assert.equal(1, status)
  end)

  it("says in one line what is wrong with its usage, and sends nothing", function()
    local output, errors, status = programs:run { "bin/cpp-portal", "cancel", "--base-url", "ftp://x", "a", "b" }
    assert.equal("", output)
    assert.is_truthy(errors:find("^cpp%-portal: %-%-base%-url: expected [^\n]*; see `cpp%-portal help`\n$"), errors)
    assert.equal(2, status)
    for label, value in pairs { ["--request-timeout"] = "-1", ["--retries"] = "1.5", ["--concurrency"] = "0",
                                ["--email"] = "jane\1@contoso.example", ["--interval"] = "0", ["--proxy"] = "a\1b" } do
      output, errors, status = programs:run { "bin/cpp-portal", "cancel", "--json", "--wait", label, value, "a", "b" }
      assert.is_truthy(errors:find("cpp-portal: " .. label .. ": expected", 1, true), errors)
      local err = cjson.decode(output).error
      assert.equal("usage", err.kind)
      assert.is_truthy(err.message:find(label, 1, true))
      assert.equal(2, status)
    end
    assert.same({}, portal:journal())
  end)

  it("takes a token from the environment", function()
    local _, errors, status = status_of { AZURE_TOKEN = Portal.TOKEN }
    assert.equal("", errors)
    assert.equal(0, status)
  end)

  it("takes credentials from the environment", function()
    local credentials = Portal.CREDENTIALS
    local _, errors, status = status_of({ AZURE_TENANT_ID = credentials.tenant, AZURE_CLIENT_ID = credentials.client_id,
                                          AZURE_CLIENT_SECRET = credentials.client_secret },
                                        { "--authority-url", portal.url })
    assert.equal("", errors)
    assert.equal(0, status)
  end)

  it("takes a token from a file or from standard input, before the environment's", function()
    local file = programs:file(Portal.TOKEN .. "\n")
    local _, errors, status = status_of({ AZURE_TOKEN = "other" }, { "--token-file", file })
    assert.equal("", errors)
    assert.equal(0, status)
    _, errors, status = status_of({}, { "--token-file", "-" }, " " .. Portal.TOKEN .. "\r\n")
    assert.equal("", errors)
    assert.equal(0, status)
  end)

  it("reads the file again when the service refuses the token", function()
    local file = programs:file("stale")
    portal:configure { tokens = { { token = "stale" } } }
    local program = programs:start { "bin/cpp-portal", "wait", "-v", "-i", "0.05", "--token-file", file, "contoso", "contoso-vm" }
    Programs.wait_for(function() return #portal:journal() > 0 end)
    local handle = assert(io.open(file, "w"))
    handle:write(Portal.TOKEN)
    handle:close()
    portal:configure { tokens = { { token = "stale", expires_in = 0 } } }
    portal:advance(100)
    local output, errors, status = program:finish()
    assert.is_truthy(output:find("completed", 1, true), errors)
    assert.is_truthy(errors:find(": 401 in", 1, true), errors)
    assert.equal(0, status)
  end)

  it("exits with 5 where there is no token, or a refused one", function()
    local output, errors, status = status_of {}
    assert.equal("", output)
    assert.is_truthy(errors:find("^cpp%-portal: contoso%-vm: auth: there is no token: [^\n]*AZURE_TOKEN[^\n]*\n$"), errors)
    assert.equal(5, status)
    output, errors, status = status_of({}, { "--token-file", "/none/of/it" })
    assert.equal("", output)
    assert.is_truthy(errors:find("auth: the token function returned no token (/none/of/it: No such file", 1, true), errors)
    assert.equal(5, status)
    for _, how in ipairs { { { AZURE_TOKEN = "other" } }, { {}, { "--token-file=-" }, "other" } } do
      output, errors, status = status_of(table.unpack(how))
      assert.equal("", output)
      assert.is_truthy(errors:find("http: GET [^\n]*401"), errors)
      assert.equal(5, status)
    end
  end)
end)
