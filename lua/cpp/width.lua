-- The columns that a text takes on a terminal: two for wide characters, none for combining ones. If terminals differ,
-- the larger number counts, because a line that is too long wraps.
-- https://www.unicode.org/reports/tr11/ (East Asian Width)

local width = {}

-- First and last character of each range, in order.
local WIDE = {
  { 0x1100, 0x115f }, { 0x231a, 0x23ff }, { 0x25fd, 0x27bf }, { 0x2b1b, 0x2b55 }, { 0x2e80, 0xa4cf },
  { 0xa960, 0xa97c }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f },
  { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x16fe0, 0x18dff }, { 0x1aff0, 0x1b2ff }, { 0x1d300, 0x1d37f },
  { 0x1f000, 0x1faff }, { 0x20000, 0x3fffd },
}
local COMBINING = {
  { 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd }, { 0x610, 0x61a }, { 0x64b, 0x65f }, { 0x1ab0, 0x1aff },
  { 0x1dc0, 0x1dff }, { 0x20d0, 0x20f0 }, { 0x3099, 0x309a }, { 0xfe20, 0xfe2f },
}

local function is_in(ranges, code)
  for _, range in ipairs(ranges) do
    if code <= range[2] then return code >= range[1] end
  end
end

local function width_of(code)
  return is_in(COMBINING, code) and 0 or is_in(WIDE, code) and 2 or 1
end

--- The columns of a text.
-- @param text string: valid UTF-8 without control characters, as cpp.redact gives it
-- @return number
function width.of(text)
  local count, place = #text, text:find "[\x80-\xff]"
  while place do
    local after = utf8.offset(text, 2, place)
    count = count - (after - place) + width_of(utf8.codepoint(text, place))
    place = text:find("[\x80-\xff]", after)
  end
  return count
end

--- The longest beginning of a text that fits into that many columns.
function width.cut(text, columns)
  if width.of(text) <= columns then return text end
  local count = 0
  for place, code in utf8.codes(text) do
    count = count + width_of(code)
    if count > columns then return text:sub(1, place - 1) end
  end
end

--- A text in exactly that many columns, cut or filled with blanks.
function width.fit(text, columns)
  text = width.cut(text, columns)
  return text .. (" "):rep(columns - width.of(text)) -- rep with less than 0 is nothing
end

return width
