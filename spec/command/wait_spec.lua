-- cpp-portal wait; and what a person sees of any wait: progress on a terminal, and what Ctrl-C leaves.

local cjson = require "cjson"
local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local Programs = require "spec.support.program"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options, name) fixture.offer(portal, { offer = name }, options) end

  local LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/first?api-version=2017-10-31"

  describe("wait", function()
    before_each(function()
      offer()
      portal:advance(100)
    end)

    it("shows how an operation ended, by its location, its id, or its offer", function()
      for _, words in ipairs { { portal.url .. LOCATION }, { "-o", "first", "contoso", "contoso-vm" },
                               { "contoso", "contoso-vm" } } do
        local output, errors, status = run("wait", table.unpack(words))
        assert.is_truthy(output:find("^OFFER +STATE +LOCATION\n[%w-]+ +completed +%S+\n$"), output)
        assert.equal("", errors)
        assert.equal(0, status)
      end
    end)

    it("exits with 1 when it did not end as it should", function()
      local _, errors, status = run("wait", "--for", "canceled", "contoso", "contoso-vm")
      assert.equal("cpp-portal: contoso-vm: the outcome is completed, not canceled\n", errors)
      assert.equal(1, status)
      _, _, status = run("wait", "--for=completed", "contoso", "contoso-vm")
      assert.equal(0, status)
    end)

    it("asks the submission when the operation of a cancellation failed, with --for canceled", function()
      offer { cancellation = "own", cancel_mode = "lost_race", cancellation_lost = "failed", location_form = "location" }
      local location = run("cancel", "contoso", "contoso-vm"):match "http%S+"
      portal:advance(100)
      local output, errors, status = run("wait", "--for", "canceled", location)
      assert.is_truthy(output:find("completed", 1, true), output)
      assert.is_truthy(errors:find("the outcome is completed, not canceled", 1, true), errors)
      assert.equal(1, status)
    end)

    it("waits for several offers at once", function()
      offer({}, "other")
      local program = programs:start { "bin/cpp-portal", "wait", "--json", "-i0.01", "contoso", "contoso-vm", "other" }
      assert.equal("completed", cjson.decode(program:read_line()).state)
      portal:advance(100)
      assert.equal("other", cjson.decode(program:read_line()).offer)
      local _, errors, status = program:finish()
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("exits with 4 at its end in time, as JSON with where it can be followed", function()
      offer()
      local output, errors, status = run("wait", "--json", "--timeout", "1", "contoso", "contoso-vm")
      local err = cjson.decode(output).error
      assert.equal("timeout", err.kind)
      assert.equal(portal.url .. LOCATION, err.location)
      assert.equal("running", err.operation.state)
      assert.is_truthy(errors:find("resume with: cpp-portal wait '" .. portal.url .. LOCATION .. "'\n", 1, true), errors)
      assert.equal(4, status)
    end)

    it("names a long location whole, in tables, lines and JSON", function()
      offer()
      local long = portal.url .. LOCATION .. "&x=" .. ("y"):rep(6000)
      for _, json in ipairs { false, true } do
        local output, errors = run("wait", "--timeout", "0.1", json and "--json" or long, json and long or nil)
        assert.is_truthy(errors:find("resume with: cpp-portal wait '" .. long .. "'\n", 1, true))
        if json then assert.equal(long, cjson.decode(output).error.location) end
      end
      portal:fault { match = { method = "POST" }, add_headers = { ["Operation-Location"] = long } }
      assert.is_truthy((run("cancel", "contoso", "contoso-vm")):find("accepted +" .. portal.url .. "%S+&x=y+\n$"))
    end)

    it("says at once what is wrong with its options", function()
      local _, errors, status = run("wait", "--timeout", "0", "contoso", "contoso-vm")
      local expected = "--timeout: expected a number of seconds, from 0.001 to 1000000; see `cpp-portal help wait`\n"
      assert.equal("cpp-portal: " .. expected, errors)
      assert.equal(2, status)
    end)
  end)

  describe("on a terminal", function()
    local function on_terminal(...) return programs:run_on_screen("100 24", { "bin/cpp-portal", ... }) end

    it("draws a line of progress, which gives way to a message", function()
      offer()
      portal:fault { match = { method = "GET", skip = 2 }, status = 403 }
      local output = on_terminal("cancel", "-yw", "-i", "0.01", "contoso", "contoso-vm")
      assert.is_truthy(output:find "running: [^\r]*%[#*%.*%] +%d+ %%  %d:%d%d\r\27%[Jcpp%-portal: contoso%-vm: http: 403: ", output)
    end)

    it("ends the line where the operation ends, without a percentage", function()
      offer { cancel_seconds = 0 }
      local output, status = on_terminal("cancel", "-yw", "-i", "0.01", "contoso", "contoso-vm")
      assert.is_truthy(output:find "\r\27%[Jcanceled, %d:%d%d\r\ncontoso%-vm  \27%[32mcanceled", output)
      assert.equal(0, status)
    end)

    it("prints plain lines of progress where TERM=dumb", function()
      offer { cancel_seconds = 0 }
      programs.environment.TERM = "dumb"
      local output, status = on_terminal("cancel", "-yw", "-i", "0.01", "contoso", "contoso-vm")
      assert.matches("\naccepted, 0 %%, 0:00\r\ncanceled, %d:%d%d\r\ncontoso%-vm  canceled", output)
      assert.equal(0, status)
    end)

    it("has a clock also if no running operation is seen", function()
      offer { running = false, elapsed = 7200 }
      local program = programs:start { "/usr/bin/python3", "-I", "spec/support/terminal.py", "100", "24", "--", "sh", "-c",
        "exec " .. programs:command { "bin/cpp-portal", "wait", "contoso", "contoso-vm" } }
      local seen = ""
      repeat seen = seen .. program.stream:read(1) until seen:find "waiting, 0:01"
      program:kill "TERM"
      program:finish()
    end)

    it("advances the clock between two polls", function()
      offer { cancel_seconds = 5 }
      local program = programs:start { "/usr/bin/python3", "-I", "spec/support/terminal.py", "100", "24", "--", "sh", "-c",
        "exec " .. programs:command { "bin/cpp-portal", "cancel", "-yw", "-i", "60", "contoso", "contoso-vm" } }
      local seen = ""
      repeat seen = seen .. program.stream:read(1) until seen:find "0:02"
      program:kill "TERM"
      program:finish()
      assert.equal(1, #portal:journal { method = "GET", path = "operations/first" })
    end)

    it("draws a line for each of several offers that run, and how many have ended", function()
      offer({ cancel_seconds = 0 }, "offer-1")
      offer({ cancel_mode = "synchronous", location_form = "none" }, "offer-2")
      local output = on_terminal("cancel", "-c", "1", "-yw", "-i", "0.01", "contoso", "offer-2", "offer-1")
      assert.is_truthy(output:find("\noffer%-1: accepted +%[%.+%] +0 %%  0:00\r\n1 of 2 ended, 0:00"), output)
      assert.is_truthy(output:find("\27%[Joffer%-1  \27%[32mcanceled"), output)
    end)

    it("prints nothing but errors with --quiet", function()
      offer { cancel_seconds = 0 }
      local output, status = on_terminal("cancel", "-ywqi0.01", "contoso", "contoso-vm")
      assert.same({ "", 0 }, { output, status })
      output, status = on_terminal("status", "-q", "contoso", "contoso-vm")
      assert.same({ "", 0 }, { output, status })
      assert.equal("contoso-vm", cjson.decode((run("status", "-qj", "contoso", "contoso-vm"))).offer)
      output, status = on_terminal("cancel", "-yq", "contoso", "none")
      assert.is_truthy(output:find "^cpp%-portal: none: http: [^\n]*404[^\n]*\n$")
      assert.equal(1, status)
    end)
  end)

  describe("interrupted", function()
    it("ends at once with 130, and says how to go on", function()
      offer()
      offer({ cancel_mode = "synchronous", location_form = "none" }, "ended")
      local program = programs:start { "bin/cpp-portal", "cancel", "-yw", "-i", "60", "-c1", "contoso", "ended", "contoso-vm" }
      program:read_until("accepted")
      program:kill "INT"
      local killed = core.monotonic()
      local _, errors, status = program:finish()
      assert.is_true(core.monotonic() - killed < 5)
      assert.is_truthy(errors:find("^cpp%-portal: interrupted %(Ctrl%-C%)\ncpp%-portal: contoso%-vm: resume with: "
        .. "cpp%-portal wait %-%-for "
        .. "canceled '?http[^\n]+/operations/first[^\n]*\n$"), errors)
      assert.equal(130, status)
      portal:advance(100)
      local output
      output, _, status = run("wait", "--for", "canceled", (errors:match("(http[^'\n]+)'?\n$")))
      assert.is_truthy(output:find("canceled", 1, true))
      assert.equal(0, status)
      assert.equal(1, #portal:journal { method = "POST", path = "contoso%-vm" })
    end)

    it("says of what it cannot know that it does not", function()
      offer()
      portal:fault { match = { method = "POST", path = "contoso%-vm" }, action = "stall" }
      local program = programs:start({ "bin/cpp-portal", "cancel", "-vc1", "contoso", "none", "contoso-vm" }, { watch = "errors" })
      program:read_until("none: http:")
      Programs.wait_for(function() return #portal:journal { path = "contoso%-vm" } > 0 end) -- the emulator has it, and says nothing
      program:kill "INT"
      program:read_until("finishing what was sent, for at most 10 s")
      program:kill "INT"
      local _, errors, status = program:finish()
      assert.is_truthy(errors:find("\ncpp-portal: contoso-vm: the service may have acted\ncpp-portal: "
        .. "contoso-vm: check before retrying: cpp-portal operations --status running contoso contoso-vm\n", 1, true), errors)
      assert.is_nil(errors:find("none: the service may have acted", 1, true))
      assert.equal(130, status)
    end)

    it("tells it as JSON with --json, of waits as well", function()
      offer()
      offer({}, "none-begun")
      portal:fault { match = { method = "POST", path = "contoso%-vm" }, action = "stall" }
      local program = programs:start { "bin/cpp-portal", "cancel", "--json", "-c1", "contoso", "contoso-vm", "none-begun" }
      Programs.wait_for(function() return #portal:journal { path = "contoso%-vm" } > 0 end)
      program:kill "INT"
      local object = cjson.decode(program:read_line())
      assert.same({ kind = "interrupted", message = "interrupted (Ctrl-C)", ambiguous = false }, object.error)
      assert.equal("none-begun", object.offer)
      program:kill "TERM"
      local output, _, status = program:finish()
      object = cjson.decode(output:match "\n(.*)")
      assert.same({ kind = "interrupted", message = "interrupted (Ctrl-C)", ambiguous = true }, object.error)
      assert.equal("contoso-vm", object.offer)
      assert.equal(130, status)

      program = programs:start { "bin/cpp-portal", "wait", "--json", "-i60", "contoso", "contoso-vm" }
      Programs.wait_for(function() return #portal:journal { path = "operations/first" } > 0 end)
      program:kill "INT"
      output, _, status = program:finish()
      assert.is_false(cjson.decode(output).error.ambiguous)
      assert.equal(130, status)
    end)

    for _, signal in ipairs { "KILL", "TERM" } do
      it("leaves a location to go on from, whatever ends it: " .. signal, function()
        offer()
        local program = programs:start { "bin/cpp-portal", "cancel", "-yw", "-i", "60", "contoso", "contoso-vm" }
        local location = program:read_until("accepted"):match("accepted +(http%S+)")
        program:kill(signal)
        program:finish()
        portal:advance(100)
        local output, _, status = run("wait", "--for", "canceled", location)
        assert.is_truthy(output:find("canceled", 1, true))
        assert.equal(0, status)
        assert.equal(1, #portal:journal { method = "POST" })
      end)
    end
  end)
end)
