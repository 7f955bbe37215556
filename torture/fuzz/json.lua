-- Fuzz target: JSON text as core.decode takes it.
--
-- Input: the text. Promises: what is decoded is JSON to a judge that shares no code with the module (RFC 8259, by
-- recursive descent), and what is JSON is decoded: unless a number in it is not finite, or it is nested too deeply;
-- every number of the value is finite, every string UTF-8; nothing is left behind.

local core = require "cpp.core"

local DEEPEST = 64

local judge

local function blanks(text, place) return text:match("^[ \t\n\r]*()", place) end

local function escape(text, place)
  local stop = text:match('^["\\/bfnrt]()', place)
  if stop then return stop end
  local digits
  digits, stop = text:match("^u(%x%x%x%x)()", place)
  local unit = digits and tonumber(digits, 16)
  if not unit or unit >= 0xdc00 and unit < 0xe000 then return nil end
  if unit < 0xd800 or unit >= 0xe000 then return stop end
  digits, stop = text:match("^\\u(%x%x%x%x)()", stop)
  unit = digits and tonumber(digits, 16)
  return unit and unit >= 0xdc00 and unit < 0xe000 and stop or nil
end

local function quoted(text, place)
  place = text:match('^"()', place)
  while place do
    local stop, sign = text:match('^[^%c"\\]*()(.?)', place)
    while sign == "\127" do stop, sign = text:match('^\127[^%c"\\]*()(.?)', stop) end
    if sign == '"' then return stop + 1 end
    if sign ~= "\\" then return nil end
    place = escape(text, stop + 1)
  end
end

-- Returns the place behind it, and whether it is finite.
local function number(text, place)
  local first = place
  place = text:match("^%-?0()", place) or text:match("^%-?[1-9]%d*()", place)
  if not place then return nil end
  if text:find("^%.", place) then place = text:match("^%.%d+()", place) end
  if place and text:find("^[eE]", place) then place = text:match("^[eE][+-]?%d+()", place) end
  if not place then return nil end
  local value = tonumber(text:sub(first, place - 1)) + 0.0
  return place, value - value == 0
end

local state

local function list(text, place, close, member, depth)
  if depth > DEEPEST then
    state.deep = true
    return nil
  end
  place = blanks(text, place)
  if text:sub(place, place) == close then return place + 1 end
  while true do
    place = member(text, blanks(text, place), depth)
    if not place then return nil end
    place = blanks(text, place)
    local sign = text:sub(place, place)
    if sign == close then return place + 1 end
    if sign ~= "," then return nil end
    place = place + 1
  end
end

local function member(text, place, depth)
  place = quoted(text, place)
  place = place and text:match("^[ \t\n\r]*:()", place)
  return place and judge(text, blanks(text, place), depth)
end

function judge(text, place, depth)
  local sign = text:sub(place, place)
  if sign == "{" then return list(text, place + 1, "}", member, depth + 1) end
  if sign == "[" then return list(text, place + 1, "]", judge, depth + 1) end
  if sign == '"' then return quoted(text, place) end
  local stop, finite = number(text, place)
  if stop then
    state.infinite = state.infinite or not finite
    return stop
  end
  return text:match("^true()", place) or text:match("^false()", place) or text:match("^null()", place)
end

local function check(value)
  if type(value) == "table" then
    for name, inner in pairs(value) do
      check(name)
      check(inner)
    end
  elseif type(value) == "string" then
    assert(utf8.len(value), "a string that is not UTF-8")
  elseif type(value) == "number" then
    assert(value - value == 0, "a number that is not finite")
  end
end

return function(text)
  state = {}
  local stop = utf8.len(text) and judge(text, blanks(text, 1), 0)
  local expected = stop ~= nil and stop and blanks(text, stop) == #text + 1 and not state.infinite
  local value, problem = core.decode(text)
  assert((problem == nil) == (expected or false), problem or "decoded, and not JSON")
  check(value)
end
