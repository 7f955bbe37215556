-- What a search for secrets looks for: pieces of them, so that it also finds a part of a copy.

local pieces = {}

local LENGTH = 12 -- bytes: what is left of a copy and twice as long holds a whole piece

local function escape(text, format)
  return (text:gsub("[^%w%-._~]", function(byte) return format:format(byte:byte()) end))
end

--- Adds the pieces of a secret, as it is and percent-encoded, to a list of { name, text }.
function pieces.add(list, name, secret)
  local seen = {}
  for _, text in ipairs { secret, escape(secret, "%%%02X"), escape(secret, "%%%02x") } do
    for from = 1, math.max(1, #text - LENGTH + 1), LENGTH do
      local piece = text:sub(from, from + LENGTH - 1)
      if not seen[piece] then list[#list + 1] = { name, piece } end
      seen[piece] = true
    end
  end
end

return pieces
