-- Reads the words of a command line, by the tables of commands and options.

local commands = require "cpp.command.commands"
local nearest = require "cpp.command.nearest"
local options = require "cpp.command.options"

-- Raised within this file only: the line that says what is wrong.
local Problem = {}

local function wrong(format, ...)
  error(setmetatable({ message = format:format(...) }, Problem), 0)
end

local function names_of(rows)
  local names = {}
  for i, row in ipairs(rows) do names[i] = row.name end
  return names
end

local function suggestion(word, names, prefix)
  local name = nearest(word, names)
  return name and (" (did you mean %s%s?)"):format(prefix, name) or ""
end

local function find_option(name, dashes)
  local option = options.find(name)
  if option and (#dashes == 1) == (#name == 1) then return option end
  return wrong("unknown option %s%s%s", dashes, name,
               #dashes == 2 and suggestion(name, names_of(options), "--") or "")
end

local function has(list, word)
  for _, one in ipairs(list) do
    if one == word then return true end
  end
  return false
end

local function keep(given, option, text)
  local value = true
  if option.value then
    value = option.number and tonumber(text) or text
    if option.number and type(value) ~= "number" then
      wrong("--%s: expected a number, got '%s'", option.name, text)
    elseif option.only and not has(option.words, text) then
      wrong("--%s: expected %s, got '%s'%s", option.name, table.concat(option.words, ", "), text,
            suggestion(text, option.words, ""))
    end
  end
  if option.many then
    given[option.name] = given[option.name] or {}
    table.insert(given[option.name], value)
  else
    given[option.name] = value
  end
end

-- The words of a command line, taken one by one.
local Words = {}
Words.__index = Words

--- The next word; nil at the end.
function Words:next()
  self.place = self.place + 1
  return self.list[self.place]
end

--- The value of an option: behind its `=`, or the next word. Without one it is wrong usage.
function Words:value_of(option)
  return self:next() or wrong("--%s: expected a value: %s", option.name, option.value)
end

local function read_long(words, word, given)
  local name, text = word:match("^%-%-([^=]+)=(.*)$")
  local option = find_option(name or word:sub(3), "--")
  if text and not option.value then wrong("--%s: expected no value", option.name) end
  if option.value and not text then text = words:value_of(option) end
  keep(given, option, text)
end

-- Letters may stand together: -wj; a value may follow its letter at once: -t60.
local function read_short(words, word, given)
  local place = 2
  while place <= #word do
    local option = find_option(word:sub(place, place), "-")
    local text = option.value and (word:sub(place + 1) ~= "" and word:sub(place + 1) or words:value_of(option))
    keep(given, option, text)
    place = option.value and #word + 1 or place + 1
  end
end

local function split(list)
  local words = setmetatable({ list = list, place = 0 }, Words)
  local given, operands = {}, {}
  local word = words:next()
  while word do
    if word == "--" then
      table.move(list, words.place + 1, #list, #operands + 1, operands)
      break
    elseif word:sub(1, 2) == "--" then
      read_long(words, word, given)
    elseif word:find("^%-.") then
      read_short(words, word, given)
    else
      operands[#operands + 1] = word
    end
    word = words:next()
  end
  return given, operands
end

local function find_command(name)
  for _, command in ipairs(commands) do
    if command.name == name then return command end
  end
  return wrong("unknown command '%s'%s", name, suggestion(name, names_of(commands), ""))
end

local function check_options(command, given)
  local known = { help = true }
  for _, name in ipairs(command.options) do known[name] = true end
  if command.call then
    for _, name in ipairs(options.common) do known[name] = true end
  end
  for _, option in ipairs(options) do
    if given[option.name] and not known[option.name] then
      wrong("--%s: this is no option of %s", option.name, command.name)
    elseif given[option.name] and option.of == "wait" and command.call == "start" and not given.wait then
      wrong("--%s: expected --wait with it", option.name)
    end
  end
end

-- The offers, the publisher or the location that the operands name.
local function targets_of(command, operands, given)
  if #operands == 1 and command.operands:find("LOCATION", 1, true) then
    if given.operation then wrong("--operation: expected PUBLISHER and OFFER with it, got a LOCATION") end
    return { { location = operands[1] } }
  end
  if command.operands == "" then
    if #operands > 0 then wrong("expected no operand, got '%s'", operands[1]) end
    return { {} }
  end
  if command.operands == "PUBLISHER" and #operands == 1 then return { { publisher = operands[1] } } end
  if #operands < 2 or command.operands == "PUBLISHER" then wrong("expected %s", command.operands) end
  if given.operation and #operands > 2 then wrong("--operation: expected one OFFER with it") end
  if command.endpoint == "operation" and not given.operation then
    wrong("expected LOCATION, or PUBLISHER, OFFER and --operation")
  end
  local targets = {}
  for place = 2, #operands do
    targets[place - 1] = { publisher = operands[1], offer = operands[place] }
  end
  return targets
end

local function read(list)
  local given, operands = split(list)
  local name = table.remove(operands, 1)
  if given.version then return { version = true } end
  if not name then
    if not given.help then wrong("expected a command") end
    return { command = find_command "help", given = given, operands = {} }
  end
  local command = find_command(name)
  if given.help then return { command = find_command "help", given = given, operands = { name } } end
  check_options(command, given)
  local request = { command = command, given = given, operands = operands }
  if command.call then
    request.targets = targets_of(command, operands, given)
  elseif #operands > 1 or operands[1] == nil and command.words then
    wrong("expected %s", command.operands)
  elseif name == "help" and operands[1] then
    find_command(operands[1])
  elseif command.words and operands[1] ~= command.words[1] then
    wrong("expected %s, got '%s'", command.operands, operands[1])
  end
  return request
end

--- Reads a command line.
-- @param list list of its words
-- @return table: command (its row), given (options by name: true, a value, or a list of values),
--   operands (list), targets (list of tables with publisher and mostly offer, or with location: what the service
--   is asked about); or version = true
-- @return nil, message: what is wrong with it, in one line
local function parse(list)
  local done, result = pcall(read, list)
  if done then return result end
  if getmetatable(result) ~= Problem then error(result, 0) end
  return nil, result.message
end

return parse
