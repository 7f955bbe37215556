-- How cpp-portal's command line is read; its help, and completion in bash, zsh and fish.

local commands = require "cpp.command.commands"
local core = require "cpp.core"
local exit = require "cpp.command.exit"
local options = require "cpp.command.options"
local parse = require "cpp.command.parser"
local Programs = require "spec.support.program"

-- The names of a command's options, with the common ones.
local function options_of(command, prefix)
  local names = { prefix .. "help", prefix .. "version" }
  for _, list in ipairs { command.options, options.common } do
    for _, name in ipairs(list) do names[#names + 1] = prefix .. name end
  end
  return names
end

local function help(name) return parse({ "help", name }).shown end

describe("cpp-portal's command line", function()
  local names = {}
  for i, command in ipairs(commands) do names[i] = command.name end

  it("is a command, options and operands", function()
    local parsed = parse { "--json", "cancel", "-wi", "5", "contoso", "-ea@b.example", "--email=c@d.example", "vm",
                           "--timeout", "60" }
    assert.equal("cancel", parsed.command.name)
    assert.same({ json = true, wait = true, interval = 5, timeout = 60, email = { "a@b.example", "c@d.example" } },
                parsed.given)
    assert.same({ { publisher = "contoso", offer = "vm" } }, parsed.targets)
  end)

  -- What the library accepts shows what an option is for; emulate_spec.lua has those of the emulator.
  it("may have any option of its command, and gives it to what it is for, by the name there", function()
    local own = { wait = true, yes = true, ["dry-run"] = true, ["for"] = true, ["token-file"] = true, json = true, wide = true,
                  color = true, quiet = true, verbose = true, debug = true }
    local numbers = { NUMBER = 5, SECONDS = 5, BYTES = 5 }
    for _, use in ipairs { { "status", "a", "b", names = options.common }, { "cancel", "-w", "a", "b" }, { "wait", "a", "b" },
                           { "operations", "a", "b" }, { "offers", "a" }, { "emulate" } } do
      for _, name in ipairs(use.names or commands.find(use[1]).options) do
        local row = options.find(name)
        local value = row.value and (row.choices and row.choices[1] or numbers[row.value] or "https://a") or true
        for _, word in ipairs { "--" .. name .. (row.value and "=" .. value or ""), row.short and "-" .. row.short } do
          local words = { use[1], word, table.unpack(use, 2) }
          if #word == 2 and row.value then table.insert(words, 3, tostring(value)) end
          local given = parse(words).given
          given.wait = name == "wait" or nil
          assert.same({ [name] = row.many and { value } or value }, given)
          local fields = options.of(row.of, given)
          assert.is_not_nil(next(fields))
          assert.equal(own[name], not row.of or nil)
          if row.of == "client" then
            core.client(fields):close()
          elseif row.of and row.of ~= "emulator" then
            core.check(row.of, fields)
            assert.is_true(name == "timeout" or not pcall(core.client, fields), name)
          end
        end
      end
    end
    for label, of in pairs {
      ["--request-timeout"] = { "timeout", "client", {} },
      ["--timeout"] = { "timeout", "wait", {} }, OFFER = { "offer", "call", {} },
      AZURE_AUTHORITY_HOST = { "authority_url", "client", {} }, CPP_BASE_URL = { "base_url", "client", { proxy = "x" } },
      ["--base-url"] = { "base_url", "client", { ["base-url"] = "x" } },
    } do
      assert.equal(label, options.label(table.unpack(of)))
    end
  end)

  it("has operands only behind --, and each offer once", function()
    for words, offers in pairs {
      [{ "cancel", "--", "a", "--wait", "-j" }] = { "--wait", "-j" }, [{ "wait", "a", "b", "c", "b" }] = { "b", "c" },
    } do
      local parsed, targets = parse(words), {}
      for i, offer in ipairs(offers) do targets[i] = { publisher = "a", offer = offer } end
      assert.same({ {}, targets }, { parsed.given, parsed.targets })
    end
    assert.same({ { location = "/api" } }, parse({ "wait", "/api" }).targets)
  end)

  for message, words in pairs {
    ["expected a command"] = {},
    ["unknown command 'cancle' (did you mean 'cancel'?)"] = { "cancle" },
    ["argument 'COMMAND' must be one of '" .. table.concat(names, "', '") .. "'"] = { "help", "y" },
    ["unknown option '-z'"] = { "cancel", "-wz", "a", "b" },
    ["there is no option --token: a command line is visible to all users of the machine: use --token-file or AZURE_TOKEN"]
      = { "cancel", "--token", "secret", "a", "b" },
    ["option '--email' requires an argument"] = { "cancel", "a", "b", "--email" },
    ["'-5' is not an option: write a value that begins with - after a =, as in --interval=-5"]
      = { "cancel", "-w", "-t", "-5", "a", "b" },
    ["--retries: expected a number, got 'x'"] = { "status", "--retries", "x", "a", "b" },
    ["--timeout: expected a number of seconds, got 'soon'"] = { "cancel", "-w", "--timeout", "soon", "a", "b" },
    ["argument for option '--for' must be one of 'canceled', 'completed', 'signoff', 'none'"]
      = { "wait", "--for", "canceld", "a", "b" },
    ["--status is not an option of cancel"] = { "cancel", "--status", "running", "a", "b" },
    ["--email: must follow a command"] = { "--email", "a@b.example", "cancel", "a", "b" },
    ["-i is not an option of status"] = { "status", "-i5", "a", "b" },
    ["--timeout: expected --wait with it"] = { "publish", "-t60", "a", "b" },
    ["missing argument 'PUBLISHER'"] = { "wait" },
    ["expected LOCATION, or PUBLISHER, OFFER and --operation"] = { "operation", "a", "b" },
    ["--operation: expected one OFFER with it"] = { "wait", "-o", "1", "a", "b", "c" },
    ["--operation: expected PUBLISHER and OFFER with it, got a LOCATION"] = { "wait", "-o", "1", "/api" },
    ["expected LOCATION, or PUBLISHER and OFFER, got 'contoso'"] = { "wait", "contoso" },
    ["--token-file: expected the name of a file"] = { "status", "--token-file=", "a", "b" },
  } do
    it("is refused with: " .. message, function() assert.same({ usage = message }, parse(words)) end)
  end
end)

describe("cpp-portal's help", function()
  it("names all commands and exit statuses", function()
    local text = help()
    for _, command in ipairs(commands) do assert.is_truthy(text:find("\n   " .. command.name .. " ", 1, true), command.name) end
    for _, row in ipairs(exit) do assert.is_truthy(text:find(("\n   %3d  %s\n"):format(row.status, row.help), 1, true)) end
  end)

  it("has these parts", function()
    for name, expected in pairs {
      operation = "Usage: cpp-portal operation [OPTION]... LOCATION\n   or: cpp-portal operation [OPTION]... PUBLISHER OFFER\n\n"
        .. "Show one operation, with its steps.\n\nArguments:\n\nOptions:\n\nCommon options:\n\nExample:\n",
      publishers = "Usage: cpp-portal publishers [OPTION]...\n\nList the publishers that the token gives access to.\n\n"
        .. "Common options:\n\nExample:\n",
      help = "Usage: cpp-portal help [OPTION]... [COMMAND]\n\nPrint help, or the help of COMMAND.\n\nExample:\n",
      completion = "Usage: cpp-portal completion [OPTION]... SHELL\n\nPrint a script that completes this command's words in bash, "
        .. "zsh or fish.\n\nArguments:\n\nExample:\n",
    } do
      assert.equal(expected, (help(name):gsub("\n   +[^o][^\n]*", "")))
    end
    assert.matches("\n            %-o ID,            the operation's id\n   %-%-operation ID\n", help "operation")
  end)

  for _, command in ipairs(commands) do
    it("tells the options of " .. command.name .. ", fits on a screen's width, and its example can be parsed", function()
      local text, longest = help(command.name), 0
      local words = { command.name }
      for word in command.example:gsub(" >.*", ""):gmatch("%S+") do words[#words + 1] = word end
      assert.is_nil(parse(words).usage)
      for _, name in ipairs(command.call and options_of(command, "") or {}) do
        assert.is_truthy(name == "version" or text:find("--" .. name, 1, true), name)
      end
      for line in text:gmatch "[^\n]+" do longest = math.max(longest, #line) end
      assert.is_true(longest <= 80 and (longest == 80 or not command.call), longest)
    end)
  end
end)

describe("cpp-portal's completion", function()
  local programs
  setup(function() programs = Programs.new {} end)
  teardown(function() programs:close() end)

  it("offers commands, options and values in bash, which splits words at =", function()
    local names = {}
    for i, command in ipairs(commands) do names[i] = command.name end
    local expected = {
      ["''"] = names, op = { "operation", "operations" }, ["--json canc"] = { "cancel" }, ["completion z"] = { "zsh" },
      ["help ca"] = { "cancel" }, ["cancel --dr"] = { "--dry-run" }, ["cancel a b --if"] = { "--if-running" },
      ["wait --for ca"] = { "canceled" }, ["wait --for = ca"] = { "canceled" }, ["operations -s r"] = { "running" },
      ["--color = never wait --for ="] = { "canceled", "completed", "none", "signoff" },
    }
    for _, command in ipairs(commands) do expected["--json " .. command.name .. " contoso --"] = options_of(command, "--") end
    local script = programs:file(parse({ "completion", "bash" }).shown)
    for typed, offered in pairs(expected) do
      local code = ("source %s; COMP_WORDS=(cpp-portal %s); COMP_CWORD=%d; _cpp-portal; %s"):format(script, typed,
        select(2, typed:gsub(" ", "")) + 1, [[printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort]])
      table.sort(offered)
      assert.same({ table.concat(offered, "\n") .. "\n", "", 0 }, { programs:run { "bash", "-c", code } }, typed)
    end
  end)

  -- What is added to argparse's scripts, for shells that need not be installed.
  local names = table.concat(commands[#commands].choices, " ")
  for shell, texts in pairs {
    zsh = { '\n    "--base-url=[the service', '\n    {-c+,--concurrency=}"[send', '\n    {-j,--json}"[print',
            '\n    "--debug[print', '\n        "*"{-e+,--email=}"[notify', '\n        "*--fault=[inject',
            '\n        ": :(bash zsh fish)" \\\n',
            '  _describe "command" commands\n}\n\nif (( ${funcstack[(I)_cpp-portal]} )); then\n  _cpp-portal\nelse\n'
              .. "  compdef _cpp-portal cpp-portal\nfi\n" },
    fish = { "\n\ncomplete -c cpp-portal -n '__fish_cpp-portal_seen_command completion' -xa 'bash zsh fish'\n"
               .. "complete -c cpp-portal -n '__fish_cpp-portal_seen_command help' -xa '" .. names .. "'\n" },
  } do
    it("has in its script for " .. shell .. " what argparse lacks", function()
      local text = parse({ "completion", shell }).shown
      for _, expected in ipairs(texts) do assert.is_truthy(text:find(expected, 1, true), expected) end
      assert.equal(texts[#texts], text:sub(-#texts[#texts]))
    end)
  end
end)
