-- JSON for scripts, by an instance of lua-cjson of its own. What is added to lua-cjson 2.1.0: integers are
-- exact (it rounds them to 14 digits), and a C1 control character, which moves the cursor of some
-- terminals, is escaped like the others.

local codec = require "cjson".new()
codec.encode_sparse_array(true) -- as an object, rather than raise

-- Begins a string that stands for an integer. An answer that holds it was refused (csrc/lua_json.c), and what
-- the user gives holds no control character.
local MARK = "\1cpp-exact-integer:"
local MARKED = '"\\u0001cpp%-exact%-integer:(%-?%d+)"'
local EXACT = 99999999999999 -- what 14 digits hold

local function marked(value)
  if math.type(value) == "integer" and (value > EXACT or value < -EXACT) then
    return MARK .. value
  elseif type(value) ~= "table" then
    return value
  end
  local copy = {}
  for name, inner in pairs(value) do copy[name] = marked(inner) end
  return copy
end

--- The JSON text of a document, on one line.
-- @param document table of strings, numbers, booleans and tables of them. An empty one becomes an object
-- @return string
local function encode(document)
  local text = codec.encode(marked(document)):gsub(MARKED, "%1")
  text = text:gsub("\\/", "/") -- it escapes every slash, and a backslash by another one
  return (text:gsub("\xc2([\x80-\x9f])", function(byte) return ("\\u%04x"):format(byte:byte()) end))
end

return encode
