-- Reads the annotations of lua/cpp/types/ (LuaCATS: https://luals.github.io/wiki/annotations/) into
-- tables, for the reference and for the spec that compares them with the module.
--
--   local types = annotations.read()
--   types.classes["cpp"].functions["cancel"].params[1].type
--
-- A class: name, parents, text, fields (by name and in order), functions (the same). A field: name,
-- optional, type, text. A function: name, separator ("." or ":"), text, errors, page, examples, params,
-- returns, package. An alias: name, text, type, values (each with literal and text).

local annotations = {}

local DIRECTORY = "lua/cpp/types/"
-- In the order of the reference.
local FILES = { "module", "client", "methods", "options", "credentials", "results", "loop", "core" }

-- Adds a value under a name and at the end.
local function add(list, name, value)
  if list[name] then error("twice: " .. name) end
  list[name] = value
  list[#list + 1] = value
  return value
end

-- Splits "TYPE REST" where the type ends: at the first blank outside of all brackets.
local function split_type(text)
  local depth = 0
  for place = 1, #text do
    local character = text:sub(place, place)
    if character:find "[%(%[{<]" then depth = depth + 1 end
    if character:find "[%)%]}>]" then depth = depth - 1 end
    if character == " " and depth == 0 then return text:sub(1, place - 1), text:sub(place + 1) end
  end
  return text, ""
end

-- Splits "WORDS # COMMENT".
local function split_comment(text)
  local words, comment = text:match "^(.-)%s+#%s*(.*)$"
  return words or text, comment
end

local function parse_member(text)
  local words, comment = split_comment(text)
  local visibility, rest = words:match "^(package) (.+)$"
  local name, optional, kind = (rest or words):match "^(%S-)(%??) (.+)$"
  if words:find "^%[" then name, optional, kind = words:match "^(%[.-%])(%??) (.+)$" end
  return { name = name, optional = optional == "?", type = kind, text = comment, package = visibility ~= nil }
end

local function parse_return(text)
  local words, comment = split_comment(text)
  local kind, name = split_type(words)
  return { type = kind, name = name ~= "" and name or nil, text = comment }
end

-- What a function's text says by the conventions of types/: its page, its errors, its examples.
local function read_conventions(fn)
  local text = fn.text or ""
  fn.page = text:match "\nPage: <(%S+)>"
  fn.errors = text:match "\nErrors: ([^\n]+)"
  fn.examples = {}
  for example in text:gmatch "```lua\n(.-)\n```" do fn.examples[#fn.examples + 1] = example end
end

local Reader = {}
Reader.__index = Reader

-- The comment lines that wait for what they belong to.
function Reader:take_text()
  local text = #self.lines > 0 and table.concat(self.lines, "\n") or nil
  self.lines = {}
  return text
end

local tags = {}

function tags.class(reader, text)
  local name, parents = text:match "^(%S+)%s*:%s*(.+)$"
  name = name or text
  if reader.types.classes[name] then -- continued from another file
    reader.class = reader.types.classes[name]
    return
  end
  local class = { name = name, text = reader:take_text(), file = reader.file,
                  parents = {}, fields = {}, functions = {} }
  for parent in (parents or ""):gmatch "[^,%s]+" do class.parents[#class.parents + 1] = parent end
  reader.class = add(reader.types.classes, name, class)
end

function tags.field(reader, text)
  local field = parse_member(text)
  field.text = field.text or reader:take_text()
  add(reader.class.fields, field.name, field)
end

function tags.alias(reader, text)
  local name, kind = text:match "^(%S+)%s*(.*)$"
  reader.alias = add(reader.types.aliases, name, {
    name = name, type = kind ~= "" and kind or nil, values = {}, text = reader:take_text(), file = reader.file,
  })
end

function tags.param(reader, text)
  add(reader.fn.params, text:match "^[%w_]+", parse_member(text))
end

tags["return"] = function(reader, text)
  table.insert(reader.fn.returns, parse_return(text))
end

function tags.package(reader)
  reader.fn.package = true
end

function tags.generic() end
function tags.meta() end

function Reader:comment(line)
  local tag, text = line:match "^@(%w+)%s*(.*)$"
  local literal, meaning = line:match '^| "(.-)"%s*#%s*(.*)$'
  if literal then
    add(self.alias.values, literal, { literal = literal, text = meaning })
  elseif not tag then
    self.lines[#self.lines + 1] = line
  elseif tags[tag] then
    tags[tag](self, text)
  else
    error(("%s: @%s is not known here"):format(self.file, tag))
  end
end

function Reader:declare(separator, name)
  local fn = self.fn
  fn.name, fn.separator, fn.text = name, separator, self:take_text()
  read_conventions(fn)
  add(self.class.functions, name, fn)
end

function Reader:line(line)
  local comment = line:match "^%-%-%-(.*)$"
  local separator, name = line:match "^function [%w_]+([.:])([%w_]+)%("
  if comment then return self:comment(comment) end
  if name then self:declare(separator, name) end
  self.lines, self.fn = {}, { params = {}, returns = {} }
end

--- Reads all files of types/.
-- @return table: classes and aliases, each by name and in the order of the files
function annotations.read()
  local types = { classes = {}, aliases = {} }
  for _, name in ipairs(FILES) do
    local reader = setmetatable({ file = name, types = types, lines = {}, fn = { params = {}, returns = {} } }, Reader)
    for line in io.lines(DIRECTORY .. name .. ".lua") do reader:line(line) end
  end
  return types
end

--- All fields of a class, its parents' too, by name: a class's own win.
-- @param types table from annotations.read
-- @param name string, of a class
-- @return table: name to field
function annotations.fields(types, name)
  local class = types.classes[name] or error("there is no class " .. name)
  local all = {}
  for _, parent in ipairs(class.parents) do
    for key, field in pairs(annotations.fields(types, parent)) do all[key] = all[key] or field end
  end
  for _, field in ipairs(class.fields) do all[field.name] = field end
  return all
end

return annotations
