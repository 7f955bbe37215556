-- cpp-portal cancel of several offers: each offer is reported, whatever a response holds and whatever fails.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options, name) fixture.offer(portal, { offer = name }, options) end

  local function location(name)
    return ("%s/api/publishers/contoso/offers/%s/operations/first"):format(portal.url, name)
  end

  describe("cancel", function()
    -- Responses to one of several cancels, and whether they can be read.
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
      programs:begin_with(([[
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
        end)]]):format(module, member))
    end

    it("reports in a row that a result cannot be written, and reports the others", function()
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
      programs:begin_with [[
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
      assert.matches("unwritten[^\n]*\n.*resume with: cpp%-portal wait [^\n]*ok%-1", errors)
      assert.equal("ok-1", cjson.decode(output:match "^[^\n]+").offer)
      assert.equal(1, status)
    end)

    it("reports what may have been accepted where the run itself ends, with its exit status", function()
      for _, offer_name in ipairs { "ok-1", "lost" } do offer(nil, offer_name) end
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

    it("reports each where nothing reads what it prints", function()
      for _, offer_name in ipairs { "ok-1", "ok-2", "ok-3" } do offer(nil, offer_name) end
      local command = programs:command { "bin/cpp-portal", "cancel", "--json", "contoso", "ok-1", "ok-2", "ok-3" }
      local fifo = programs:file()
      assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
      local _, errors, status = programs:run { "bash", "-c", ("exec 3<>%s 4>%s 3<&-; %s >&4"):format(fifo, fifo, command) }
      for _, name in ipairs { "ok-1", "ok-2", "ok-3" } do
        assert.is_truthy(errors:find(name .. ": accepted: http", 1, true), errors)
      end
      assert.equal(1, status)
    end)
  end)

  describe("cancel of several offers", function()
    before_each(function()
      for number = 1, 3 do offer({ cancel_mode = number == 2 and "lost_race" or "accepted" }, "offer-" .. number) end
    end)

    it("reports each, and exits with 3 when one is not known", function()
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

    it("sends nothing when one of them is not a valid offer", function()
      local output, errors, status = run("cancel", "contoso", "offer-1", "..")
      assert.equal("", output)
      assert.equal("cpp-portal: OFFER: expected an identifier, not '..'; see `cpp-portal help cancel`\n", errors)
      assert.equal(2, status)
      assert.same({}, portal:journal())
    end)
  end)
end)
