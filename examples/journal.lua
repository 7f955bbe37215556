#!/usr/bin/env lua5.4
-- Cancels many offers, and notes each outcome in a journal as it comes: a run that was killed goes on
-- where it stood. The list has one "PUBLISHER OFFER" in each line; so has the journal, with the
-- outcome behind it.
--
--   AZURE_TOKEN=... examples/journal.lua LIST JOURNAL
--
-- An ambiguous outcome is noted as such, and not tried again: look at the offer first (cpp.reconcile).

local cpp = require "cpp"

local function lines(name)
  local file = io.open(name)
  return file and file:lines() or function() end
end

if not arg[2] then
  io.stderr:write("usage: journal.lua LIST JOURNAL\n")
  os.exit(2)
end

local done = {}
for line in lines(arg[2]) do
  -- A line without an outcome was being written when the run was killed.
  local publisher, offer, outcome = line:match("^(%S+) (%S+) (%S+)")
  if outcome == "accepted" or outcome == "ambiguous" then done[publisher .. " " .. offer] = true end
end

local list = {}
for line in lines(arg[1]) do
  local publisher, offer = line:match("^(%S+)%s+(%S+)")
  if publisher and not done[publisher .. " " .. offer] then
    list[#list + 1] = { publisher = publisher, offer = offer }
  end
end

local journal = assert(io.open(arg[2], "a"))
journal:setvbuf("line")
journal:write("\n") -- ends what an earlier run left unfinished

local function outcome(entry)
  if entry.result then return "accepted " .. (entry.result.location or "-") end
  return (entry.err.ambiguous and "ambiguous " or "failed ") .. tostring(entry.err)
end

local _, failed = cpp.cancel_all(list, {
  on_result = function(_, entry)
    journal:write(("%s %s %s\n"):format(entry.request.publisher, entry.request.offer, outcome(entry)))
  end,
})
journal:close()
print(("%d cancelled, %d failed"):format(#list - failed, failed))
os.exit(failed == 0 and 0 or 1, true)
