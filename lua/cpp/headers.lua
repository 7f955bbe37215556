-- Merges the option `headers` of two tables of options.

local lower = require "cpp.lower"

--- Merges two values of the option.
-- @param outer table or nil: of a batch, or of a call that waits
-- @param own anything: of an item, or of its wait; the core checks it later
-- @return own's headers, and those of outer with other names (in any case)
local function merge(outer, own)
  if type(outer) ~= "table" or type(own) ~= "table" then return own == nil and outer or own end
  local merged, names = {}, {}
  for name, value in next, own do
    merged[name] = value
    if type(name) == "string" then names[lower(name)] = true end
  end
  for name, value in next, outer do
    if type(name) ~= "string" or not names[lower(name)] then merged[name] = value end
  end
  return merged
end

return merge
