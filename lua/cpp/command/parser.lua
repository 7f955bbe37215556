-- The command line, read by argparse: https://argparse.readthedocs.io
-- The parser, its help and its completions are made from the tables of commands, options and exit statuses.

local argparse = require "argparse"
local commands = require "cpp.command.commands"
local exit = require "cpp.command.exit"
local options = require "cpp.command.options"

local DESCRIPTION = "Cancels, starts and follows publishing operations on the Azure Cloud Partner Portal."

local EPILOG = [[
`cpp-portal help COMMAND` describes a command and its options.

Environment:
   AZURE_TOKEN                 the bearer token
   AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET
                               a service principal, if AZURE_TOKEN is not set
   AZURE_AUTHORITY_HOST        token service (default login.microsoftonline.com)
   CPP_BASE_URL                service (default https://cloudpartner.azure.com)
Without a token or a service principal, the token comes from a workload or
managed identity, or from the Azure command line (az login).

Exit status:
]]

-- Options of other commands, and what this command has instead.
local INSTEAD = {
  ["--token"] = "a command line is visible to all users of the machine: use --token-file or AZURE_TOKEN",
  ["--client-secret"] = "a command line is visible to all users of the machine: set AZURE_CLIENT_SECRET",
  ["--output"] = "--json prints JSON",
  ["--format"] = "--json prints JSON",
  ["-o"] = "--json prints JSON",
  ["--insecure"] = "certificates are always verified; --ca-file trusts further authorities",
  ["-k"] = "certificates are always verified; --ca-file trusts further authorities",
}
INSTEAD["--secret"], INSTEAD["--password"] = INSTEAD["--client-secret"], INSTEAD["--client-secret"]
INSTEAD["--no-verify"] = INSTEAD["--insecure"]
INSTEAD["--publisher"] = "PUBLISHER and OFFER are operands, as in `cpp-portal cancel contoso contoso-vm`"
INSTEAD["--offer"] = INSTEAD["--publisher"]

local PROGRAM = "cpp-portal"

-- Ends parsing, with `usage`: a message about a mistake; or with `shown`: a requested text.
local function stop(fields)
  error(fields)
end

-- argparse's message, on one line.
-- @param command string: the name of the command that was read; nil before
local function explain(command, message)
  local name, dashes, word = message:match "^unknown option '((%-*)([^']*))'"
  if name and name:find "^%-%d" then
    message = ("'%s' is not an option: write a value that begins with - after a =, as in --interval=%s")
      :format(name, name)
  elseif INSTEAD[name] then
    message = ("there is no option %s: %s"):format(name, INSTEAD[name])
  elseif name and #dashes == (#word == 1 and 1 or 2) and options.find(word) then
    message = command and ("%s is not an option of %s"):format(name, command) or name .. ": must follow a command"
  elseif name and #name == 2 then
    message = message:match "^[^\n]*" -- a suggestion for a single letter does not help
  end
  return (message:gsub("\nDid you mean (.*)%?$", " (did you mean %1?)"))
end

local function number(option)
  return function(text)
    local value = tonumber(text)
    if value then return value end
    local what = option.value == "NUMBER" and "a number" or "a number of " .. option.value:lower()
    return nil, ("--%s: expected %s, got '%s'"):format(option.name, what, text)
  end
end

local function file_name(option)
  return function(text)
    if text ~= "" then return text end
    return nil, ("--%s: expected the name of a file"):format(option.name)
  end
end

-- Adds an option by its row.
local function add_option(parser, row)
  local option = parser:option((row.short and "-" .. row.short .. " " or "") .. "--" .. row.name)
  option:description(row.help):target(row.name):args(row.value and 1 or 0)
  if row.value then option:argname(row.value) end
  if row.choices then option:choices(row.choices) end
  if row.number then option:convert(number(row)) end
  if row.value == "FILE" then option:convert(file_name(row)) end
  if row.many then option:count("*"):init(nil) end
  return option
end

-- Adds the operands that a usage line names, such as "LOCATION | PUBLISHER OFFER...": those of its last alternative.
local function add_arguments(parser, command)
  local alternatives = command.operands:find " | " ~= nil
  local place = 0
  for word in command.operands:match("[^|]*$"):gmatch "%S+" do
    place = place + 1
    local name = word:match "%u+"
    local optional = word:find "%[" or alternatives and place > 1
    local many = word:find "%.%.%."
    local argument = parser:argument(name):args(optional and (many and "*" or "?") or many and "+" or 1)
    if command.choices then argument:choices(command.choices):hidden(command.name == "help") end
  end
end

local function usage(command)
  local lines = {}
  for operands in (command.operands .. " | "):gmatch "(.-) | " do
    local text = ("%s %s [OPTION]... %s"):format(PROGRAM, command.name, operands):gsub(" +$", "")
    lines[#lines + 1] = (#lines == 0 and "Usage: " or "   or: ") .. text
  end
  return table.concat(lines, "\n")
end

-- Adds a command; `common` are the options that every command of the service has.
local function add_command(parser, row, common)
  local command = parser:command(row.name):add_help(false):target("chosen"):summary(row.summary)
  command:description(row.summary:gsub("^%l", string.upper) .. ".")
  command:usage(usage(row)):epilog(("Example:\n   %s %s %s"):format(PROGRAM, row.name, row.example))
  add_arguments(command, row)
  local own = {}
  for i, name in ipairs(row.options) do own[i] = add_option(command, options.find(name)) end
  command:group("Options", table.unpack(own))
  if row.call then command:group("Common options", table.unpack(common)) end
  return command
end

local function exit_statuses()
  local lines = {}
  for i, row in ipairs(exit) do lines[i] = ("   %3d  %s"):format(row.status, row.help) end
  return table.concat(lines, "\n")
end

-- The parser; and its commands by name.
local function new()
  local parser = argparse(PROGRAM, DESCRIPTION, EPILOG .. exit_statuses())
  parser:add_help(false):require_command(false):command_target("command")
  parser:usage("Usage: " .. PROGRAM .. " COMMAND [OPTION]... [OPERAND]...")
  parser:help_max_width(80):help_description_margin(30)
  local common, parsers = {}, {}
  function parser.error(current, message)
    local name
    for command, one in pairs(parsers) do name = one == current and command or name end
    stop { usage = explain(name, message) }
  end
  for i, name in ipairs(options.common) do common[i] = add_option(parser, options.find(name)) end
  common[#common + 1] = add_option(parser, options.find "help"):action(function(result)
    stop { shown = (parsers[result.command] or parser):get_help() .. "\n" }
  end)
  add_option(parser, options.find "version"):action(function() stop { version = true } end)
  for _, row in ipairs(commands) do parsers[row.name] = add_command(parser, row, common) end
  return parser, parsers
end

-- The offers, the publisher or the location that the operands name.
local function targets_of(command, result, given)
  local publisher, offers = result.PUBLISHER, result.OFFER
  if type(offers) == "string" then offers = { offers } end
  if command.endpoint == "publishers" then return { {} } end
  if command.endpoint == "offers" then return { { publisher = publisher } } end
  if #(offers or {}) == 0 then
    if given.operation then stop { usage = "--operation: expected PUBLISHER and OFFER with it, got a LOCATION" } end
    if not publisher:find "^/" and not publisher:find "://" then
      stop { usage = ("expected LOCATION, or PUBLISHER and OFFER, got '%s'"):format(publisher) }
    end
    return { { location = publisher } }
  end
  if given.operation and #offers > 1 then stop { usage = "--operation: expected one OFFER with it" } end
  if command.endpoint == "operation" and not given.operation then
    stop { usage = "expected LOCATION, or PUBLISHER, OFFER and --operation" }
  end
  local targets, known = {}, {}
  for _, offer in ipairs(offers) do -- each once
    if not known[offer] then targets[#targets + 1] = { publisher = publisher, offer = offer } end
    known[offer] = true
  end
  return targets
end

local function check_options(command, given)
  for _, option in ipairs(options) do
    if given[option.name] ~= nil and option.of == "wait" and command.call == "start" and not given.wait then
      stop { usage = ("--%s: expected --wait with it"):format(option.name) }
    end
  end
end

local printers = {
  completion = function(result, parser) return require "cpp.command.completion"[result.SHELL](parser) end,
  help = function(result, parser, parsers) return (parsers[result.COMMAND] or parser):get_help() .. "\n" end,
}

local function read(words)
  local parser, parsers = new()
  local result = parser:parse(words)
  local command = commands.find(result.command)
  if not command then stop { usage = "expected a command" } end
  local printer = printers[command.name]
  if printer then return { shown = printer(result, parser, parsers) } end
  local given = {}
  for _, option in ipairs(options) do given[option.name] = result[option.name] end
  check_options(command, given)
  return { command = command, given = given, targets = command.call and targets_of(command, result, given) }
end

--- Reads a command line.
-- @param words list of its words
-- @return table: command (its row), given (options by name: true, a value, or a list of values) and targets (list of
--   tables with publisher and, in most commands, offer; or with location); or shown, a text to print; or version =
--   true; or usage, a message about a mistake, in one line
local function parse(words)
  local done, result = pcall(read, words)
  if done or type(result) == "table" then return result end
  error(result, 0)
end

return parse
