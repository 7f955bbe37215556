-- Medians, and ratios of runs that were made side by side.

local stats = {}

local function sorted(values)
  local copy = table.move(values, 1, #values, 1, {})
  table.sort(copy)
  return copy
end

--- Median, least and greatest of a list of numbers.
-- @return table: median, min, max; nil for an empty list
function stats.summary(values)
  if #values == 0 then return nil end
  local list = sorted(values)
  local middle = (list[(#list + 1) // 2] + list[#list // 2 + 1]) / 2
  return { median = middle, min = list[1], max = list[#list] }
end

--- The ratios of two lists, pair by pair. What disturbs the machine for longer than a run disturbs both
-- of a pair, so their ratio says more than the ratio of the medians.
-- @return as stats.summary
function stats.ratio(values, reference)
  local ratios = {}
  for i = 1, math.min(#values, #reference) do ratios[i] = values[i] / reference[i] end
  return stats.summary(ratios)
end

--- The differences of two lists, pair by pair.
-- @return as stats.summary
function stats.difference(values, reference)
  local differences = {}
  for i = 1, math.min(#values, #reference) do differences[i] = values[i] - reference[i] end
  return stats.summary(differences)
end

return stats
