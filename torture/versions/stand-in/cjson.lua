-- Takes the place of lua-cjson in versions of Lua for which Debian has none: as much of it as the module and the
-- specs use, by dkjson. It is not as strict, so the specs of JSON itself do not run with it.

local dkjson = require "dkjson"

-- lua-cjson writes an empty table as an object, dkjson as an array.
local function shaped(value)
  if type(value) ~= "table" then return value end
  local copy = setmetatable({}, next(value) == nil and { __jsontype = "object" } or nil)
  for key, inner in pairs(value) do copy[key] = shaped(inner) end
  return copy
end

local function new()
  local cjson = { null = dkjson.null, new = new }

  function cjson.encode(value)
    return dkjson.encode(shaped(value))
  end

  function cjson.decode(text)
    local value, stop, message = dkjson.decode(text, 1, nil, nil, nil)
    if message then error(message) end
    if text:find("%S", stop) then error "text after the value" end
    return value
  end

  -- Settings, which are as they are.
  for _, name in ipairs { "decode_max_depth", "decode_invalid_numbers", "encode_invalid_numbers", "encode_sparse_array" } do
    cjson[name] = function() end
  end
  return cjson
end

return new()
