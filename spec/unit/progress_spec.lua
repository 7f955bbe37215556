-- Progress: what people see of how far an operation is.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Programs = require "spec.support.program"

describe("progress", function()
  describe("elsewhere than on a terminal", function()
    local stream
    before_each(function() stream = assert(io.tmpfile()) end)
    after_each(function() stream:close() end)

    -- What is written when these operations are seen, without the times.
    local function written(...)
      local show = cpp.progress(stream)
      for _, operation in ipairs { ... } do show(operation) end
      stream:seek("set")
      return (stream:read("a"):gsub(", %d+:%d%d\n", "\n"))
    end

    it("is a plain line for whatever has changed, with the time", function()
      cpp.progress(stream) { state = "running", progress = 5 }
      stream:seek("set")
      assert.equal("running, 5 %, 0:00\n", stream:read("a"))
    end)

    it("tells the time since the wait began, in minutes and seconds", function()
      local monotonic, time = cpp.core.monotonic, 987654321
      cpp.core.monotonic = function() return time end
      local show = cpp.progress(stream)
      for percent, seconds in ipairs { 59.9, 60, 119, 3600 } do
        time = 987654321 + seconds
        show { state = "running", progress = percent }
      end
      cpp.core.monotonic = monotonic
      stream:seek("set")
      assert.equal("running, 1 %, 0:59\nrunning, 2 %, 1:00\nrunning, 3 %, 1:59\nrunning, 4 %, 60:00\n", stream:read("a"))
    end)

    it("is 79 columns of text at most, and nothing for a clock alone", function()
      local text = ("\u{1d400}"):rep(79) .. ", 1 %"
      assert.equal(text .. "\n", written { state = ("\u{1d400}"):rep(200), progress = 1 })
      local progress = require("cpp.progress").new(stream, 2)
      progress:draw()
      progress:erase()
      stream:seek("set")
      assert.equal(text .. ", 0:00\n", stream:read "a")
    end)

    it("raises for what is no open file, and no operation", function()
      assert.has_no.errors(function() cpp.progress() end)
      for words, value in pairs { string = "x", ["closed file"] = io.tmpfile() } do
        if words == "closed file" then value:close() end
        assert.error_matches(function() cpp.progress(value) end, "expected an open file, got " .. words)
      end
      assert.error_matches(function() cpp.progress(stream)(5) end, "expected an operation, got number")
    end)

    it("is no line where nothing has changed", function()
      local steps = { { stepName = "one", status = "complete" }, { stepName = "two", status = "inProgress" },
                      { stepName = "three", status = "notStarted" } }
      assert.equal("running: two, 40 %\nrunning: two, 50 %\ncanceled\n",
                   written({ state = "running", progress = 40, steps = steps },
                           { state = "running", progress = 40, steps = steps },
                           { state = "running", progress = 50, steps = steps },
                           { state = "canceled", progress = 50, steps = steps }))
    end)

    it("is written at once, for a program that reads it", function()
      local name = os.tmpname()
      local file = assert(io.open(name, "w"))
      cpp.progress(file) { state = "running", progress = 5 }
      local reader = assert(io.open(name))
      assert.equal("running, 5 %, 0:00", reader:read("l"))
      reader:close()
      file:close()
      os.remove(name)
    end)

    it("is one line that is not endless, whatever the service calls things", function()
      local evil = "\27[2J\r\nname\0" .. ("long "):rep(1000)
      local text = written({ state = evil, progress = 1 },
                           { state = "running", progress = 1, steps = { { stepName = evil, status = "running" } } })
      assert.equal(2, select(2, text:gsub("\n", "")))
      assert.is_nil(text:gsub("\n", ""):find("%c"))
      assert.is_true(#text < 250)
    end)

    it("moves no cursor and turns no text around, whatever the service calls things", function()
      local function named(name)
        return { state = "running", progress = 1, steps = { { stepName = name, status = "running" } } }
      end
      -- The second is no UTF-8; in Latin 1 it would be a control character.
      assert.equal("running: a 2Jb\u{fffd}c\u{fffd}d e f-é, 1 %\nrunning: a\u{fffd}2J, 1 %\n",
                   written(named "a\u{9b}2Jb\u{202e}c\u{2066}d\u{2028}e\u{85}f-é", named "a\x9b2J"))
    end)

    it("shows no address and no bearer token", function()
      local text = written { state = "running", progress = 1, steps = {
        { stepName = "mail jane.doe@contoso.example, Bearer abc.def", status = "running" } } }
      assert.equal("running: mail [redacted], [redacted], 1 %\n", text)
      local operation = { location = "/x-token-1", state = "running", progress = 1,
                          steps = { { stepName = "token-1", status = "running" } } }
      require("cpp.redact").remember(operation, { "token-1" })
      cpp.progress(stream, { total = 2 })(operation)
      stream:seek("set", #text + #", 0:00")
      assert.equal("/x-[redacted]: running: [redacted], 1 %, 0:00\n", stream:read("a"))
    end)

    it("bears operations that lack all there is to show", function()
      assert.equal("unknown, 0 %\n", written({}, { steps = "none" }, { steps = { 1, { status = "running" } } }))
    end)
  end)

  describe("of several operations", function()
    it("names each in its lines, elsewhere than on a terminal", function()
      local stream = assert(io.tmpfile())
      local show = cpp.progress(stream, { total = 2 })
      show { state = "running", progress = 5, publisher = "contoso", offer = "one" }
      show { state = "running", progress = 5, publisher = "contoso", offer = "two" }
      show { state = "running", progress = 5, publisher = "contoso", offer = "one" }
      show { state = "canceled", progress = 5, publisher = "contoso", offer = "one" }
      stream:seek("set")
      assert.equal("one: running, 5 %, 0:00\ntwo: running, 5 %, 0:00\none: canceled, 0:00\n", stream:read("a"))
      stream:close()
    end)

    it("are given as a whole number", function()
      for _, total in ipairs { 0, -1, 1.5, "2", false } do
        assert.has_error(function() cpp.progress(nil, { total = total }) end, "cpp: total: expected a whole number above 0")
      end
      assert.has_error(function() cpp.progress(nil, { totl = 2 }) end, "cpp: unknown option 'totl' (expected total)")
      assert.has_error(function() cpp.progress(nil, 2) end, "cpp: expected a table of options, got number")
    end)
  end)

  describe("of a batch", function()
    local portal, client
    fixture.client(_ENV, function(...) portal, client = ... end)

    it("names the offer of each operation, and so do results", function()
      local list = {}
      for number = 1, 4 do
        list[number] = { publisher = "contoso", offer = "offer-" .. number }
        fixture.offer(portal, { offer = "offer-" .. number, operation_id = "op-" .. number, running = number ~= 4,
                                location_form = number == 2 and "none" or nil })
      end
      list[4].if_running = true
      local seen = {}
      local entries = client:cancel_all(list, { wait = { on_progress = function(operation)
        seen[operation.publisher .. "/" .. operation.offer] = true
      end } })
      assert.same({ ["contoso/offer-1"] = true, ["contoso/offer-2"] = true, ["contoso/offer-3"] = true }, seen)
      for number, entry in ipairs(entries) do
        assert.same({ "contoso", "offer-" .. number }, { entry.result.publisher, entry.result.offer })
      end
    end)
  end)

  describe("on a terminal", function()
    local programs
    before_each(function() programs = Programs.new {} end)
    after_each(function() programs:close() end)

    -- The output of a child that runs this code to its standard error, a terminal of that size.
    local function on_terminal(size, code, total)
      local name = programs:file(("local TOTAL = %s\n"):format(total) .. [[
        local cpp, time = require "cpp", 1000
        cpp.core.monotonic = function() return time end
        local show = cpp.progress(io.stderr, { total = TOTAL })
        local function wait(seconds) time = time + seconds end
        local function offer(name, percent, state)
          show { publisher = "contoso", offer = name, progress = percent, state = state or "running",
                 steps = { { stepName = "Validate", status = "inProgress" } } }
        end
      ]] .. code)
      return (programs:run_on_screen(size, { os.getenv "LUA" or "lua5.4", name }))
    end

    it("is one line, drawn again and again, and ended without a percentage", function()
      local output = on_terminal("80 24", [[
        local steps = { { stepName = "a very long name of a step: " .. ("x"):rep(200), status = "inProgress" } }
        show { state = "running", progress = 25, steps = steps }
        wait(60)
        show { state = "running", progress = 50 }
        wait(1)
        show { state = "canceled", progress = 50 }
      ]])
      local lines = {}
      for line in output:gmatch("[^\r\n]+") do lines[#lines + 1] = line:gsub("^\27%[J", "") end
      assert.equal(3, #lines)
      assert.equal(79, #lines[1])
      assert.is_truthy(lines[1]:find "^running: a very long name of a step: x+ %[#####%.+%]  25 %%  0:00$")
      assert.is_truthy(lines[2]:find "^running +%[##########%.+%]  50 %%  1:00  about 2:00 left$", lines[2])
      assert.same({ "canceled, 1:01" }, Programs.screen(output, 80))
    end)

    it("is one line for one wait, whose location may change", function()
      local output = on_terminal("80 24", [[
        show { state = "running", progress = 10, location = "/first" }
        wait(1)
        show { state = "running", progress = 99, location = "/second" }
      ]])
      local lines = Programs.screen(output, 80)
      assert.equal(1, #lines)
      assert.matches("[" .. ("#"):rep(19) .. ".]  99 %", lines[1], 1, true)
    end)

    it("fits terminals of any width, also where that changes", function()
      for _, columns in ipairs { 1, 5, 13, 20, 40, 61, 200 } do
        local output = on_terminal(columns .. " 24", [[
          offer("contoso-vm", 25) wait(1) offer("contoso-vm", 50)
        ]])
        assert.is_nil(output:find("traceback", 1, true), output)
        local lines = Programs.screen(output, columns)
        assert.is_true(columns < 20 or #lines == 1, output)
      end
      local output = on_terminal("80 24 30", [[
        offer("contoso-vm", 25)
        while cpp.core.terminal_size(io.stderr) ~= 30 do end
        offer("contoso-vm", 50)
      ]])
      assert.is_truthy(output:find("\r\27[2A\27[J", 1, true), output) -- 79 columns take three lines of 30
      assert.equal(29, #output:match "[^J]*$")
    end)

    it("fits the terminal where characters are wide or combine", function()
      for _, columns in ipairs { 10, 20, 41, 80 } do
        local output = on_terminal(columns .. " 24", [[
          offer("検証検証検証", 10) offer("e\u{301}e\u{301}", 10) offer("한국어", 10) wait(1) offer("한국어", 20, "running", "検証検証検証検証")
        ]], 3)
        local drawn = 0
        for line in output:gsub("\27%[%d*[AJ]", "\n"):gmatch "[^\r\n]+" do
          local count = select(2, line:gsub("[\xe1-\xef][\x80-\xbf][\x80-\xbf]", "")) * 2
            + #line:gsub("[\xcc-\xef][\x80-\xbf]+", "")
          assert.is_true(count < columns, ("%d columns: %s"):format(count, line))
          drawn = drawn + 1
        end
        assert.is_true(drawn > 3)
      end
    end)

    it("says since when nothing was seen of the one operation, until it has ended", function()
      local code = [[
        local progress = require("cpp.progress").new(io.stderr, TOTAL)
        wait(0.5) progress:tick() wait(3) progress:tick() wait(1) progress:tick()
      ]]
      assert.same({ "waiting, 0:04" }, Programs.screen(on_terminal("60 24", code, 1), 60))
      assert.same({ "waiting," }, Programs.screen(on_terminal("9 24", code, 1), 60))
      assert.same({ "0 of 2 ended, 0:04" }, Programs.screen(on_terminal("60 24", code, 2), 60))
      for _, total in ipairs { 1, 2 } do assert.equal("", on_terminal("60 24", code:gsub("wait%(3%).*", ""), total)) end
      code = code .. 'progress:finish { offer = "x" } wait(1) progress:tick()'
      assert.equal("", table.concat(Programs.screen(on_terminal("60 24", code, 1), 60)))
      assert.same({ "1 of 2 ended, 0:05" }, Programs.screen(on_terminal("60 24", code, 2), 60))
    end)

    it("is drawn again soon after another line was written, else after a second", function()
      local code = [[
        local progress = require("cpp.progress").new(io.stderr, TOTAL)
        for n = 1, TOTAL do progress:show { publisher = "a", offer = "b" .. n, state = "running", progress = 1 } end
        wait(0.4) progress:tick() -- draws what the second of several, so soon after the first, left behind
        wait(0.4) if ERASED then progress:erase() end progress:tick()
      ]]
      for total, expected in ipairs { { [true] = 2, [false] = 1 }, { [true] = 5, [false] = 3 } } do
        for erased, count in pairs(expected) do
          local output = on_terminal("60 24", code:gsub("ERASED", tostring(erased)), total)
          assert.equal(count, select(2, output:gsub("running", "")), output)
        end
      end
    end)

    it("fills at most 100 columns, and 79 where the terminal's size is not known", function()
      local code = [[
        local steps = { { stepName = "one", status = "running" } }
        show { state = "running", progress = 0, steps = steps } wait(1)
        show { state = "running", progress = 7, steps = steps } wait(1.5)
        require("cpp.progress").new(io.stderr) -- draws nothing by itself
        show { state = "running", progress = 7, steps = steps }
      ]]
      for size, columns in pairs { ["200 50"] = 100, ["0 0"] = 79 } do
        local output = on_terminal(size, code)
        local line = "running: one" .. (" "):rep(columns - 63) .. "[#...................]   7 %  0:02  about 0:33 left"
        assert.same({ line }, Programs.screen(output, 200))
        assert.equal("running: one", output:sub(1, 12)) -- there was nothing to erase
      end
    end)

    it("shows what has not ended, each by its offer or location", function()
      local code = [[
        local progress = require("cpp.progress").new(io.stderr, TOTAL)
        local function look(operation) operation.state, operation.progress = "running", 1 progress:show(operation) end
        wait(0.5) progress:tick() wait(5)
        look { publisher = "a", offer = "one" } look { location = "/x" } look { location = "/y" }
      ]]
      local function shown(more)
        local lines = Programs.screen(on_terminal("59 5", code .. more, 4), 59)
        for i, line in ipairs(lines) do lines[i] = line:gsub(": .*%%  ", " ") end
        return lines
      end
      assert.same({ "one 0:00", "0 of 4 ended, 0:05" }, shown "") -- the others come with the next
      assert.same({ "one 0:01", "/x 0:01", "/y 0:01", "0 of 4 ended, 0:06" }, shown "wait(1) progress:tick()")
      local finished = 'progress:finish { publisher = "a", offer = "one" } progress:finish { location = "/x" } '
      assert.same({}, shown(finished))
      assert.same({ "/y 0:01", "2 of 4 ended, 0:06" }, shown(finished .. "wait(1) progress:tick()"))
      assert.same({ "/y 0:02", "/x 0:00", "2 of 4 ended, 0:07" },
                  shown(finished .. 'wait(2) look { location = "/x" } wait(0.01) progress:draw()'))
    end)

    it("has room for one operation on any terminal, and for 22 where the size is not known", function()
      for rows = 1, 3 do
        local output = on_terminal("59 " .. rows, [[offer("one", 1) wait(1) offer("two", 2)]], 3)
        assert.same({ "one", "0 of 3 ended, 0:01 (1 more run)" },
                    { Programs.screen(output, 59)[1]:match "^%w+", Programs.screen(output, 59)[2] })
      end
      local output = on_terminal("0 0", [[for number = 1, 30 do offer("offer-" .. number, 10) end wait(1) offer("last", 1)]], 40)
      assert.equal("0 of 40 ended, 0:01 (9 more run)", Programs.screen(output, 80)[23])
    end)

    it("draws what goes on below the line of one that has ended", function()
      local output = on_terminal("59 24", [[wait(5) offer("one", 10) offer("two", 20) wait(1) offer("two", 20, "canceled")]], 2)
      local lines = Programs.screen(output, 59)
      local name, numbers = lines[2]:match "^(.-)  +(%d+ %%.*)$"
      assert.same({ "two: canceled, 0:01", "one: running: Validate", "10 %  0:01", "1 of 2 ended, 0:06" },
                  { lines[1], name, numbers, lines[3] })
    end)

    it("erases lines that the terminal has no room for", function()
      local output = on_terminal("1 24", [[offer("one", 0) wait(1) offer("one", 10)]], 2)
      assert.is_truthy(output:find("\r\27[1A\27[J", 1, true), output)
    end)

    it("has a line for each of several, and how many have ended", function()
      local output = on_terminal("60 24", [[
        offer("one", 10) offer("two", 20) offer("three", 30) wait(5) offer("two", 20, "canceled") wait(0.5) offer("one", 15)
      ]], 4)
      local lines = Programs.screen(output, 60)
      assert.equal("two: canceled, 0:05", lines[1])
      assert.is_truthy(lines[2]:find "^one: running: Validate +15 %%  0:05$", lines[2])
      assert.is_truthy(lines[3]:find "^three: running: Validate +30 %%  0:00$" or lines[3]:find "^three: .* 30 %%  0:05$", lines[3])
      assert.equal("1 of 4 ended, 0:05", lines[4])
      assert.equal(4, #lines)
    end)

    it("has no more lines than the terminal", function()
      local output = on_terminal("60 6", [[
        for number = 1, 40 do offer("offer-" .. number, 10) end wait(0.2) offer("offer-40", 20)
      ]], 40)
      local lines = Programs.screen(output, 60)
      assert.equal(5, #lines)
      assert.is_truthy(lines[4]:find "^offer%-4: ")
      assert.equal("0 of 40 ended, 0:00 (36 more run)", lines[5])
    end)

    it("is plain lines where TERM=dumb", function()
      programs.environment.TERM = "dumb"
      local output = on_terminal("80 24", [[offer("one", 10)]])
      assert.equal("running: Validate, 10 %, 0:00\r\n", output)
    end)
  end)
end)
