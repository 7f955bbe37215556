-- cpp-portal cancel, publish, go-live: what they send, print, and exit with.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

-- Code that LUA_INIT_5_4 already has, such as that of line coverage.
local before = (os.getenv "LUA_INIT_5_4" or "") .. "\n"

describe("cpp-portal", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  local function offer(options, name)
    fixture.offer(portal, { offer = name }, options)
  end

  local function run(...)
    return programs:run { "bin/cpp-portal", ... }
  end

  local function location(name, query)
    return ("%s/api/publishers/contoso/offers/%s/operations/first%s"):format(portal.url, name or "contoso-vm",
                                                                              query and "?api-version=2017-10-31" or "")
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

    -- What the response to one of several cancels may hold, and whether it can be read.
    for name, case in pairs {
      ["an integer of 400 digits"] = { '{"n":' .. ("9"):rep(400) .. "}", false },
      ["more values than are read"] = { "[" .. ("0,"):rep(100000) .. "0]", false },
      ["a text that is not UTF-8"] = { '"\xff"', false },
      ["a deep list"] = { ("["):rep(64) .. ("]"):rep(64), true },
      ["what looks like a mark"] = { '{"a":"\\u0001cpp-exact-integer:007","\\u001b":[[],{},null]}', true },
      ["a number that is not exact"] = { '{"status":123456789012345678901234567890}', true },
      ["fields of the result"] = { '{"location":{},"state":[],"outcome":5,"publisher":7,"message":{"message":{}}}', true },
    } do
      it("reports each of several that were accepted, whatever one response holds: " .. name, function()
        for _, words in ipairs { { "cancel" }, { "cancel", "--json" } } do
          portal:reset()
          for _, offer_name in ipairs { "ok-1", "ok-2", "odd", "ok-3" } do offer(nil, offer_name) end
          portal:fault { match = { path = "/odd/cancel" }, status = 202, body = case[1],
                         headers = { ["Operation-Location"] = "/api/operations/1", ["Content-Type"] = "application/json" } }
          local json = words[2] ~= nil
          table.move({ "contoso", "ok-1", "ok-2", "odd", "ok-3" }, 1, 5, #words + 1, words)
          local output, errors, status = run(table.unpack(words))
          local seen = {}
          for line in output:gmatch "[^\n]+" do
            local row = json and cjson.decode(line)
            if row then seen[row.offer] = row.status == 202 or row.error.ambiguous and row.error.location ~= nil and "unclear" end
            if not json and line:find "accepted" then seen[line:match "^%S+"] = true end
          end
          if not json and errors:find "odd: protocol: " then seen.odd = "unclear" end
          assert.same({ ["ok-1"] = true, ["ok-2"] = true, odd = case[2] or "unclear", ["ok-3"] = true }, seen)
          assert.is_nil(output:find "[^\n\x20-\x7e]")
          assert.equal(case[2], errors == "")
          assert.equal(case[2] and 0 or 3, status)
        end
      end)
    end

    -- Breaks a module of the command for one offer, as an error in it would.
    local function broken(module, member)
      programs.environment.LUA_INIT_5_4 = before .. ([[
        table.insert(package.searchers, 2, function(name)
          if name ~= %q then return nil end
          local found = package.searchpath(name, package.path)
          return function()
            local module = dofile(found)
            local function wrap(fn)
              return function(document, target, ...)
                if document.status and (target or document).offer == "odd" then error "it is broken" end
                return fn(document, target, ...)
              end
            end
            local member = %q
            if member == "" then return wrap(module) end
            module[member].rows = wrap(module[member].rows)
            return module
          end
        end)]]):format(module, member)
    end

    it("says so in a row where a result cannot be written, and reports the others", function()
      for _, words in ipairs { { "cancel" }, { "cancel", "--json" } } do
        local json = words[2] ~= nil
        for _, offer_name in ipairs { "ok-1", "odd", "ok-2" } do offer(nil, offer_name) end
        if json then broken("cpp.command.json", "") else broken("cpp.command.views", "states") end
        table.move({ "contoso", "ok-1", "odd", "ok-2" }, 1, 4, #words + 1, words)
        local output, errors, status = run(table.unpack(words))
        assert.is_truthy(errors:find("odd: accepted, but the result cannot be written: [^\n]*it is broken"), errors)
        assert.is_truthy(errors:find("odd: resume with: cpp-portal wait " .. location "odd", 1, true), errors)
        if json then
          local row = cjson.decode(output:match '[^\n]*"offer":"odd"[^\n]*')
          assert.equal("raised", row.error.kind)
          assert.equal(location "odd", row.error.location)
        end
        for _, name in ipairs { "ok-1", "ok-2" } do assert.is_truthy(output:find(name, 1, true), output) end
        assert.equal(1, status)
        portal:reset()
      end
    end)

    it("does not say that a status was accepted if its result cannot be written", function()
      offer(nil, "odd")
      broken("cpp.command.json", "")
      local _, errors, status = run("status", "--json", "contoso", "odd")
      assert.is_truthy(errors:find("odd: the result cannot be written: ", 1, true), errors)
      assert.is_nil(errors:find("accepted", 1, true) or errors:find("resume with", 1, true), errors)
      assert.equal(1, status)
    end)

    it("reports what was accepted where the run itself ends", function()
      for _, offer_name in ipairs { "ok-1", "odd", "ok-2" } do offer(nil, offer_name) end
      programs.environment.LUA_INIT_5_4 = before .. [[
        table.insert(package.searchers, 2, function(name)
          if name ~= "cpp.command.report" then return nil end
          local found = package.searchpath(name, package.path)
          return function()
            local module = dofile(found)
            module.unwritten, module.outcome = nil, function() error "not enough memory" end
            return module
          end
        end)]]
      local output, errors, status = run("cancel", "--json", "--concurrency", "1", "contoso", "ok-1", "odd", "ok-2")
      assert.is_truthy(errors:find("resume with: cpp%-portal wait [^\n]*ok%-1"), errors)
      assert.equal("ok-1", cjson.decode(output:match "^[^\n]+").offer)
      assert.equal(1, status)
    end)

    it("reports each where nothing reads what it prints", function()
      for _, offer_name in ipairs { "ok-1", "ok-2", "ok-3" } do offer(nil, offer_name) end
      local command = programs:command { "bin/cpp-portal", "cancel", "--json", "contoso", "ok-1", "ok-2", "ok-3" }
      local _, errors, status = programs:run { "bash", "-c", command .. " | true; exit ${PIPESTATUS[0]}" }
      for _, name in ipairs { "ok-1", "ok-2", "ok-3" } do
        assert.is_truthy(errors:find(name .. ": accepted: http", 1, true), errors)
      end
      assert.equal(1, status)
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
                   "\ncontoso-vm  canceled    " .. location(nil, true) .. "\n", output)
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

    it("exits with 4 when the operation has not ended in time, and says how to go on", function()
      offer()
      local output, errors, status = run("cancel", "--wait", "--timeout", "0.2", "--base-url", portal.url, "contoso",
                                         "contoso-vm")
      assert.is_truthy(output:find("accepted", 1, true))
      assert.is_truthy(errors:find("timeout: the operation has not ended after 0.2 s (last state: running)\n", 1, true),
                       errors)
      local go_on = errors:match("\ncpp%-portal: contoso%-vm: resume with: (cpp%-portal [^\n]*)\n$")
      assert.equal("cpp-portal wait --base-url " .. portal.url .. " --for canceled '" .. location(nil, true) .. "'", go_on)
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

  describe("cancel of several offers", function()
    before_each(function()
      for number = 1, 3 do offer({ cancel_mode = number == 2 and "lost_race" or "accepted" }, "offer-" .. number) end
    end)

    it("reports each, and exits with what wants a look first", function()
      portal:fault { match = { path = "/offer%-3/cancel" }, action = "close" }
      local output, errors, status = run("cancel", "contoso", "offer-1", "offer-2", "offer-3", "none")
      for number = 1, 2 do
        local name = "offer-" .. number
        assert.is_truthy(output:find("\n" .. name .. "  accepted    " .. location(name) .. "\n", 1, true), output)
      end
      assert.equal(3, select(2, output:gsub("\n", "")))
      assert.is_truthy(errors:find("cpp-portal: none: http: 404: ", 1, true))
      assert.is_truthy(errors:find("cpp-portal: offer-3: network: ", 1, true))
      assert.equal(3, status)
    end)

    it("prints one line of JSON for each", function()
      local output, _, status = run("cancel", "--json", "contoso", "offer-1", "offer-2", "none")
      local seen = {}
      for line in output:gmatch("[^\n]+") do
        local object = cjson.decode(line)
        seen[object.offer] = object.state or object.error.status
      end
      assert.same({ ["offer-1"] = "accepted", ["offer-2"] = "accepted", none = 404 }, seen)
      assert.equal(1, status)
    end)

    it("waits for all of them", function()
      local program = programs:start { "bin/cpp-portal", "cancel", "-w", "-i", "0.01", "-t", "20", "contoso", "offer-1", "offer-2" }
      program:read_until("offer-")
      program:read_until("offer-")
      portal:advance(100)
      local output, errors, status = program:finish()
      assert.is_truthy(output:find("\noffer-1  canceled ", 1, true), output)
      assert.is_truthy(output:find("\noffer-2  completed ", 1, true), output)
      assert.equal("cpp-portal: offer-2: the outcome is completed, not canceled\n", errors)
      assert.equal(1, status)
    end)

    it("has no more requests in flight than --concurrency", function()
      portal:fault { match = { method = "POST" }, delay = 0.05, times = -1 }
      run("cancel", "--concurrency", "1", "contoso", "offer-1", "offer-2", "offer-3")
      local connections = {}
      for _, entry in ipairs(portal:journal()) do connections[entry.connection] = true end
      assert.is_nil(next(connections, next(connections))) -- a second one is made only for a second request at once
    end)

    it("sends nothing when one of them is no offer", function()
      local output, errors, status = run("cancel", "contoso", "offer-1", "..")
      assert.equal("", output)
      assert.equal("cpp-portal: OFFER: expected an identifier, not '..'; see `cpp-portal help cancel`\n", errors)
      assert.equal(2, status)
      assert.same({}, portal:journal())
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
