-- cpp-portal cancel, publish, go-live: what they send, print, and exit with, for one offer and for several. For every way in
-- which a call may end: spec/command/report_spec.lua.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options) fixture.offer(portal, options) end

  local function location(query)
    return portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/first" .. (query or "")
  end

  -- Runs a command that waits: once it has been accepted, the emulator's clock moves on until the operation ends.
  local function run_to_the_end(...)
    local program = programs:start { "bin/cpp-portal", ... }
    program:read_until("accepted")
    portal:advance(100)
    return program:finish()
  end

  describe("cancel", function()
    it("waits with --wait, and prints the state at each turn, and with --verbose each request, without a secret", function()
      offer()
      local output, errors, status = run_to_the_end("cancel", "-vt20", "-wi0.01", "-ejane@contoso.example", "contoso", "contoso-vm")
      assert.equal("OFFER       STATE       LOCATION\ncontoso-vm  accepted    " .. location() ..
                   "\ncontoso-vm  canceled    " .. location "?api-version=2017-10-31" .. "\n", output)
      assert.matches("^cpp%-portal: POST http://[^\n@]+: 202 in %d+ ms %(attempt 1%)\n", errors)
      assert.is_nil(errors:find(Portal.TOKEN, 1, true))
      assert.same({ "", 0 }, { (errors:gsub("cpp%-portal: %u+ http[^\n@]+\n", "")), status }) -- no terminal, no progress
    end)

    it("exits with 4 when the operation has not ended in time, and prints how to resume", function()
      offer()
      local output, errors, status = run("cancel", "--wait", "--timeout", "0.2", "--base-url", portal.url, "contoso",
                                         "contoso-vm")
      assert.matches("accepted", output)
      assert.matches("timeout: the operation has not ended after 0.2 s (last state: running)\n", errors, 1, true)
      local go_on = errors:match("\ncpp%-portal: contoso%-vm: resume with: (cpp%-portal [^\n]*)\n$")
      local place = location "?api-version=2017-10-31"
      assert.same({ "cpp-portal wait --base-url " .. portal.url .. " --for canceled '" .. place .. "'", 4 }, { go_on, status })
      portal:advance(100)
      -- What it says is what works.
      local shell = "bin/cpp-portal" .. go_on:match("^cpp%-portal(.*)$")
      output, errors, status = programs:run { "sh", "-c", (os.getenv("LUA") or "lua5.4") .. " " .. shell }
      assert.matches("\n%-%s+canceled%s+http", output)
      assert.same({ "", 0 }, { errors, status })
    end)
  end)

  it("publish and go-live start operations", function()
    offer { running = false }
    assert.equal(0, select(3, run("publish", "contoso", "contoso-vm")))
    portal:advance(100)
    local output, _, status = run_to_the_end("go-live", "--wait", "--interval", "0.01", "contoso", "contoso-vm")
    assert.matches("\ncontoso%-vm  completed ", output)
    assert.equal(0, status)
    local operations = portal:state("contoso", "contoso-vm").operations
    assert.same({ "publish", "golive" }, { operations[1].kind, operations[2].kind })
  end)

  describe("cancel of several offers", function()
    local function offers(...)
      for _, name in ipairs { ... } do fixture.offer(portal, { offer = name }) end
    end

    -- Responses to one of several cancels: one that cannot be read, and one whose fields are none of the service's.
    for body, can_be_read in pairs {
      ["[" .. ("0,"):rep(100000) .. "0]"] = false,
      ['{"location":{},"state":[],"outcome":5,"publisher":7,"message":{"\\u0001cpp-exact-integer:007":[[],null]}}'] = true,
    } do
      it("reports each of several that were accepted, whatever one response holds: " .. body:sub(1, 50), function()
        offers("ok-1", "odd", "ok-2")
        portal:fault { match = { path = "/odd/cancel" }, status = 202, body = body,
                       headers = { ["Operation-Location"] = "/api/operations/1", ["Content-Type"] = "application/json" } }
        local output, errors, status = run("cancel", "--json", "contoso", "ok-1", "odd", "ok-2")
        local seen = {}
        for line in output:gmatch "[^\n]+" do
          local row = cjson.decode(line)
          seen[row.offer] = row.status == 202 or row.error.ambiguous and row.error.location ~= nil and "unclear"
        end
        assert.same({ ["ok-1"] = true, odd = can_be_read or "unclear", ["ok-2"] = true }, seen)
        assert.same({ can_be_read, can_be_read and 0 or 3 }, { errors == "", status })
      end)
    end

    it("reports what may have been accepted where the run itself ends, with its exit status", function()
      offers("ok-1", "lost")
      portal:fault { match = { method = "POST", path = "/lost/cancel$" }, action = "close" }
      programs:begin_with [[
        package.preload["cpp.command.report"] = function()
          local report = dofile(package.searchpath("cpp.command.report", package.path))
          report.unwritten, report.outcome = nil, function() error "not enough memory" end
          return report
        end]]
      local _, errors, status = run("cancel", "contoso", "ok-1", "lost")
      assert.is_truthy(errors:find("lost: the service may have acted\n", 1, true), errors)
      assert.equal(3, status)
    end)
  end)
end)
