-- Sweeps: each scenario runs in a process of its own for each point, which is one failure. main.c is what calls this.
--
--     harness what [points=number] [scenario=name] [at=number] [search=yes]
--
-- what: lua, curl, malloc, core (whose memory runs out: core is what the module itself asks the process for), calls (to
-- the kernel), or none (nothing fails).
--
-- points: of a sweep at most, evenly spread (0: all of them). scenario: only this one. at: only this point, and with
-- backtraces where it goes wrong. search: what the module frees is searched for secrets: see allocators.c.
--
-- Prints TAP: a test for each scenario and transport. What must hold at each point: its outcome is one that may be, its
-- client is usable afterwards, and everything is given back.

local harness = require "harness"
local lfs = require "lfs"

-- As in harness.h.
local SOURCES = { lua = 0, curl = 1, malloc = 2, core = 3, none = 4, calls = 5 }
local WELL, LAST, BADLY, BY_LIBRARY, LEAKING = 0, 10, 11, 12, 14

local JOBS = 8 -- points at the same time
local POINT_SECONDS = 30
-- What one request may take: more where nothing fails, so that a busy machine is no failure.
local SECONDS, PATIENT_SECONDS = 0.5, 15
local FEW = 4 -- blocks that libraries may lose
local MOST_BAD, MOST_POINTS = 5, 200000

local what = ...
local options = {}
for _, word in ipairs { select(2, ...) } do
  local name, value = word:match "^(%l+)=(.*)$"
  options[assert(name, word)] = value
end
assert(SOURCES[what], "usage: see torture/harness/sweep.lua")
local most, only = tonumber(options.points or 0), tonumber(options.at)

local stage -- the scenario that is open: name, transport, cold, and the process without it: descriptors, threads
local figures -- of its points: points, bad, searched, and the tallies outcomes, ends, leaks, findings

local function entries_of(path)
  local count = 0
  for _ in lfs.dir(path) do count = count + 1 end
  return count
end

