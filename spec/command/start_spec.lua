-- cpp-portal cancel, publish, go-live of one offer: what they send, print, and exit with. For several offers, see
-- spec/command/several_spec.lua.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options) fixture.offer(portal, options) end

  local function location(query)
    return portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/first" .. (query or "")
  end

  -- Runs a command that waits: once it has been accepted, the emulator's clock moves on until the operation ends.
  local function run_to_the_end(...)
    local words = { "bin/cpp-portal", ... }
    local json = table.concat(words, " "):find("--json", 1, true)
    local program = programs:start(words, { watch = json and "errors" or nil })
    program:read_until("accepted")
    portal:advance(100)
    return program:finish()
  end

  local function cancel_to_the_end(...)
    return run_to_the_end("cancel", "--wait", "--interval", "0.01", "--timeout", "20", ...)
  end

  describe("cancel", function()
    it("prints where the operation stands, and where it can be followed", function()
      offer()
      local output, errors, status = run("cancel", "contoso", "contoso-vm")
      assert.equal("OFFER       STATE       LOCATION\ncontoso-vm  accepted    " .. location() .. "\n", output)
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("takes the options of a client", function()
      offer()
      local output = run("cancel", "--connect-timeout", "20", "--request-timeout", "30", "--retries", "1", "--api-version",
                         "2017-10-31", "--proxy", "", "--base-url", portal.url, "contoso", "contoso-vm")
      assert.matches("\ncontoso%-vm  accepted ", output)
    end)

    it("prints one JSON object with --json", function()
      offer()
      local output, errors, status = run("cancel", "--json", "contoso", "contoso-vm")
      local object = cjson.decode(output)
      assert.equal("accepted", object.state)
      assert.equal(202, object.status)
      assert.equal("contoso", object.publisher)
      assert.equal("contoso-vm", object.offer)
      assert.equal("first", object.operation_id)
      assert.equal(location(), object.location)
      assert.is_string(object.request_id)
      assert.equal(1, select(2, output:gsub("\n", "")))
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("prints what a refusal means with --json", function()
      offer { running = false, nothing_running = 400 }
      local output, _, status = run("cancel", "--json", "contoso", "contoso-vm")
      assert.equal("no_running_operation", cjson.decode(output).error.reason)
      assert.equal(1, status)
    end)

    it("notifies each --email, in any of the ways to write an option", function()
      offer()
      run("cancel", "-e", "jane@contoso.example", "--email", "john@contoso.example", "contoso", "contoso-vm",
          "--email=joe@contoso.example", "-ejill@contoso.example")
      assert.equal("jane@contoso.example,john@contoso.example,joe@contoso.example,jill@contoso.example",
                   cjson.decode(portal:journal()[1].body).metadata["notification-emails"])
    end)

    it("hands each option of a client over", function()
      offer()
      portal:fault { status = 429, headers = { ["Retry-After"] = "1" } }
      local _, errors, status = run("cancel", "--client-request-id", "mine", "--retries", "0", "--api-version", "2018-01-01",
                                    "contoso", "contoso-vm")
      local entry = portal:journal()[1]
      assert.equal("mine", entry.headers["x-ms-client-request-id"])
      assert.equal("api-version=2018-01-01", entry.query)
      assert.equal(1, #portal:journal())
      assert.is_truthy(errors:find("429", 1, true))
      assert.equal(6, status)
      local other = Programs.new { AZURE_TOKEN = Portal.TOKEN, CPP_BASE_URL = "http://127.0.0.1:9" }
      _, errors, status = other:run { "bin/cpp-portal", "cancel", "--base-url", portal.url, "contoso", "contoso-vm" }
      other:close()
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("waits with --wait, and prints the state at each turn", function()
      offer()
      local output, errors, status = cancel_to_the_end("contoso", "contoso-vm")
      assert.equal("OFFER       STATE       LOCATION\ncontoso-vm  accepted    " .. location() ..
                   "\ncontoso-vm  canceled    " .. location "?api-version=2017-10-31" .. "\n", output)
      assert.equal("", errors) -- no terminal, no progress
      assert.equal(0, status)
    end)

    it("waits with --json: the location on standard error, one object on standard output", function()
      offer()
      local output, errors, status = cancel_to_the_end("--json", "contoso", "contoso-vm")
      local object = cjson.decode(output)
      assert.equal("canceled", object.state)
      assert.equal("contoso-vm", object.offer)
      assert.equal("cpp-portal: contoso-vm: accepted: " .. location() .. "\n", errors)
      assert.equal(0, status)
    end)

    it("exits with 1 when the publish was faster", function()
      offer { cancel_mode = "lost_race" }
      local output, errors, status = cancel_to_the_end("contoso", "contoso-vm")
      assert.is_truthy(output:find("\ncontoso-vm  completed ", 1, true), output)
      assert.equal("cpp-portal: contoso-vm: the outcome is completed, not canceled\n", errors)
      assert.equal(1, status)
    end)

    it("exits with 1 when the operation failed", function()
      offer { cancel_mode = "fails" }
      local _, errors, status = cancel_to_the_end("contoso", "contoso-vm")
      assert.is_truthy(errors:find("^cpp%-portal: contoso%-vm: failed: the operation ended failed[^\n]*\n$"), errors)
      assert.equal(1, status)
    end)

    it("is done at once after a synchronous 200", function()
      offer { cancel_mode = "synchronous", location_form = "none" }
      local output, _, status = run("cancel", "--wait", "contoso", "contoso-vm")
      assert.equal("OFFER       STATE       LOCATION\ncontoso-vm  canceled    -\n", output)
      assert.equal(0, status)
    end)

    it("exits with 1 when the service refuses, with the reason on one line", function()
      offer { running = false, nothing_running = 400 }
      local output, errors, status = run("cancel", "contoso", "contoso-vm")
      assert.equal("", output)
      assert.is_truthy(errors:find("^cpp%-portal: contoso%-vm: http: 400: no operation is running on the offer %([^\n]*: POST http"
        .. "[^\n]*; %-%-if%-running makes that a success\n$"), errors)
      assert.equal(1, status)
    end)

    it("prints an error as JSON with --json", function()
      offer { running = false, nothing_running = 400 }
      local output, errors, status = run("cancel", "--json", "contoso", "contoso-vm")
      local object = cjson.decode(output)
      assert.equal("contoso-vm", object.offer)
      assert.equal("http", object.error.kind)
      assert.equal(400, object.error.status)
      assert.is_false(object.error.ambiguous)
      assert.is_truthy(errors:find(object.error.message, 1, true))
      assert.equal(1, status)
    end)

    it("names its own offer in a row, whatever an operation says", function()
      offer { cancel_seconds = 0, extra = { publisher = "q", offer = { x = 1 } } }
      local output = run("cancel", "--wait", "--json", "contoso", "contoso-vm")
      local row = cjson.decode(output)
      assert.same({ "contoso", "contoso-vm", "canceled" }, { row.publisher, row.offer, row.outcome })
    end)

    it("sends nothing where nothing runs, with --if-running", function()
      offer { running = false }
      for _, word in ipairs { "-w", "-c1" } do
        local output, errors, status = run("cancel", "--if-running", word, "contoso", "contoso-vm")
        assert.equal("OFFER       STATE       LOCATION\ncontoso-vm  none        -\n", output)
        assert.equal("", errors)
        assert.equal(0, status)
      end
      local row = cjson.decode((run("cancel", "--json", "--if-running", "contoso", "contoso-vm")))
      assert.same({ "none", "none" }, { row.outcome, row.state })
      assert.same({}, portal:journal { method = "POST" })
    end)

    it("exits with 3 when the service does not tell how it ended, and says what to do", function()
      offer { extra = { status = "completed" } }
      portal:fault { match = { path = "/submissions/$" }, status = 403, times = -1 }
      portal:fault { match = { path = "/status$" }, status = 403, times = -1 }
      local output, errors, status = run("cancel", "--wait", "contoso", "contoso-vm")
      assert.is_truthy(output:find("\ncontoso-vm  unknown ", 1, true), output)
      assert.is_truthy(errors:find("check before retrying: cpp-portal operations --status running contoso contoso-vm\n",
                                   1, true), errors)
      assert.equal(3, status)
      local place = output:match("(http%S+)\n$")
      output, errors, status = run("wait", "--for", "canceled", place)
      assert.is_truthy(output:find(" unknown ", 1, true), output)
      assert.is_truthy(errors:find("check before retrying: cpp-portal operation '" .. place .. "'\n", 1, true), errors)
      assert.equal(3, status)
    end)

    it("exits with 3 when it is not known whether the service acted, and says what to do", function()
      offer()
      portal:fault { match = { method = "POST" }, action = "close" }
      local output, errors, status = run("cancel", "--wait", "contoso", "contoso-vm")
      assert.equal("", output)
      assert.is_truthy(errors:find("check before retrying: cpp-portal operations --status running contoso contoso-vm\n",
                                   1, true), errors)
      assert.equal(3, status)
      assert.equal(1, #portal:journal())
    end)

    it("exits with 4 when the operation has not ended in time, and prints how to resume", function()
      offer()
      local output, errors, status = run("cancel", "--wait", "--timeout", "0.2", "--base-url", portal.url, "contoso",
                                         "contoso-vm")
      assert.is_truthy(output:find("accepted", 1, true))
      assert.is_truthy(errors:find("timeout: the operation has not ended after 0.2 s (last state: running)\n", 1, true),
                       errors)
      local go_on = errors:match("\ncpp%-portal: contoso%-vm: resume with: (cpp%-portal [^\n]*)\n$")
      local place = location "?api-version=2017-10-31"
      assert.equal("cpp-portal wait --base-url " .. portal.url .. " --for canceled '" .. place .. "'", go_on)
      assert.equal(4, status)
      portal:advance(100)
      -- What it says is what works.
      local shell = "bin/cpp-portal" .. go_on:match("^cpp%-portal(.*)$")
      output, errors, status = programs:run { "sh", "-c", (os.getenv("LUA") or "lua5.4") .. " " .. shell }
      assert.is_truthy(output:find("\n%-%s+canceled%s+http"), output)
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("exits with 4 as well when the operation cannot be seen", function()
      offer()
      portal:fault { match = { method = "GET" }, status = 403, times = -1 }
      local _, errors, status = run("cancel", "--wait", "contoso", "contoso-vm")
      assert.is_truthy(errors:find("403", 1, true))
      assert.is_truthy(errors:find("resume with: cpp-portal wait --for canceled", 1, true))
      assert.equal(4, status)
    end)

    it("exits with 6 when the service is not reached: nothing was done", function()
      local other = Programs.new { AZURE_TOKEN = Portal.TOKEN, CPP_BASE_URL = "http://127.0.0.1:1" }
      local output, errors, status = other:run { "bin/cpp-portal", "cancel", "--retries=0", "contoso", "contoso-vm" }
      other:close()
      assert.equal("", output)
      assert.is_truthy(errors:find("^cpp%-portal: contoso%-vm: network: Failed to connect[^\n]*: POST http"))
      assert.equal(6, status)
    end)

    it("logs every request with --verbose, and no secret", function()
      offer()
      local _, errors = run("cancel", "-v", "--email", "jane@contoso.example", "contoso", "contoso-vm")
      assert.is_truthy(errors:find("^cpp%-portal: POST http://[^\n]+: 202 in %d+ ms %(attempt 1%)\n$"), errors)
      assert.is_nil(errors:find("jane", 1, true) or errors:find(Portal.TOKEN, 1, true))
    end)
  end)

  describe("publish and go-live", function()
    it("start operations", function()
      offer { running = false }
      local output, _, status = run("publish", "-e", "jane@contoso.example", "contoso", "contoso-vm")
      assert.is_truthy(output:find("contoso%-vm  accepted    http[^\n]+/operations/"), output)
      assert.equal(0, status)
      assert.is_truthy(portal:state("contoso", "contoso-vm").running)
      portal:advance(100)
      output, _, status = run_to_the_end("go-live", "--wait", "--interval", "0.01", "contoso", "contoso-vm")
      assert.is_truthy(output:find("\ncontoso-vm  completed ", 1, true), output)
      assert.equal(0, status)
      assert.same({ "completed", "completed" }, { portal:state("contoso", "contoso-vm").operations[1].state,
                                                  portal:state("contoso", "contoso-vm").operations[2].state })
    end)

    it("exit with 1 when the operation was canceled", function()
      offer { running = false }
      local program = programs:start { "bin/cpp-portal", "publish", "-w", "-i", "0.01", "contoso", "contoso-vm" }
      program:read_until("accepted")
      run("cancel", "contoso", "contoso-vm")
      portal:advance(100)
      local _, errors, status = program:finish()
      assert.equal("cpp-portal: contoso-vm: the outcome is canceled, not completed\n", errors)
      assert.equal(1, status)
    end)
  end)
end)
