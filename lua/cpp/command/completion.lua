-- Completion of the command's words in bash, from the tables of commands and options.
-- https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html

local commands = require "cpp.command.commands"
local options = require "cpp.command.options"

local SCRIPT = [[
# Completion of cpp-portal in bash: made by `cpp-portal completion bash`.

_cpp_portal_files() { # names may hold blanks; the shell quotes them
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_cpp_portal() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' words='' place
  # --option=value comes as three words.
  if [ "$word" = = ]; then
    word=''
  elif [ "$previous" = = ]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  case $previous in
@VALUES@
  esac
  for ((place = 1; place < COMP_CWORD; place++)); do
    case ${COMP_WORDS[place]} in
      @TAKE_VALUES@) place=$((place + 1)) ;;
      -*) ;;
      *) command=${COMP_WORDS[place]}; break ;;
    esac
  done
  case $command in
@COMMANDS@
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -F _cpp_portal cpp-portal
]]

local function spellings(option)
  return (option.short and "-" .. option.short .. "|" or "") .. "--" .. option.name
end

-- What is offered after an option that takes a value.
local function values()
  local lines = {}
  for _, option in ipairs(options) do
    if option.value then
      local reply = option.files and "_cpp_portal_files; "
        or option.words and ('COMPREPLY=($(compgen -W "%s" -- "$word")); '):format(table.concat(option.words, " "))
        or ""
      lines[#lines + 1] = ("    %s) %sreturn ;;"):format(spellings(option), reply)
    end
  end
  return table.concat(lines, "\n")
end

local function take_values()
  local list = {}
  for _, option in ipairs(options) do
    if option.value then list[#list + 1] = spellings(option) end
  end
  return table.concat(list, "|")
end

local function command_names()
  local names = {}
  for i, command in ipairs(commands) do names[i] = command.name end
  return table.concat(names, " ")
end

-- The words that are offered once a command stands there, and before.
local function words_of_commands()
  local lines = { ("    '') words='%s --help --version' ;;"):format(command_names()) }
  for _, command in ipairs(commands) do
    local words = command.words and { table.unpack(command.words) } or command.name == "help" and { command_names() }
      or {}
    for _, name in ipairs(command.options) do words[#words + 1] = "--" .. name end
    for _, name in ipairs(command.call and options.common or {}) do words[#words + 1] = "--" .. name end
    words[#words + 1] = "--help"
    lines[#lines + 1] = ("    %s) words='%s' ;;"):format(command.name, table.concat(words, " "))
  end
  return table.concat(lines, "\n")
end

--- The completion script.
-- @return string, for bash
local function completion()
  local parts = { VALUES = values(), TAKE_VALUES = take_values(), COMMANDS = words_of_commands() }
  return (SCRIPT:gsub("@([A-Z_]+)@", parts))
end

return completion
