-- Progress: what people see of how far an operation is.

local cpp = require "cpp"
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

    it("is 79 columns of text at most, and nothing for a clock alone", function()
      local text = ("\u{1d400}"):rep(79) .. ", 1 %"
      assert.equal(text .. "\n", written { state = ("\u{1d400}"):rep(200), progress = 1 })
      local progress = require("cpp.progress").new(stream, 2)
      progress:draw()
      progress:erase()
      stream:seek("set")
      assert.equal(text .. ", 0:00\n", stream:read "a")
    end)

    it("raises for what is no open file, no operation, and no number of operations", function()
      assert.has_no.errors(function() cpp.progress() end)
      for words, value in pairs { string = "x", ["closed file"] = io.tmpfile() } do
        if words == "closed file" then value:close() end
        assert.error_matches(function() cpp.progress(value) end, "expected an open file, got " .. words)
      end
      assert.error_matches(function() cpp.progress(stream)(5) end, "expected an operation, got number")
      for _, total in ipairs { 0, -1, 1.5, "2", false } do
        assert.has_error(function() cpp.progress(nil, { total = total }) end, "cpp: total: expected a whole number above 0")
      end
      assert.has_error(function() cpp.progress(nil, { totl = 2 }) end, "cpp: unknown option 'totl' (expected total)")
      assert.has_error(function() cpp.progress(nil, 2) end, "cpp: expected a table of options, got number")
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

    it("accepts operations without anything to show", function()
      assert.equal("unknown, 0 %\n", written({}, { steps = "none" }, { steps = { 1, { status = "running" } } }))
    end)
  end)

  describe("on a terminal", function()
    local programs
    before_each(function() programs = Programs.new {} end)
    after_each(function() programs:close() end)

    -- The output of a child that runs this code to its standard error, a terminal of that size.
    local function on_terminal(size, code)
      return (programs:run_on_terminal(size, { os.getenv "LUA" or "lua5.4", programs:file([[
        local cpp = require "cpp"
        local show = cpp.progress(io.stderr)
        local function step(percent)
          show { state = "running", progress = percent, steps = { { stepName = "Validate", status = "inProgress" } } }
        end
      ]] .. code) }))
    end

    it("fits the terminal, whose size may change", function()
      local output = on_terminal("80 24 30", [[
        step(25)
        while cpp.core.terminal_size(io.stderr) ~= 30 do end
        step(50)
      ]])
      assert.is_truthy(output:find("\r\27[2A\27[J", 1, true), output) -- 79 columns take three lines of 30
      assert.equal(29, #output:match "[^J]*$")
      assert.equal("60 6", on_terminal("60 6", "io.stderr:write(table.concat({ cpp.core.terminal_size(io.stderr) }, ' '))"))
    end)

    it("is plain lines where TERM=dumb", function()
      programs.environment.TERM = "dumb"
      assert.equal("running: Validate, 10 %, 0:00\r\n", on_terminal("80 24", "step(10)"))
    end)
  end)
end)
