-- Every scenario of torture/harness, over and over, with nothing that fails: what the checkers of memory and of threads look
-- on at.
--
--     lua5.4 endings.lua rounds
--
-- Works on the servers of servers.lua.

local harness = require "torture.harness.scenarios"

local function check(name, transport, round)
  local run, after, context = harness.prepare(name, transport)
  context.id, context.timeout = ("%s-%s-%d"):format(name, transport, round), 15
  local outcome = run(context)
  assert(outcome == "answered", ("%s over %s: %s"):format(name, transport, outcome))
  after(context)
end

for round = 1, tonumber((...)) do
  for _, one in ipairs(harness.list "none") do
    -- The name that "lookup" looks up is known in the harness only.
    if one.transport ~= "lookup" then check(one.name, one.transport, round) end
  end
end
print "done"
