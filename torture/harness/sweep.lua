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
local figures -- of its points: points, bad, searched, and tallies: how they ended, findings

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

-- A point by its scenario and failure; what the ids of its requests begin with.
local function name_of(point)
  local kind = harness.kinds[point.source - SOURCES.calls + 1]
  return ("%s-%s-%s-%s-%d-%s"):format(stage.name, stage.transport, kind and kind.name or what, kind and kind[point.error] or "",
    point.at, point.sticky and "sticky" or "once")
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
  if bytes ~= 0 then harness.finish(BADLY, bytes .. " bytes of Lua's are not given back") end
  -- A resolver's thread that libcurl has left closes its descriptor when it ends.
  for _ = 1, 1000 do
    if entries_of "/proc/self/task" <= stage.threads then break end
    harness.nap()
  end
  local descriptors = entries_of "/proc/self/fd"
  if descriptors ~= stage.descriptors then
    harness.finish(BADLY, ("%d descriptors are open, %d were"):format(descriptors, stage.descriptors))
  end
  if stage.cold then return end -- and what is made once in a process stays
  local left = harness.left()
  local one = left[1]
  for _, name in ipairs(left) do one = left[name] and name or one end
  if one then
    harness.finish((left[one] or #left > FEW) and BADLY or LEAKING,
      ("%d blocks are not given back, one of %s"):format(#left, one))
  end
end

local function play(point)
  harness.tell(name_of(point), point.at < 0 and PATIENT_SECONDS or SECONDS)
  harness.watch(POINT_SECONDS, options.search, only ~= nil)
  local returned, outcome, failures = harness.run(point.source, point.at, point.sticky, point.error)
  local last = failures == 0
  if last then harness.report "last" end
  if not returned then
    if last or not may_be_raised(outcome, point.source) then harness.finish(BADLY, "raised: " .. outcome) end
    outcome = "raised"
  end
  harness.report("outcome " .. outcome)
  local kind = harness.kinds[point.source - SOURCES.calls + 1]
  local harmless = last or kind and kind[point.error] == "short"
  -- A busy machine may be late: "auth" is what a timeout of the token service comes to.
  local late = point.at >= 0 and (outcome == "timeout" or outcome == "auth")
  if harmless and outcome ~= "answered" and not late then harness.finish(BADLY, outcome .. ", although nothing failed") end
  local well, problem = harness.after()
  if not well then harness.finish(BADLY, "afterwards: " .. problem) end
  check_left()
  harness.finish(last and LAST or WELL)
end

-- In their parent.

local running, busy = {}, 0 -- the points whose processes run, by the slots of their reports; how many

-- Says which point it was that went wrong.
local function complain(point, reason)
  io.stderr:write(name_of(point), ": ", reason, "\n")
  figures.bad = figures.bad + 1
end

-- Waits for a process; notes how its point ended, and returns that.
local function finish_one()
  local id, status = harness.wait()
  local slot = 1
  while running[slot] == nil or running[slot].id ~= id do slot = slot + 1 end
  local point, report = running[slot], "\n" .. harness.read_report(slot)
  running[slot], busy = nil, busy - 1
  point.report = report
  point.last = report:find "\nlast\n" ~= nil
  point.sweep.ended = point.sweep.ended or point.last
  figures.searched = figures.searched + (report:match "\nsearched (%d+)" or 0)
  for name in report:gmatch "\nfound ([^\n]*)" do add(figures.findings, name) end
  if report:find "\nfound " then complain(point, "the module freed memory that holds a secret") end
  if status ~= LAST or point.source == SOURCES.none then figures.points = figures.points + 1 end
  if status == WELL or status == LEAKING then add(figures.ends, report:match "\noutcome ([^\n]*)") end
  local reason = report:match "\nreason ([^\n]*)" or type(status) == "string" and status or "a sanitizer spoke"
  if status == LEAKING or status == BY_LIBRARY then
    add(figures.ends, (status == LEAKING and "left behind: " or "ended by a library: ") .. reason)
  elseif status ~= WELL and status ~= LAST then
    complain(point, reason)
  end
  return point
end

local function finish_all()
  while busy > 0 do finish_one() end
end

-- Starts a process for a point of a sweep, once there is a place for it.
local function start(sweep, at)
  if busy == JOBS then finish_one() end
  local slot = 1
  while running[slot] do slot = slot + 1 end
  local point = setmetatable({ sweep = sweep, at = at }, { __index = sweep })
  point.id = harness.fork(slot)
  if point.id == 0 then play(point) end
  running[slot], busy = point, busy + 1
end

-- The points of one source and one way to fail, up to that number or to the first that should meet no failure. Some may
-- still run when it returns.
local function run_sweep(sweep, highest)
  while not sweep.ended and sweep.at <= highest and figures.bad < MOST_BAD do
    start(sweep, sweep.at)
    sweep.at = sweep.at + sweep.stride
  end
end

-- Begins the sweeps of one source, of which the scenario makes so many calls without failures.
local function sweep_source(sweeps, source, calls)
  local kind = harness.kinds[source - SOURCES.calls + 1]
  local stride = most > 0 and calls > most and (calls + most - 1) // most or 1
  for way = 1, calls > 0 and (kind and #kind or 1) or 0 do
    for _, sticky in ipairs { false, true } do
      local sweep = { source = source, error = kind and way, sticky = sticky, stride = stride, at = only or stride // 2 }
      sweeps[#sweeps + 1] = sweep
      run_sweep(sweep, only or calls + stride)
    end
  end
end

-- All points of the scenario that is open.
local function sweep_all()
  local first, sweeps = SOURCES[what], {}
  start({ source = first, sticky = false }, -1) -- nothing fails, and the calls are counted
  local counted = finish_one()
  if not counted.last then figures.bad = figures.bad + 1 end
  local source = 0
  for calls in counted.report:gmatch "\nseen (%d+)" do
    if what ~= "none" and (source == first or what == "calls" and source > first) then
      sweep_source(sweeps, source, tonumber(calls))
    end
    source = source + 1
  end
  finish_all()
  if only then return end
  for _, sweep in ipairs(sweeps) do -- those in which something failed even then
    run_sweep(sweep, MOST_POINTS)
    finish_all()
    if not sweep.ended and figures.bad < MOST_BAD then complain(sweep, "it fails without an end") end
  end
end

-- Runs the scenario here once, without failures: what libraries make once in a process is made then.
local function rehearse()
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
if options.search then
  for _, secret in ipairs(scenarios.secrets) do harness.add_secret(secret[1], secret[2]) end
end

local tests, total, searched, findings, all_well = 0, 0, 0, 0, true
for _, scenario in ipairs(scenarios.list(what)) do
  if scenario.name == (options.scenario or scenario.name) then
    tests = tests + 1
    figures = { points = 0, bad = 0, searched = 0, ends = {}, findings = {} }
    local open, problem = open_stage(scenario)
    if open then
      sweep_all()
      harness.close()
    else
      io.stderr:write(scenario.name, " over ", scenario.transport, ", without failures: ", problem, "\n")
      figures.bad = 1
    end
    total, searched = total + figures.points, searched + figures.searched
    local ends = {}
    for i, name in ipairs(figures.ends) do ends[i] = figures.ends[name] .. " " .. name end
    print(("%s %d - %s: %s over %s"):format(figures.bad == 0 and "ok" or "not ok", tests, what, scenario.name, scenario.transport))
    print(("# %d points, %d so far: %s"):format(figures.points, total, table.concat(ends, ", ")))
    for _, place in ipairs(figures.findings) do
      findings = findings + figures.findings[place]
      print(("# found: %d %s"):format(figures.findings[place], named(place)))
    end
    all_well = all_well and figures.bad == 0
    io.stdout:flush()
  end
end
if options.search then print(("# searched: %d blocks that the module freed, %d findings"):format(searched, findings)) end
print("1.." .. tests)
return all_well
