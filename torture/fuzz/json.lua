-- Fuzz target: JSON text as core.decode takes it.
--
-- Input: the text. Promises: what is decoded is JSON to a judge that shares no code with the module (the grammar of RFC
-- 8259), and what is JSON is decoded: unless a number in it is not finite, or it is nested too deeply; every number of the
-- value is finite, every string UTF-8; nothing is left behind.

local core = require "cpp.core"
local lpeg = require "lpeg"
local re = require "re"

local DEEPEST = 64

lpeg.setmaxstack(100000)

-- Its captures are the numbers, and the ends of objects and arrays: `true` where one begins, `false` behind it.
local judge = re.compile([[
  json   <- {| ws value ws !. |}
  value  <- open '{' ws (member (',' ws member)*)? '}' close / open '[' ws (item (',' ws item)*)? ']' close
            / string / number / 'true' / 'false' / 'null'
  member <- string ws ':' item
  item   <- ws value ws
  open   <- '' -> opens
  close  <- '' -> closes
  string <- '"' (%plain / '\' (["\/bfnrt] / 'u' (high '\u' low / !high !low hex hex hex hex)))* '"'
  high   <- [dD] [89aAbB] hex hex
  low    <- [dD] [c-fC-F] hex hex
  hex    <- [0-9a-fA-F]
  number <- { '-'? ('0' / [1-9] [0-9]*) ('.' [0-9]+)? ([eE] [+-]? [0-9]+)? }
  ws     <- [%nl%cr%tab ]*
]], {
  plain = lpeg.P(1) - lpeg.R "\0\31" - lpeg.S '"\\', cr = lpeg.P "\r", tab = lpeg.P "\t",
  opens = function() return true end, closes = function() return false end,
})

-- Whether a text is what core.decode has to take.
local function is_expected(text)
  local found = utf8.len(text) and judge:match(text)
  local depth = 0
  for _, capture in ipairs(found or {}) do
    if type(capture) == "boolean" then
      depth = depth + (capture and 1 or -1)
      if depth > DEEPEST then return false end
    elseif math.abs(tonumber(capture) + 0.0) == math.huge then
      return false
    end
  end
  return found ~= nil
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
  local expected = is_expected(text)
  local value, problem = core.decode(text)
  assert((problem == nil) == expected, problem or "decoded, and not JSON")
  check(value)
end
