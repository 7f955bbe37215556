-- JSON for scripts, in ASCII, which is valid whatever the document holds. In addition to lua-cjson 2.1.0, numbers are
-- exact (it rounds them to 14 digits), and values on which it raises an error are replaced.

local codec = require "cjson".new()
codec.encode_sparse_array(true) -- as an object, instead of an error

local DEEPEST = 100 -- levels; the service's documents have 64 at most

-- Begins a string that stands for a number: a byte that no other string has.
local MARK = "\xff"

local function plain_text(text)
  return utf8.len(text) and text or (text:gsub("[\x80-\xff]", "\u{fffd}"))
end

local function plain_number(number)
  if math.type(number) == "integer" then
    return MARK .. number
  elseif number - number ~= 0 then
    return codec.null
  end
  return tonumber(("%.14g"):format(number)) == number and number or MARK .. ("%.17g"):format(number)
end

local function plain_name(name)
  if math.type(name) == "integer" and name & 0xffffff == name then return name end -- lua-cjson takes no larger index
  return plain_text(tostring(name))
end

-- A copy of a value that lua-cjson can encode.
local function plain(value, depth)
  local kind = type(value)
  if kind == "string" then return plain_text(value) end
  if kind == "number" then return plain_number(value) end
  if kind == "boolean" then return value end
  if kind ~= "table" or depth > DEEPEST then return codec.null end
  local copy = {}
  for name, inner in next, value do copy[plain_name(name)] = plain(inner, depth + 1) end
  return copy
end

local function escape(character)
  local code = utf8.codepoint(character)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff))
end

--- The JSON text of a document, on one line.
-- @param document anything. An empty table becomes an object; a value that JSON does not have becomes null
-- @return string
local function encode(document)
  local text = codec.encode(plain(document, 1)):gsub('"' .. MARK .. '([^"]*)"', "%1")
  text = text:gsub("\\/", "/") -- it escapes every slash, and a backslash by another one
  return (text:gsub("[\xc2-\xf4][\x80-\xbf]+", escape))
end

return encode
