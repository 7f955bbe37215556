-- The corpus of HTTP/1.1 responses: malformed, smuggled, endless, truncated, late, and odd but sound ones, with what a
-- call has to end in. spec/faults/corpus.lua runs each row over HTTP and over TLS; rows.lua describes a row.

local all = {}

for _, part in ipairs { "sound", "status_lines", "framing", "headers", "bounds", "endings", "leftovers", "outcomes" } do
  local list = {}
  for _, row in ipairs(require("spec.faults.responses." .. part)) do list[#list + 1] = row end
  -- Some rows are made in the order of a table's keys, which differs from run to run.
  table.sort(list, function(a, b) return a.class .. a.name < b.class .. b.name end)
  table.move(list, 1, #list, #all + 1, all)
end

return all
