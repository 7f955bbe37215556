#!/usr/bin/env lua5.4
-- Cancels the running operations of a publisher's offers concurrently, and waits until they have ended. It records each
-- step in a journal, so that a new run resumes after the program was killed.
--
--   AZURE_TOKEN=... examples/journal.lua PUBLISHER OFFERS JOURNAL
--
-- OFFERS is a file with an offer in each line, such as the portal's list:
--   cpp-portal offers --json PUBLISHER | jq -r '.offers[].id'
-- A line of the journal is `OFFER EVENT DETAIL .`. The full stop shows that the line is complete. The last line of an
-- offer counts:
--   begin OPERATION     about to cancel that operation: whether the cancel arrived is not known yet
--   accepted LOCATION   being canceled; to be followed at the location
--   ended OUTCOME       over; so is one that is `idle`: nothing ran
-- It survives the end of the program. To survive that of the machine, each line would have to be
-- synced to the disk, which Lua cannot.
-- Exit status: 0 nothing runs any more; 1 something may, so run it again; 2 wrong usage.

local cpp = require "cpp"

local publisher, offers_name, journal_name = arg[1], arg[2], arg[3]
if not journal_name then
  io.stderr:write("usage: journal.lua PUBLISHER OFFERS JOURNAL\n")
  os.exit(2)
end

local last = {} -- [offer] = { event =, detail = }
local begun = {} -- [offer] = the id of the operation that was to be canceled
local before = io.open(journal_name)
for line in before and before:lines() or function() end do
  local offer, event, detail = line:match("^(%S+) (%l+) (.*) %.$")
  if offer then last[offer] = { event = event, detail = detail } end
  if event == "begin" and detail ~= "-" then begun[offer] = detail end
end
if before then before:close() end

local journal = assert(io.open(journal_name, "a"))
journal:write("\n") -- ends a line that was being written

local function note(offer, event, detail)
  journal:write(offer, " ", event, " ", detail, " .\n")
  assert(journal:flush())
  print(offer .. ": " .. event)
  io.stdout:flush()
end

local UNKNOWN = "the service does not tell how it ended"

-- Cancels what runs on the offer. Returns what to wait for; nil where nothing runs; or nil and an err.
local function cancel(offer, client)
  local before_kill = last[offer] and last[offer].event == "begin"
  local found, problem = client:reconcile { publisher = publisher, offer = offer, submission_id = begun[offer],
                                            ambiguous = before_kill }
  if not found then return nil, problem end
  if found.state ~= "running" then
    if before_kill and found.outcome == "unknown" then return nil, UNKNOWN end
    local status = found.offer_status
    if status == "running" or status == "inprogress" then return nil, "what runs is not listed yet" end
    note(offer, before_kill and "ended" or "idle", before_kill and found.outcome or status or "-")
    return nil
  end
  -- An earlier run may have been killed before it knew whether its cancel had arrived. To cancel the same
  -- operation again changes nothing (inferred); another one was started since, and may be wanted.
  local id = found.operation.submission_id or "-"
  if before_kill and last[offer].detail ~= id then return nil, "another operation runs now: " .. id end
  note(offer, "begin", id)
  begun[offer] = id ~= "-" and id or nil
  local result, err = client:cancel { publisher = publisher, offer = offer }
  if not result then return nil, err end
  note(offer, "accepted", result.location or "-")
  result.submission_id = begun[offer]
  return result
end

local function settle(offer, client)
  local target, err
  if last[offer] and last[offer].event == "accepted" then
    local location = last[offer].detail
    target = { publisher = publisher, offer = offer, call = "cancel", submission_id = begun[offer],
               location = location ~= "-" and location or nil }
  else
    target, err = cancel(offer, client)
    if not target then return err == nil, err end
  end
  local operation
  operation, err = client:wait(target)
  if not operation then return nil, err end
  if operation.outcome == "unknown" then return nil, UNKNOWN end
  note(offer, "ended", operation.outcome)
  return true
end

local offers = {}
for line in io.lines(offers_name) do
  local offer = line:match("^%s*(%S+)")
  local event = offer and last[offer] and last[offer].event
  if offer and event ~= "ended" and event ~= "idle" then offers[#offers + 1] = offer end
end

local _, failed = cpp.map(offers, settle, {
  on_result = function(index, entry)
    if entry.err then io.stderr:write(offers[index], ": ", tostring(entry.err), "\n") end
  end,
})
journal:close()
os.exit(failed == 0 and 0 or 1, true)
