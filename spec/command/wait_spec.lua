-- cpp-portal wait; and what a person sees of any wait: progress on a terminal, and what Ctrl-C leaves.

local cjson = require "cjson"
local core = require "cpp.core"
local fixture = require "spec.support.fixture"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options, name) fixture.offer(portal, { offer = name }, options) end

  local LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/first?api-version=2017-10-31"

  it("wait exits with 4 at its end in time, and names its location whole, in tables, lines and JSON", function()
    offer()
    local long = portal.url .. LOCATION .. "&x=" .. ("y"):rep(6000)
    local output, errors, status = run("wait", "--timeout", "0.1", "--json", long)
    assert.matches("resume with: cpp-portal wait '" .. long .. "'\n", errors, 1, true)
    local err = cjson.decode(output).error
    assert.same({ "timeout", long, 4 }, { err.kind, err.location, status })
    portal:fault { match = { method = "POST" }, add_headers = { ["Operation-Location"] = long } }
    assert.is_truthy((run("cancel", "contoso", "contoso-vm")):find("accepted +" .. portal.url .. "%S+&x=y+\n$"))
  end)

  describe("on a terminal", function()
    local function on_terminal(...) return programs:run_on_terminal("100 24", { "bin/cpp-portal", ... }) end

    it("draws a line of progress, whose clock advances between two polls, and which gives way to a message", function()
      offer()
      portal:fault { match = { method = "GET", skip = 1 }, status = 403 }
      local output = on_terminal("cancel", "-yw", "-i", "1.4", "contoso", "contoso-vm")
      assert.is_truthy(output:find "accepted +%[%.+%] +0 %%", output)
      local message = "\r\27%[Jcpp%-portal: contoso%-vm: http: 403: "
      assert.is_truthy(output:find("running: [^\r]*%[#*%.*%] +%d+ %%  0:0[1-9]" .. message), output)
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

  it("interrupted ends at once with 130, and says how to go on", function()
    offer()
    offer({ cancel_mode = "synchronous", location_form = "none" }, "ended")
    local program = programs:start { "bin/cpp-portal", "cancel", "-yw", "-i", "60", "-c1", "contoso", "ended", "contoso-vm" }
    program:read_until("accepted")
    program:kill "INT"
    local killed = core.monotonic()
    local _, errors, status = program:finish()
    assert.is_true(core.monotonic() - killed < 5)
    assert.is_truthy(errors:find("^cpp%-portal: interrupted %(Ctrl%-C%)\ncpp%-portal: contoso%-vm: resume with: "
      .. "cpp%-portal wait %-%-for canceled '?http[^\n]+/operations/first[^\n]*\n$"), errors)
    assert.equal(130, status)
    assert.equal(1, #portal:journal { method = "POST", path = "contoso%-vm" })
  end)
end)
