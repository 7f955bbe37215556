-- What cpp-portal reports of calls that have no result, or whose result cannot be written: lines, JSON, the exit status.

local commands = require "cpp.command.commands"
local core = require "cpp.core"
local errors = require "cpp.error"
local exit = require "cpp.command.exit"
local report = require "cpp.command.report"
local Session = require "cpp.command.session"

local INTERRUPTED = "interrupted (Ctrl-C)"
local CHECK = "o: check before retrying: cpp-portal operations --status running p o"

describe("cpp.command.report", function()
  local said, rows, ended

  -- A session of a command with these targets; it keeps what is said, and the rows of JSON.
  local function session_of(command, given, targets)
    said, rows = {}, {}
    local screen = { quiet = false }
    function screen.say(_, line) said[#said + 1] = line end
    function screen.answer(_, line) rows[#rows + 1] = core.decode(line) end
    function screen.secrets() return nil end
    function screen.ended(_, target) ended = target end
    return { screen = screen, given = given, command = commands.find(command), targets = targets, seen = {}, in_flight = 0 }
  end

  -- Returns a target of the offer "o", with these fields too.
  local function target_of(fields)
    local target = { publisher = "p", offer = "o" }
    for name, value in pairs(fields) do target[name] = value end
    return target
  end

  local begun, accepted = { begun = true }, { begun = true, accepted = true, location = "/t" }

  -- The command, the target and the err; the expected status and lines. Below, with a signal, also the fields of the row
  -- that are not those of an interruption before anything was sent.
  local FAILED = {
    { "cancel", {}, { kind = "raised", ambiguous = true }, 1, "o: raised: m" },
    { "cancel", begun, { kind = "stopped" }, 0 },
    { "cancel", begun, { kind = "network", retryable = true }, 6, "o: network: m" },
    { "cancel", accepted, { kind = "http", ambiguous = true, retryable = true, status = 403 }, 4, "o: http: m",
      "o: resume with: cpp-portal wait /t" },
    { "cancel", accepted, { kind = "timeout", location = "/a'b" }, 4, "o: timeout: m",
      "o: resume with: cpp-portal wait '/a'\\''b'" },
    { "cancel", accepted, { kind = "untrusted", location = "/e", offer = "o" }, 4, "o: untrusted: m",
      "o: resume with: cpp-portal wait p o" },
    { "cancel", accepted, { kind = "failed" }, 1, "o: failed: m" },
    { "cancel", begun, { kind = "http", status = 403 }, 5, "o: http: m" },
    { "cancel", begun, { kind = "auth", status = 400 }, 5, "o: auth: m" },
    { "status", begun, { kind = "timeout", ambiguous = true }, 1, "o: timeout: m" },
    { "wait", begun, { kind = "timeout", location = "/e" }, 4, "o: timeout: m", "o: resume with: cpp-portal wait /e" },
  }
  local INTERRUPTIONS = {
    { "cancel", begun, { kind = "auth", status = 503 }, 130, "o: nothing was sent" },
    { "cancel", begun, { kind = "http", status = 503, retryable = true }, 130, "o: nothing was done" },
    { "cancel", begun, { kind = "closed", ambiguous = true, location = "/e" }, 130, "o: the service may have acted", CHECK,
      row = { ambiguous = true, location = "/e" } },
    { "cancel", accepted, { kind = "closed", ambiguous = true }, 130, "o: resume with: cpp-portal wait /t",
      row = { location = "/t" } },
    { "wait", begun, { kind = "auth" }, 130, "o: resume with: cpp-portal wait p o" },
    { "status", begun, { kind = "auth" }, 130 },
    -- The signal came, but the call ended before.
    { "cancel", begun, { kind = "http", status = 400 }, 1, "o: http: m" },
    { "cancel", begun, { kind = "network", ambiguous = true, retryable = true }, 3,
      "o: network: m (the service may have acted on it)", CHECK },
    { "cancel", accepted, { kind = "network", retryable = true }, 4, "o: network: m", "o: resume with: cpp-portal wait /t" },
  }

  for signal, cases in pairs { [0] = FAILED, [130] = INTERRUPTIONS } do
    for place, case in ipairs(cases) do
      it(("tells how a %s ended: signal %d, case %d"):format(case[1], signal, place), function()
        local command, target, fields, status = table.unpack(case)
        target = target_of(target)
        local err = errors.new(fields.kind, "m", fields)
        local session = session_of(command, { json = true }, { target })
        session.signal = signal > 0 and signal or nil
        assert.equal(status, report.outcome(session, target, nil, err))
        assert.equal(target, ended)
        assert.same(table.move(case, 5, #case, 1, {}), said)
        local row = { kind = "interrupted", message = INTERRUPTED, ambiguous = false }
        for name, value in pairs(status == 130 and case.row or {}) do row[name] = value end
        if status ~= 130 then
          row = { location = target.location }
          for name, value in pairs(err) do row[name] = value end
          row.publisher, row.offer = nil, nil
        end
        assert.same(status ~= 0 and { { publisher = "p", offer = "o", error = row } } or {}, rows)
      end)
    end
  end

  for _, case in ipairs {
    { "cancel", begun, { ambiguous = true }, 3, "o: the result cannot be written: p", CHECK },
    { "cancel", accepted, false, 1, "o: accepted, but the result cannot be written: p", "o: resume with: cpp-portal wait /t" },
    { "wait", begun, false, 1, "o: the result cannot be written: p", "o: resume with: cpp-portal wait p o" },
    { "status", begun, false, 1, "o: the result cannot be written: p" },
  } do
    it("tells that a result cannot be written: " .. case[1], function()
      local target = target_of(case[2])
      local session = session_of(case[1], { json = true }, { target })
      assert.equal(case[4], report.unwritten(session, target, case[3] or nil, "p"))
      assert.same(table.move(case, 5, #case, 1, {}), said)
      local row = { kind = "raised", message = said[1]:sub(4), ambiguous = case[4] == 3, location = target.location }
      assert.same({ { publisher = "p", offer = "o", error = row } }, rows)
    end)
  end

  it("tells which calls had not ended when the run ended", function()
    for _, json in ipairs { false, true } do
      local function targets()
        return { target_of { begun = true, ended = true }, target_of(begun), target_of(accepted), target_of {} }
      end
      assert.equal(3, report.broken(session_of("cancel", { json = json }, targets()), "no memory"))
      assert.same({ "no memory", "o: the service may have acted", CHECK, "o: resume with: cpp-portal wait /t" }, said)
      local function row(ambiguous, location)
        return { publisher = "p", offer = "o", error = { kind = "raised", message = "no memory", ambiguous = ambiguous,
                                                         location = location } }
      end
      assert.same(json and { row(true), row(false, "/t") } or {}, rows)
      assert.equal(1, report.broken(session_of("cancel", {}, {}), "no memory"))
      assert.equal(1, report.broken(session_of("wait", {}, { target_of(begun) }), "no memory"))
      assert.same({ "no memory", "o: resume with: cpp-portal wait p o" }, said)
    end
  end)

  it("tells on standard error what standard output lost, each target once", function()
    local targets = { target_of { offer = "a" }, target_of { offer = "b" }, target_of { offer = "c" }, target_of { offer = "d" } }
    local session = session_of("cancel", { json = true }, targets)
    report.outcome(session, targets[1], { location = "/a" })
    assert.same({}, said)
    session.screen.problem = "Broken pipe"
    report.outcome(session, targets[2], { state = "canceled" })
    targets[3].location = "/c"
    report.outcome(session, targets[3], { outcome = "none", state = "x" })
    assert.same({ "a: accepted: /a", "b: canceled", "c: none: /c" }, said)
    session = session_of("status", { json = true }, targets)
    session.screen.problem = "Broken pipe"
    report.outcome(session, targets[4], { state = "running" })
    assert.same({}, said)
  end)

  it("tells that a call was accepted, where its row comes later", function()
    for given, lines in pairs { [{ json = true }] = { "o: accepted: /l" }, [{ json = true, quiet = true }] = {} } do
      local session = session_of("cancel", given, {})
      session.screen.quiet = given.quiet
      report.accepted(session, target_of {}, { location = "/l" })
      report.accepted(session, target_of {}, {})
      assert.same({ lines, {} }, { said, rows })
    end
    local session = session_of("cancel", {}, { target_of {} })
    session.screen.problem = "Broken pipe"
    function session.screen.table() return function() end end
    report.accepted(session, session.targets[1], { location = "/l" })
    assert.same({ "o: accepted: /l" }, said)
  end)

  for _, case in ipairs {
    { "cancel", {}, "completed", 0 },
    { "cancel", { wait = true }, "canceled", 0 },
    { "cancel", { wait = true }, "unknown", 3, "o: the service does not report the outcome", CHECK },
    { "cancel", { wait = true, ["if-running"] = true }, "none", 0 },
    { "cancel", { wait = true, ["if-running"] = true }, "completed", 1, "o: the outcome is completed, not canceled" },
    { "wait", {}, "unknown", 0 },
    { "wait", { ["for"] = "canceled" }, "unknown", 3, "the service does not report the outcome",
      "check before retrying: cpp-portal operation /t", target = { location = "/t" } },
  } do
    it(("ends a %s with %d: %s"):format(case[1], case[4], case[3]), function()
      case[2].json = true
      local target = case.target or target_of {}
      local document = { outcome = case[3], publisher = not case.target and "q" or nil, offer = not case.target and {} or nil }
      assert.equal(case[4], report.outcome(session_of(case[1], case[2], {}), target, document))
      assert.same(table.move(case, 5, #case, 1, {}), said)
      -- The offer is that of the target, whatever the service says.
      assert.same({ { outcome = case[3], publisher = target.publisher, offer = target.offer } }, rows)
    end)
  end

  it("has the last location of a target, and draws its progress under its name until its row tells the end", function()
    local target, drawn = target_of {}, {}
    local session = setmetatable({ targets = { target }, screen = {} }, Session)
    function session.screen.progress(_, operation)
      drawn[#drawn + 1] = table.concat({ operation.publisher, operation.offer, operation.state }, " ")
    end
    local progress = session:progress_of(target)
    progress { state = "running", location = "/a", publisher = "x", offer = "y" }
    progress { state = "canceled" }
    assert.equal("/a", target.location)
    session.targets[2] = target_of {}
    progress { state = "inprogress" }
    progress { state = "failed", location = "/b" }
    progress { state = "canceled" }
    assert.same({ "/b", { "p o running", "p o canceled", "p o inprogress" } }, { target.location, drawn })
  end)

  it("tells why there is no token", function()
    assert.equal(5, report.without_token(session_of("cancel", { json = true }, {}), "x is empty"))
    local message = "--token-file: x is empty"
    assert.same({ { message }, { { error = { kind = "auth", message = message } } } }, { said, rows })
  end)

  it("tells a signal, and how long it waits for what was sent", function()
    local session = session_of("cancel", {}, {})
    for _, number in ipairs { 1, 2, 15 } do
      session.signal = exit.of_signal(number)
      report.interrupted(session, 10)
      session.in_flight = 1
    end
    assert.same({ "the terminal was closed (SIGHUP)", INTERRUPTED .. ": finishing what was sent, for at most 10 s",
                  "terminated (SIGTERM): finishing what was sent, for at most 10 s" }, said)
  end)
end)
