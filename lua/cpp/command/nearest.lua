-- The known name that is nearest to a mistyped one.

-- Levenshtein distance.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local above = row[j]
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(row[j - 1] + 1, above + 1, diagonal + cost)
      diagonal = above
    end
  end
  return row[#b]
end

--- The nearest of some names.
-- @param word string that is none of them
-- @param names list of strings
-- @return string; nil where none is near
local function nearest(word, names)
  local best, least = nil, math.max(2, #word // 3) + 1
  for _, name in ipairs(names) do
    local far = distance(word, name)
    if far < least then best, least = name, far end
  end
  return best
end

return nearest
