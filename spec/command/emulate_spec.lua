-- cpp-portal emulate: how the emulator is started from the command line. What it does: spec/emulator/.

local Programs = require "spec.support.program"

describe("cpp-portal emulate", function()
  local programs
  before_each(function() programs = Programs.new {} end)
  after_each(function() programs:close() end)

  local function refused(message, words, status)
    local output, errors, ended = programs:run { "bin/cpp-portal", "emulate", table.unpack(words) }
    assert.is_truthy(errors:find("^cpp%-portal: " .. message .. "[^\n]*\n$"), errors)
    assert.same({ "", status }, { output, ended })
  end

  it("prints the line that points this command at it, gives its faults, and ends with Ctrl-C", function()
    local emulator = programs:start { "bin/cpp-portal", "emulate", "--fault", '{"status": 403}' }
    local assignments = emulator:read_until("export "):match "export (.*)"
    for name, value in assignments:gmatch "(%S+)=(%S+)" do programs.environment[name] = value end
    local status_of = { "bin/cpp-portal", "status", "contoso", "contoso-vm" }
    assert.matches(": 403", (select(2, programs:run(status_of))))
    assert.matches("\ncontoso%-vm +running ", (programs:run(status_of)))
    emulator:kill "INT"
    local output, errors, status = emulator:finish()
    assert.matches("^The portal emulator listens at http://127%.0%.0%.1:%d+", output)
    assert.same({ "", 0 }, { errors, status })
  end)

  -- Of a missing module: spec/project/demo_spec.lua.
  it("says in one line that the emulator is not installed", function()
    programs:begin_with [[package.preload["cpp.emulator"] = function() error("module 'cpp.emulator' not found", 0) end]]
    refused("emulate: the emulator is not installed ", {}, 1)
  end)

  it("refuses options that make no sense", function()
    refused("%-%-port: expected a port, from 0 to 65535", { "--port", "65536" }, 2)
    refused("%-%-speed: expected a number above 0", { "--speed", "0" }, 2)
    refused("%-%-scenario: /nonexistent: No such file", { "--scenario", "/nonexistent" }, 2)
    refused("%-%-scenario: / cannot be read", { "--scenario", "/" }, 2)
    refused("scenario: unknown option 'x'", { "--scenario", programs:file '{"x": 1}' }, 2)
    refused("%-%-fault: expected a JSON object", { "--fault", "1" }, 2)
    refused("%-%-fault: ", { "--fault", "{" }, 2)
    refused("%-%-ready: /nonexistent/x: No such file", { "--ready", "/nonexistent/x" }, 2)
  end)

  it("says so where it cannot listen", function()
    refused("emulate: cannot listen at 192%.0%.2%.1, port 0: ", { "--host", "192.0.2.1" }, 1)
  end)
end)
