-- cpp-portal that ends early: signals at any moment, closed pipes, full disks, closed streams. What the service
-- has accepted is in the report, or is reported as not known.

local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local Programs = require "spec.support.program"

local KILLS = 20
local OFFERS = 40

describe("cpp-portal", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  -- Puts the offers there; returns their names.
  local function offers()
    local names = {}
    for number = 1, OFFERS do
      names[number] = ("offer-%02d"):format(number)
      fixture.offer(portal, { offer = names[number], operation_id = "op" .. number })
    end
    return names
  end

  -- The offers whose cancel the emulator has received.
  local function received()
    local set, count = {}, 0
    for _, entry in ipairs(portal:journal { method = "POST" }) do
      local name = entry.path:match "/offers/([^/]+)/cancel"
      assert.is_nil(set[name], name)
      set[name], count = true, count + 1
    end
    return set, count
  end

  -- What was reported of an offer: the words of its lines.
  local function reported(name, text)
    local told = {}
    for line in text:gmatch "[^\n]+" do
      if line:find(name, 1, true) then
        for _, word in ipairs { "accepted", "may have acted", "nothing was sent", "canceled" } do
          if line:find(word, 1, true) then told[word] = true end
        end
      end
    end
    return told
  end

  local function cancel(names, ...)
    local words = { "bin/cpp-portal", "cancel", "--concurrency=3", ... }
    words[#words + 1] = "contoso"
    return table.move(names, 1, #names, #words + 1, words)
  end

  describe("killed at any moment #exhaustive", function()
    it("reports each cancel that was accepted", function()
      local random = portal.url:match "(%d+)$" -- any, and shown
      math.randomseed(tonumber(random))
      for kill = 1, KILLS do
        portal:reset()
        local names = offers()
        portal:fault { match = { method = "POST" }, delay = 0.005, times = -1 }
        local signal = kill % 2 == 0 and "INT" or "TERM"
        local program = programs:start(cancel(names))
        local after = math.random(0, OFFERS - 1)
        Programs.wait_for(function() return #portal:journal { method = "POST" } >= after end)
        program:kill(signal)
        local output, errors, status, ended_by = program:finish()
        local set, count = received()
        if ended_by then -- before it began
          assert.same({ 0, "" }, { count, output })
        elseif status ~= 0 then
          assert.equal(signal == "INT" and 130 or 143, status, errors)
          for _, name in ipairs(names) do
            local told = reported(name, output .. errors)
            local expected = set[name] and "accepted" or "nothing was sent"
            assert.is_true(told[expected] or set[name] and told["may have acted"] or count == 0 and next(told) == nil,
                           ("%s, kill %d of seed %s: %s%s"):format(name, kill, random, output, errors))
          end
        end
      end
    end)

    for what, case in pairs {
      ["waits for the responses to what is on its way"] = { { delay = 1 }, 1, "accepted" },
      ["waits no longer after a second signal"] = { { delay = 8 }, 2, "may have acted" },
      ["ends within ten seconds where the service does not respond"] = { { action = "stall" }, 1, "may have acted" },
    } do
      it(what, function()
        local names, fault = offers(), case[1]
        fault.match, fault.times = { method = "POST" }, -1
        portal:fault(fault)
        local program = programs:start { "sh", "-c", "exec " .. programs:command(cancel(names)) .. " 2>&1" }
        Programs.wait_for(function() return #portal:journal { method = "POST" } == 3 end)
        local started = core.monotonic()
        program:kill "TERM"
        if case[2] == 2 then
          program:read_until "SIGTERM"
          program:kill "TERM"
        end
        local output, _, status = program:finish()
        assert.is_true(core.monotonic() - started <= 12)
        assert.equal(143, status, output)
        local set = received()
        for _, name in ipairs(names) do
          assert.is_true(reported(name, output)[set[name] and case[3] or "nothing was sent"], name .. ": " .. output)
        end
      end)
    end

    it("ends where nothing reads its output", function()
      local names = offers()
      portal:fault { match = { method = "POST" }, status = 202, times = -1, body = { text = ("x"):rep(200000) },
                     headers = { ["Operation-Location"] = "/api/operations/1", ["Content-Type"] = "application/json" } }
      local fifo = programs:file()
      assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
      local program = programs:start { "bash", "-c", "exec 3<>" .. fifo .. "; exec " .. programs:command(cancel(names, "-j"))
                                                     .. " >" .. fifo }
      Programs.wait_for(function() return #portal:journal { method = "POST" } > 0 end)
      program:kill "TERM"
      local _, errors, status = program:finish()
      local set = received()
      for _, name in ipairs(names) do
        local told = reported(name, errors)
        assert.is_true(told[set[name] and "accepted" or "nothing was sent"] or set[name] and told["may have acted"], errors)
      end
      assert.equal(143, status)
    end)
  end)

  it("ends by a signal that comes while az runs, before it has sent anything", function()
    programs:install("az", "kill -TERM $PORTAL\nexit 1")
    programs.environment.AZURE_TOKEN = ""
    local command = programs:command { "bin/cpp-portal", "cancel", "contoso", "contoso-vm" }
    local _, errors, status = programs:run { "sh", "-c", "PORTAL=$$; export PORTAL; exec " .. command }
    assert.equal(143, status, errors)
    assert.matches("contoso-vm: nothing was sent\n", errors, 1, true)
    assert.is_nil(errors:find("no token", 1, true), errors)
  end)

  describe("whose output is closed", function()
    for redirection, expected in pairs {
      [" | head -1; exit ${PIPESTATUS[0]}"] = 1, [" | true; exit ${PIPESTATUS[0]}"] = 1, [" >/dev/full"] = 1, [" >&-"] = 1,
      [" 2>&-"] = 0, [" 2>/dev/full"] = 0, [" <&- >&- 2>&-"] = 1,
    } do
      it("cancels all, and reports each where it can: " .. redirection, function()
        local names = offers()
        -- The reader has ended before the last row is written.
        portal:fault { match = { method = "POST" }, delay = 0.05, times = -1 }
        local output, errors, status = programs:run { "bash", "-c", programs:command(cancel(names)) .. redirection }
        assert.same({ OFFERS, expected }, { select(2, received()), status }, errors)
        if redirection:find "<" then return end
        for _, name in ipairs(names) do assert.is_true(reported(name, output .. errors).accepted, errors) end
        if expected == 1 then assert.matches("cpp%-portal: standard output: %u[^\n]+\n$", errors) end
      end)
    end

    it("stops sending requests when nothing reads its output", function()
      local names = offers()
      portal:fault { match = { method = "GET" }, delay = 0.01, times = -1 }
      local command = programs:command { "bin/cpp-portal", "status", "--concurrency=1", "contoso", table.unpack(names) }
      local _, errors, status = programs:run { "bash", "-c", command .. " | true; exit ${PIPESTATUS[0]}" }
      assert.same({ "cpp-portal: standard output: Broken pipe\n", 1 }, { errors, status })
      assert.is_true(#portal:journal() < OFFERS)
    end)
  end)
end)
