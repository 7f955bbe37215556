-- The command cpp-portal: everything that bin/cpp-portal does. See cpp-portal(1).

local commands = require "cpp.command.commands"
local exit = require "cpp.command.exit"
local options = require "cpp.command.options"
local parse = require "cpp.command.parser"

-- Whether a word has the short option -j, also after other switches, as in -qj.
local function has_j(word)
  for letter in (word:match "^%-(%w+)" or ""):gmatch "." do
    if letter == "j" then return true end
    local option = options.find(letter)
    if option and option.value then return false end -- the rest is its value
  end
  return false
end

local function wants_json(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "--json" or has_j(word) then return true end
  end
  return false
end

-- Where to find help: for the command that the words name.
local function help_for(words)
  for _, word in ipairs(words) do
    if commands.find(word) then return "cpp-portal help " .. word end
  end
  return "cpp-portal help"
end

local function print_text(text)
  require "cpp.core".begin_command(0) -- a closed pipe is an error of the write
  local written, problem = io.stdout:write(text)
  if written then written, problem = io.stdout:flush() end
  if written then return exit.DONE end
  io.stderr:write("cpp-portal: standard output: ", problem, "\n")
  return exit.FAILED
end

local function usage_error(words, message)
  require "cpp.core".begin_command(0)
  message = require "cpp.redact"(message) -- it may hold words of the command line
  io.stderr:write("cpp-portal: ", message, "; see `", help_for(words), "`\n")
  if wants_json(words) then
    print_text(require "cpp.command.json" { error = { kind = "usage", message = message } } .. "\n")
  end
  return exit.USAGE
end

local function versions()
  local core = require "cpp.core"
  return ("cpp-portal %s (libcurl %s)\n"):format(core._VERSION, core.libcurl)
end

local function main(words)
  local parsed = parse(words)
  if parsed.usage then return usage_error(words, parsed.usage) end
  if parsed.version then return print_text(versions()) end
  if parsed.shown then return print_text(parsed.shown) end
  if parsed.command.run then return require("cpp.command." .. parsed.command.run)(parsed.given) end
  return require "cpp.command.session".run(parsed)
end

--- Runs the command.
-- @param words list of the words of the command line, without the command's own name
-- @return the exit status: see cpp/command/exit.lua
local function command(words)
  local done, status = pcall(main, words)
  if done then return status end
  if type(status) == "table" and status.usage then return usage_error(words, status.usage) end
  local interrupted = tostring(status):find("interrupted!$")
  io.stderr:write("cpp-portal: ", interrupted and exit.meaning(exit.INTERRUPTED) or tostring(status), "\n")
  return interrupted and exit.INTERRUPTED or exit.FAILED
end

return command
