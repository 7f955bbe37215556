-- Completion scripts: those of argparse, with these additions: values after a "=", operands with choices, and support
-- for `source <(cpp-portal completion zsh)`.

local commands = require "cpp.command.commands"

-- Calls a function with the name and the choices of each command whose operand has choices.
local function each_choice(fn)
  for _, command in ipairs(commands) do
    if command.choices then fn(command.name, table.concat(command.choices, " ")) end
  end
end

-- Replaces a text that occurs in a script of argparse.
local function replace(script, text, new)
  return (script:gsub(text:gsub("%p", "%%%0"), function() return new end))
end

local completion = {}

-- bash splits words at "=".
local VALUE = [=[

    if [[ "$cur" = "=" ]]; then
        cur=""
    elif [[ "$prev" = "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi]=]

--- The script for bash.
-- @param parser of argparse
function completion.bash(parser)
  local script = parser:get_bash_complete()
  local previous, options = [[prev="${COMP_WORDS[COMP_CWORD-1]}"]], 'if [[ "$cur" = -* ]]; then'
  local lines = { 'case "$cmd" in' }
  each_choice(function(name, choices)
    lines[#lines + 1] = ('        %s) COMPREPLY=($(compgen -W "%s" -- "$cur")) ;;'):format(name, choices)
  end)
  lines[#lines + 1] = "    esac\n\n    " .. options
  return replace(replace(script, previous, previous .. VALUE), options, table.concat(lines, "\n"))
end

--- The script for zsh.
function completion.zsh(parser)
  local lines = {}
  for line in parser:get_zsh_complete():gmatch "([^\n]*)\n" do
    local has_value = line:find '^ +["{*].*%]: :'
    lines[#lines + 1] = has_value and line:gsub("^([^%[]-%-%-[%w-]+)", "%1="):gsub("^([^%[]-{%-%w)", "%1+") or line
  end
  lines[#lines] = "if (( ${funcstack[(I)_cpp-portal]} )); then\n  _cpp-portal"
  lines[#lines + 1] = "else\n  compdef _cpp-portal cpp-portal\nfi\n"
  return table.concat(lines, "\n")
end

--- The script for fish.
function completion.fish(parser)
  local lines = { parser:get_fish_complete() }
  each_choice(function(name, choices)
    local line = "complete -c cpp-portal -n '__fish_cpp-portal_seen_command %s' -xa '%s'\n"
    lines[#lines + 1] = line:format(name, choices)
  end)
  return table.concat(lines)
end

return completion