-- A tally: how often something was counted, by its name; the names are in its list.
local function add(tally, name)
  if not tally[name] then tally[#tally + 1] = name end
  tally[name] = (tally[name] or 0) + 1
end

-- A finding with functions and lines for the addresses of the module.
local function named(finding)
  local module = package.searchpath("cpp.core", package.cpath)
  return (finding:gsub("core%.so%+(0x%x+)", function(address)
    local pipe <close> = io.popen(("addr2line -f -s -e '%s' %s"):format(module, address))
    return pipe:read "l" .. "@" .. pipe:read "l":gsub(" %(discriminator.*", "")
  end))
end

local function tallies(title, tally)
  local list = {}
  for i, name in ipairs(tally) do list[i] = tally[name] .. " " .. name end
  return #list > 0 and title .. table.concat(list, ", ") or ""
end

-- In the process of a point.

-- Whether what a scenario raised may come of the failure: a text, or an err that tells what was accepted before.
local function may_be_raised(text, source)
  if text:find("not enough memory", 1, true) or text:find("out of memory", 1, true) then return true end
  -- `require` says only that it cannot read a file.
  return source ~= SOURCES.lua and source ~= SOURCES.curl
    and (text:find("module '", 1, true) or text:find("cannot read", 1, true) or text:find("cpp needs lua-cjson", 1, true))
end

-- What the state leaves behind once it is closed.
local function check_left()
  local bytes = harness.close()
  harness.report("searched " .. harness.searched())
  if bytes ~= 0 then harness.finish(BADLY, bytes .. " bytes of Lua's are not given back") end
  -- A resolver's thread that libcurl has left closes its descriptor when it ends.
  for _ = 1, 1000 do
    if entries_of "/proc/self/task" <= stage.threads then break end
    harness.nap()
  end
  harness.restore_input()
  local descriptors = entries_of "/proc/self/fd"
  if descriptors ~= stage.descriptors then
    harness.finish(BADLY, ("%d descriptors are open, %d were"):format(descriptors, stage.descriptors))
  end
  if stage.cold then return end -- and what is made once in a process stays
  local left = harness.left()
  local count, ours, one = 0, false, nil
  for _, name in ipairs(left) do
    -- What the dynamic linker keeps is of a thread that has ended, for the next one.
    if not name:find "^ld%-linux" then
      count = count + 1
      if not ours then one, ours = name, left[name] or false end
    end
  end
  if count > 0 then
    harness.finish((ours or count > FEW) and BADLY or LEAKING, ("%d blocks are not given back, one of %s"):format(count, one))
  end
end

local function play(point)
  local kind = harness.kinds[point.source - SOURCES.calls + 1]
  local way = kind and kind[point.error] or ""
  local id = ("%s-%s-%d-%s-%s-%d-%s"):format(stage.name, stage.transport, point.source, kind and kind.name or "memory", way,
    point.at, point.sticky and "sticky" or "once")
  harness.tell(id, point.at < 0 and PATIENT_SECONDS or SECONDS)
  harness.watch(POINT_SECONDS, options.search)
  if not stage.cold then harness.seed_again() end
  local returned, outcome = harness.run(point.source, point.at, point.sticky, point.error)
  local failures, seen = harness.counts()
  local last = failures == 0
  harness.report("seen " .. table.concat(seen, " ", 0))
  if last then harness.report "last" end
  if not returned then
    if last or not may_be_raised(outcome, point.source) then harness.finish(BADLY, "raised: " .. outcome) end
    outcome = "raised"
  end
  harness.report("outcome " .. outcome)
  local harmless = last or way == "short"
  -- A busy machine may be late: "auth" is what a timeout of the token service comes to.
  local late = point.at >= 0 and (outcome == "timeout" or outcome == "auth")
  if harmless and outcome ~= "answered" and not late then harness.finish(BADLY, outcome .. ", although nothing failed") end
  local well, problem = harness.after()
  if not well then harness.finish(BADLY, "afterwards: " .. problem) end
  check_left()
  harness.finish(last and LAST or WELL)
end

-- In their parent.

local slots, busy = {}, 0

-- Says which point it was that went wrong.
local function complain(point, reason)
  local kind = harness.kinds[point.source - SOURCES.calls + 1]
  io.stderr:write(("%s over %s, %s %s %d %s: %s\n"):format(stage.name, stage.transport, kind and kind.name or what,
    kind and kind[point.error] or "", point.at, point.sticky and "sticky" or "once", reason))
  figures.bad = figures.bad + 1
end

-- Notes how the process of a slot ended; returns the slot.
local function settle(slot, status)
  local point, report = slot.point, "\n" .. harness.read_report(slot.number)
  local reason = report:match "\nreason ([^\n]*)" or type(status) == "string" and status or "a sanitizer spoke"
  slots[slot.number], busy = nil, busy - 1
  slot.last = report:find "\nlast\n" ~= nil
  slot.seen = report:match "\nseen ([%d ]*)"
  slot.sweep.ended = slot.sweep.ended or slot.last
  figures.searched = figures.searched + (report:match "\nsearched (%d+)" or 0)
  for name in report:gmatch "\nfound ([^\n]*)" do add(figures.findings, name) end
  if report:find "\nfound " then complain(point, "the module freed memory that holds a secret") end
  if status ~= LAST or point.source == SOURCES.none then
    figures.points = figures.points + 1
  end
  if status == WELL or status == LEAKING then add(figures.outcomes, report:match "\noutcome ([^\n]*)") end
  if status == LEAKING then
    add(figures.leaks, reason)
  elseif status == BY_LIBRARY then
    add(figures.ends, reason)
  elseif status ~= WELL and status ~= LAST then
    complain(point, reason)
  end
  return slot
end

-- Waits for one of the processes; returns its slot.
local function finish_one()
  local id, status = harness.wait()
  for _, slot in pairs(slots) do
    if slot.id == id then return settle(slot, status) end
  end
  error "an unknown process has ended"
end

local function finish_all()
  while busy > 0 do finish_one() end
end

-- Starts a process for a point, once there is a place for it.
local function start(point, sweep)
  if busy == JOBS then finish_one() end
  local number = 1
  while slots[number] do number = number + 1 end
  local id = harness.fork(number)
  if id == 0 then play(point) end
  slots[number], busy = { number = number, id = id, point = point, sweep = sweep }, busy + 1
end

-- How many calls of each source the scenario makes without failures: a list, SOURCES.lua (0) first.
local function count_calls(source)
  start({ source = source, at = -1, sticky = false }, {})
  local slot = finish_one()
  if not slot.last then figures.bad = figures.bad + 1 end
  local calls, at = {}, 0
  for number in (slot.seen or ""):gmatch "%d+" do
    calls[at], at = tonumber(number), at + 1
  end
  return calls
end

-- Starts the next point of a sweep.
local function start_next(sweep)
  start({ source = sweep.source, error = sweep.error, sticky = sweep.sticky, at = sweep.at }, sweep)
  sweep.at = sweep.at + sweep.stride
end

-- The points of one source and one way to fail, up to the first that should meet no failure. Some may still run when it
-- returns.
local function run_sweep(sweep, calls)
  sweep.stride = most > 0 and calls > most and (calls + most - 1) // most or 1
  sweep.at = only or sweep.stride // 2
  repeat
    start_next(sweep)
  until only or sweep.ended or sweep.at > calls + sweep.stride or figures.bad >= MOST_BAD
end

-- Goes on with the sweeps in which something failed even then, until nothing does.
local function end_sweeps(sweeps)
  finish_all()
  if only then return end
  for _, sweep in ipairs(sweeps) do
    while not sweep.ended and figures.bad < MOST_BAD do
      if sweep.at > MOST_POINTS then
        complain(sweep, "it fails without an end")
        break
      end
      start_next(sweep)
      finish_all()
    end
  end
end

local function sweep_source(sweeps, source, calls)
  local kind = harness.kinds[source - SOURCES.calls + 1]
  for way = 1, kind and #kind or 1 do
    for _, sticky in ipairs { false, true } do
      local sweep = { source = source, error = kind and way, sticky = sticky }
      sweeps[#sweeps + 1] = sweep
      run_sweep(sweep, calls)
    end
  end
end

-- All points of the scenario that is open.
local function sweep_all()
  local first, sweeps = SOURCES[what], {}
  if what == "none" then
    start({ source = first, at = -1, sticky = false }, {})
  else
    local calls = count_calls(first)
    for source = first, what == "calls" and first + #harness.kinds - 1 or first do
      if (calls[source] or 0) > 0 then sweep_source(sweeps, source, calls[source]) end
    end
  end
  end_sweeps(sweeps)
end

-- Runs the scenario here once, without failures: what libraries make once in a process is made then.
local function rehearse()
  harness.seed_again()
  harness.tell(("%s-%s-rehearsal"):format(stage.name, stage.transport), PATIENT_SECONDS)
  local well, outcome = harness.run()
  if well and outcome == "answered" then well, outcome = harness.after() else well = false end
  harness.close()
  return well, outcome
end

-- Opens a scenario; true, or nil and why it does not run.
local function open_stage(scenario)
  stage = { name = scenario.name, transport = scenario.transport, descriptors = entries_of "/proc/self/fd",
            threads = entries_of "/proc/self/task" }
  local problem
  stage.cold, problem = harness.open(stage.name, stage.transport)
  if stage.cold or problem then return stage.cold, problem end
  local well
  well, problem = rehearse()
  if not well then return nil, problem end
  stage.descriptors, stage.threads = entries_of "/proc/self/fd", entries_of "/proc/self/task"
  harness.open(stage.name, stage.transport)
  return true
end

local scenarios = dofile "torture/harness/scenarios.lua"
require "cjson" -- kept mapped until the end: code that was unmapped has no name any more
if only then harness.explain() end
if options.search then
  for _, secret in ipairs(scenarios.secrets) do harness.add_secret(secret[1], secret[2]) end
end

local tests, total, searched, findings, all_well = 0, 0, 0, 0, true
for _, scenario in ipairs(scenarios.list(what)) do
  if scenario.name == (options.scenario or scenario.name) then
    tests = tests + 1
    local name = ("%d - %s: %s over %s"):format(tests, what, scenario.name, scenario.transport)
    local open, problem = open_stage(scenario)
    if open then
      figures = { points = 0, bad = 0, searched = 0, outcomes = {}, ends = {}, leaks = {}, findings = {} }
      sweep_all()
      harness.close()
      total, searched = total + figures.points, searched + figures.searched
      print(("%s %s\n# %d points%s%s%s (%d points so far)"):format(figures.bad == 0 and "ok" or "not ok", name, figures.points,
        tallies(": ", figures.outcomes), tallies("; the process was ended: ", figures.ends),
        tallies("; left behind: ", figures.leaks), total))
      for _, place in ipairs(figures.findings) do
        findings = findings + figures.findings[place]
        print(("# found: %d %s"):format(figures.findings[place], named(place)))
      end
      all_well = all_well and figures.bad == 0
    else
      print("not ok " .. name .. "\n# it does not run")
      io.stderr:write(scenario.name, " over ", scenario.transport, ", without failures: ", problem, "\n")
      all_well = false
    end
    io.stdout:flush()
  end
end
if options.search then print(("# searched: %d blocks that the module freed, %d findings"):format(searched, findings)) end
print("1.." .. tests)
return all_well
