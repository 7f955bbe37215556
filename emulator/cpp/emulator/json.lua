-- JSON by lua-cjson, with two additions: an empty array, and integers above 2^53.

local cjson = require "cjson"

local json = {}

-- A separate instance, so that these settings do not affect other code.
local codec = cjson.new()
codec.decode_invalid_numbers(false)
codec.encode_invalid_numbers(false)

-- Both are encoded as a string that opens with a control character, and unquoted afterwards. cjson writes the control
-- character as \u0001, so no text that a client sends unescaped can be taken for one of them.
local MARK = "\1portal:"
local EMPTY_ARRAY = MARK .. "[]"

--- Stands for `[]`; lua-cjson 2.1.0 writes every empty table as `{}`.
json.empty_array = EMPTY_ARRAY

--- A list that stays an array when it is empty.
function json.array(list)
    return list[1] == nil and EMPTY_ARRAY or list
end

--- Stands for an integer given by its decimal digits; as a Lua number it would lose those beyond 2^53.
function json.integer(digits)
    assert(digits:match("^%-?%d+$"), "an integer is given by its digits")
    return MARK .. digits
end

--- The JSON text of a value.
function json.encode(value)
    local text = codec.encode(value)
    if text:find("u0001portal:", 1, true) then
        text = text:gsub('"\\u0001portal:(%-?[%d%[%]]+)"', "%1")
    end
    return text
end

-- lua-cjson decodes each number as a float, which would be written as 3.0 in a header.
local function with_integers(value)
    if type(value) == "table" then
        for key, item in pairs(value) do
            value[key] = with_integers(item)
        end
    end
    return math.type(value) == "float" and math.tointeger(value) or value
end

--- The value of a JSON text, or nil and a message. A null is json.null.
function json.decode(text)
    local ok, value = pcall(codec.decode, text)
    if not ok then
        return nil, value
    end
    return with_integers(value)
end

json.null = cjson.null

--- Drops every null from a decoded value, so that an option set to null counts as one not given.
function json.without_nulls(value)
    if value == cjson.null then
        return nil
    elseif type(value) == "table" then
        for key, item in pairs(value) do
            value[key] = json.without_nulls(item)
        end
    end
    return value
end

return json
