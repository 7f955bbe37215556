-- Help, from the tables of commands, options and exit statuses.

local commands = require "cpp.command.commands"
local exit = require "cpp.command.exit"
local options = require "cpp.command.options"

local HEAD = [[
Usage: cpp-portal COMMAND [OPTION]... [OPERAND]...

Cancels, starts and follows publishing operations on the Azure Cloud Partner
Portal.

Commands:
]]

local TAIL = [[

`cpp-portal help COMMAND` tells the options of a command.

Environment:
  AZURE_TOKEN                     the bearer token; or a service principal:
  AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET
  AZURE_AUTHORITY_HOST            the token service of another cloud
  CPP_BASE_URL                    another service, such as an emulator
With the Azure command line:
  AZURE_TOKEN=$(az account get-access-token --query accessToken --output tsv \
                --resource https://cloudpartner.azure.com)

]]

local function option_line(option)
  local short = option.short and "-" .. option.short .. ", " or "    "
  local name = option.name .. (option.value and " " .. option.value or "")
  return ("  %-30s  %s\n"):format(short .. "--" .. name, option.help)
end

local function section(title, names)
  local parts = { "\n", title, ":\n" }
  for _, name in ipairs(names) do parts[#parts + 1] = option_line(options.find(name)) end
  return table.concat(parts)
end

local function exit_statuses()
  local parts = { "Exit status:\n" }
  for _, row in ipairs(exit) do parts[#parts + 1] = ("  %3d  %s\n"):format(row.status, row.help) end
  return table.concat(parts)
end

local function overview()
  local parts = { HEAD }
  for _, command in ipairs(commands) do
    parts[#parts + 1] = ("  %-12s%s\n"):format(command.name, command.summary)
  end
  return table.concat(parts) .. section("Options", { "help", "version" }) .. TAIL .. exit_statuses()
end

local function usages(command)
  local parts = {}
  for operands in (command.operands .. " | "):gmatch("(.-) | ") do
    local optional = (command.call or #command.options > 0) and "[OPTION]... " or ""
    parts[#parts + 1] = ("%s cpp-portal %s %s%s\n"):format(#parts == 0 and "Usage:" or "   or:", command.name,
                                                            optional, operands)
  end
  return table.concat(parts)
end

local function of_command(command)
  local parts = {
    usages(command), "\n", command.summary:sub(1, 1):upper(), command.summary:sub(2), ".\n",
    "\nExample:\n  cpp-portal ", command.name, " ", command.example, "\n",
  }
  if #command.options > 0 then parts[#parts + 1] = section("Options", command.options) end
  if command.call then parts[#parts + 1] = section("Options of every command", options.common) end
  return table.concat(parts)
end

--- The help text.
-- @param name string or nil: of a command
-- @return string
local function help(name)
  for _, command in ipairs(commands) do
    if command.name == name then return of_command(command) end
  end
  return overview()
end

return help
