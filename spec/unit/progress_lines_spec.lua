-- All that progress draws on a terminal, in one process: the stream says that it is a terminal, and the clock is virtual.

local core = require "cpp.core"
local Progress = require "cpp.progress"

local function operation(offer, percent, state, steps)
  return { publisher = "contoso", offer = offer, progress = percent, state = state or "running",
           steps = steps or { { stepName = "Validate", status = "running" } } }
end

local LONG = { { stepName = ("long "):rep(30), status = "running" } }
local WIDE = { { stepName = ("検証"):rep(20), status = "running" } }

-- Calls of a progress, each with the seconds before it, and what is written: "<2>" erases, from two lines above on, and
-- "_9_" is nine blanks. `start` is the time of the clock, `columns` and `rows` the size of the terminal.
local SCRIPTS = {
  { name = "one operation", columns = 80, rows = 24, calls = {
    { 0.75, "tick" }, { 0.75, "tick" }, { 59, "tick" }, { 1, "show", operation("vm", 10) }, { 0.5, "tick" }, { 0.5, "tick" },
    { 1, "show", operation("vm", 30) }, { 0, "show", operation("vm", 31) }, { 1, "tick" },
    { 0.5, "erase" }, { 0, "erase" }, { 0.0625, "tick" }, { 0.0625, "tick" }, { 3600, "show", operation("vm", 100) },
    { 0, "show", operation("vm", 100, "completed") },
    { 5, "tick" },
  }, text = [[
waiting, 0:01_66_<>
waiting, 1:00_66_<>
running: Validate_28_[##..................]  10 %  1:01<>
running: Validate_28_[##..................]  10 %  1:02<>
running: Validate_11_[######..............]  30 %  1:03  about 0:07 left<>
running: Validate_11_[######..............]  31 %  1:03  about 0:06 left<>
running: Validate_11_[######..............]  31 %  1:04  about 0:05 left<>
running: Validate_11_[######..............]  31 %  1:05  about 0:05 left<>
running: Validate_27_[####################] 100 %  61:05<>
completed, 61:05
]] },
  { name = "several operations", columns = 70, rows = 5, total = 5, calls = {
    { 0, "show", operation("one", 10) }, { 0.0625, "show", operation("two", 10) }, { 0.0625, "tick" }, { 0.5, "tick" },
    { 0.5, "tick" }, { 1, "show", { location = "/x" } }, { 1, "show", operation("four", 10, "running", LONG) },
    { 1, "show", operation("two", 20, "canceled") }, { 1, "finish", { location = "/x" } }, { 0.0625, "tick" },
    { 0.0625, "tick" }, { 1, "finish", operation("five") }, { 1, "show", operation("one", 100, "failed") },
    { 0, "finish", operation("four") }, { 1, "tick" },
  }, text = [[
one: running: Validate_13_[##..................]  10 %  0:00
0 of 5 ended, 0:00_51_<1>
one: running: Validate_13_[##..................]  10 %  0:00
two: running: Validate_13_[##..................]  10 %  0:00
0 of 5 ended, 0:00_51_<2>
one: running: Validate_13_[##..................]  10 %  0:01
two: running: Validate_13_[##..................]  10 %  0:01
0 of 5 ended, 0:01_51_<2>
one: running: Validate_13_[##..................]  10 %  0:02
two: running: Validate_13_[##..................]  10 %  0:02
/x: unknown_24_[....................]_3_0 %  0:00
0 of 5 ended, 0:02_51_<3>
one: running: Validate_13_[##..................]  10 %  0:03
two: running: Validate_13_[##..................]  10 %  0:03
/x: unknown_24_[....................]_3_0 %  0:01
0 of 5 ended, 0:03 (1 more run)_38_<3>
two: canceled, 0:04
one: running: Validate_13_[##..................]  10 %  0:04
/x: unknown_24_[....................]_3_0 %  0:02
four: running: long long long long [##..................]  10 %  0:01
1 of 5 ended, 0:04_51_<3>
one: running: Validate_13_[##..................]  10 %  0:05
four: running: long long long long [##..................]  10 %  0:02
2 of 5 ended, 0:05_51_<2>
one: failed, 0:07
four: running: long long long long [##..................]  10 %  0:04
4 of 5 ended, 0:07_51_<1>
5 of 5 ended, 0:08_51_]] },
  { name = "terminals of other sizes", columns = 60, rows = 1, total = 2, calls = {
    { 0, "show", operation("one", 99.5) }, { 1, "show", operation("two", 50) }, { 1, "draw", columns = 61, rows = 3 },
    { 1, "draw", columns = 20, rows = 4 }, { 1, "draw", columns = 10, rows = 4 }, { 1, "draw", columns = 1 }, { 1, "draw" },
    { 1, "draw", columns = 500, rows = 5 },
  }, text = [[
one: running: Validate_28_0 %  0:00
0 of 2 ended, 0:00_41_<1>
one: running: Validate_28_0 %  0:01
0 of 2 ended, 0:01 (1 more run)_28_<1>
one: running: Validate_4_[....................]_3_0 %  0:02
0 of 2 ended, 0:02 (1 more run)_29_<5>
one: ru_3_0 %  0:03
two: ru  50 %  0:02
0 of 2 ended, 0:03 <5>
_3_0 %  0
  50 %  0
0 of 2 en<26>


<2>


<2>
one: running: Validate_44_[....................]_3_0 %  0:07
two: running: Validate_44_[##########..........]  50 %  0:06
0 of 2 ended, 0:07_82_]] },
  { name = "wide characters", columns = 50, rows = 9, total = 2, calls = {
    { 0, "show", operation("韓", 5, "running", WIDE) }, { 1, "show", operation(("o"):rep(120), 5) },
  }, text = [[
韓: running: 検証検証検証検証検証検証_3_5 %  0:00
0 of 2 ended, 0:00_31_<1>
韓: running: 検証検証検証検証検証検証_3_5 %  0:01
ooooooooooooooooooooooooooooooooooooo_3_5 %  0:00
0 of 2 ended, 0:01_31_]] },
  { name = "the time that is left", columns = 80, rows = 9, calls = {
    { 0, "show", operation("vm", 0, "running", {}) }, { 10, "show", operation("vm", 10) }, { 10, "show", operation("vm", 10) },
    { 10, "show", operation("vm", 20) }, { 1, "show", operation("vm", 95) }, { 1, "show", operation("vm", 96) }, { 0.5, "draw" },
    { 1, "draw" },
  }, text = [[
running_38_[....................]_3_0 %  0:00<>
running: Validate_28_[##..................]  10 %  0:10<>
running: Validate_28_[##..................]  10 %  0:20<>
running: Validate_11_[####................]  20 %  0:30  about 2:40 left<>
running: Validate_11_[###################.]  95 %  0:31  about 0:01 left<>
running: Validate_11_[###################.]  96 %  0:32  about 0:01 left<>
running: Validate_28_[###################.]  96 %  0:32<>
running: Validate_28_[###################.]  96 %  0:33]] },
  { name = "the last second", columns = 61, rows = 9, calls = {
    { 0, "show", operation("vm", 0) }, { 1, "show", operation("renamed", 50) }, { 1, "show", operation("vm", 75) },
  }, text = [[
running: Validate_9_[....................]_3_0 %  0:00<>
running: [##########..........]  50 %  0:01  about 0:01 left<>
running: Validate_9_[###############.....]  75 %  0:02]] },
  { name = "redrawing from 0.1 s on", columns = 20, rows = 9, total = 2, start = 0, calls = {
    { 0, "show", operation("one", 1) }, { 0.1, "show", operation("one", 2) }, { 0, "show", operation("one", 3) },
    { 0.06, "tick" }, { 0, "show", operation("one", 4) }, { 0.04, "tick" }, { 0.1, "tick" }, { 0.9, "tick" },
    { 0.2, "finish", operation("one") }, { 0, "tick" },
  }, text = [[
one: ru_3_1 %  0:00
0 of 2 ended, 0:00 <1>
one: ru_3_2 %  0:00
0 of 2 ended, 0:00 <1>
one: ru_3_4 %  0:00
0 of 2 ended, 0:00 <1>
one: ru_3_4 %  0:01
0 of 2 ended, 0:01 <1>
1 of 2 ended, 0:01 ]] },
  { name = "a terminal of unknown size", total = 25, calls = {
    { 0, "show", operation("1") }, { 1, "tick" },
  }, text = [[
1: running: Validate_25_[....................]_3_0 %  0:00
0 of 25 ended, 0:00_60_<1>
1: running: Validate_25_[....................]_3_0 %  0:01
0 of 25 ended, 0:01_60_]] },
}

describe("progress draws", function()
  local own = { core.is_terminal, core.terminal_size, core.monotonic }
  after_each(function() core.is_terminal, core.terminal_size, core.monotonic = table.unpack(own) end)

  local function drawn(script)
    local time, size, name = script.start or 1000, script, os.tmpname()
    local stream <close> = assert(io.open(name, "w"))
    local reader <close> = assert(io.open(name))
    os.remove(name)
    function core.is_terminal(file) return file == stream end
    function core.monotonic() return time end
    function core.terminal_size(file) if file == stream then return size.columns, size.rows end end
    local progress = Progress.new(stream, script.total)
    for _, call in ipairs(script.calls) do
      time = time + call[1]
      size = call.columns and call or size
      progress[call[2]](progress, call[3])
    end
    local text = reader:read("a"):gsub("\r(.-)\27%[J", function(up) return "<" .. up:gsub("%D", "") .. ">\n" end)
    return (text:gsub("   +", function(blanks) return "_" .. #blanks .. "_" end))
  end

  for _, script in ipairs(SCRIPTS) do
    it(script.name, function()
      assert.equal(script.text, drawn(script))
    end)
  end
end)
