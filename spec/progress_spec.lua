-- Progress: how far an operation is, computed from its steps, and what people see of it.

local cpp = require "cpp"
local status = require "cpp.status"

describe("progress", function()
  describe("is computed:", function()
    local function of(steps, state)
      return status.progress({ steps = steps }, state or "running")
    end

    it("the mean of the steps, as an integer", function()
      local progress = of { { progressPercentage = 100 }, { progressPercentage = 50 }, { progressPercentage = 0 } }
      assert.equal(50, progress)
      assert.equal("integer", math.type(progress))
      assert.equal(33, of { { status = "complete" }, {}, {} })
      assert.equal("integer", math.type(of { { progressPercentage = 33.4 } }))
    end)

    it("100 for a step that is complete, however that is spelled and whatever it says", function()
      for _, spelling in ipairs { "complete", "Completed", "SUCCEEDED", " com_plete" } do
        assert.equal(100, of { { status = spelling, progressPercentage = 3 } })
      end
    end)

    it("100 for an operation that is completed, and what its steps say for any other", function()
      assert.equal(100, of({ { progressPercentage = 10 } }, "completed"))
      assert.equal(100, of(nil, "completed"))
      assert.equal(10, of({ { progressPercentage = 10 } }, "canceled"))
      assert.equal(0, of(nil, "canceled"))
    end)

    it("0 to 100, whatever the service gives", function()
      for value, expected in pairs { [-5] = 0, [1000] = 100, ["50"] = 50, [math.huge] = 100, ["many"] = 0 } do
        assert.equal(expected, of { { progressPercentage = value } })
      end
      assert.equal(0, of { { progressPercentage = 0 / 0 } })
      for _, steps in ipairs { {}, "steps", 5, { "step" }, { false }, { a = 1 } } do assert.equal(0, of(steps)) end
    end)
  end)

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

    it("is no line where nothing has changed", function()
      local steps = { { stepName = "one", status = "complete" }, { stepName = "two", status = "inProgress" },
                      { stepName = "three", status = "notStarted" } }
      assert.equal("running: two, 40 %\nrunning: two, 50 %\ncanceled, 50 %\n",
                   written({ state = "running", progress = 40, steps = steps },
                           { state = "running", progress = 40, steps = steps },
                           { state = "running", progress = 50, steps = steps },
                           { state = "canceled", progress = 50, steps = steps }))
    end)

    it("is at hand at once, for whoever reads along", function()
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
    end)

    it("bears operations that lack all there is to show", function()
      assert.equal("unknown, 0 %\n", written({}, { steps = "none" }, { steps = { 1, { status = "running" } } }))
    end)
  end)

  describe("on a terminal", function()
    -- What a child that runs this code writes to its standard error, a pseudo terminal.
    local function on_terminal(code)
      local name = os.tmpname()
      local file = assert(io.open(name, "w"))
      file:write('local cpp = require "cpp"\nlocal show = cpp.progress()\n', code)
      file:close()
      local command = ("script -qec '%s %s' /dev/null </dev/null"):format(os.getenv("LUA") or "lua5.4", name)
      local child = assert(io.popen(command))
      local output = child:read("a")
      child:close()
      os.remove(name)
      return output
    end

    it("is one line, drawn again and again, and ended at the end", function()
      local output = on_terminal [[
        local steps = { { stepName = "a very long name of a step: " .. ("x"):rep(200), status = "inProgress" } }
        show { state = "running", progress = 25, steps = steps }
        show { state = "running", progress = 50 }
        show { state = "canceled", progress = 50 }
      ]]
      local lines = {}
      for line in output:gmatch("\r([^\r\n]+)") do lines[#lines + 1] = line end
      assert.equal(3, #lines)
      for _, line in ipairs(lines) do assert.equal(79, #line) end
      assert.is_truthy(lines[1]:find("^running: a very long name of a step: x+ %[#####%.+%]  25 %%  0:00$"))
      assert.is_truthy(lines[2]:find("^running +%[##########%.+%]  50 %%  0:00$"))
      assert.is_truthy(lines[3]:find("^canceled +%[##########%.+%]  50 %%  0:00$"))
      assert.equal(1, select(2, output:gsub("\n", "")))
      assert.is_truthy(output:find("\n$"))
    end)
  end)
end)
