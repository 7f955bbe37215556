-- The keys of a table as a sorted list: two sets are compared so, and what differs is shown.

--- The keys of a table.
-- @param set table whose keys are all strings, or all numbers
-- @return list
local function sorted_keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

return sorted_keys
