-- cpp-portal cancel before it acts: the question on a terminal, and --dry-run.

local cjson = require "cjson"
local commands = require "cpp.command.commands"
local errors = require "cpp.error"
local fixture = require "spec.support.fixture"
local follow = require "cpp.follow"
local Portal = require "spec.support.emulator"
local preview = require "cpp.command.preview"
local Screen = require "cpp.command.screen"

describe("cpp-portal cancel", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    fixture.offer(portal, { steps = { { name = "Validate", seconds = 10 }, { name = "Certify", seconds = 10 } }, elapsed = 5 })
    fixture.offer(portal, { offer = "idle", running = false })
  end)

  local function posts() return #portal:journal { method = "POST" } end

  describe("on a terminal", function()
    it("says what runs, and asks", function()
      local output, status = programs:run_on_terminal("200 24", { "bin/cpp-portal", "cancel", "contoso", "contoso-vm" }, "y\n")
      assert.is_truthy(output:find("cpp%-portal: contoso%-vm: publish, running, slot staging, "
        .. "changed 2017%-10%-31T23:59:55.000, 25 %%, Validate\r\n"
        .. "cpp%-portal: Cancel it%? %[y/N%] "), output)
      assert.is_truthy(output:find "\ncontoso%-vm +%S*accepted", output)
      assert.equal(0, status)
      assert.equal(1, posts())
    end)

    it("asks in sight, whatever texts the service sends", function()
      local long = ("x"):rep(3000)
      portal:fault { match = { method = "GET", path = "/submissions" }, status = 200, body = {
        { submissionState = "running", submissionType = long .. "1", slot = { 1 }, changedTime = long .. Portal.TOKEN,
          steps = { { stepName = long:sub(1, 59) .. Portal.TOKEN, status = "inProgress" } } } } }
      local output = programs:run_on_terminal("200 24", { "bin/cpp-portal", "cancel", "contoso", "contoso-vm" }, "n\n")
      local line = output:match "cpp%-portal: contoso%-vm: [^\r]+"
      assert.matches("^cpp%-portal: contoso%-vm: x+%.*, running, changed x+%.*, 0 %%, x+$", line)
      assert.is_true(#line < 300, line)
      assert.equal(64, #line:match "x+%.*")
    end)

    for what, input in pairs { no = "n\n", nothing = "\n", ["the end of the input"] = "" } do
      it("sends nothing after " .. what, function()
        local output, status = programs:run_on_terminal("200 24", { "bin/cpp-portal", "cancel", "contoso", "contoso-vm", "idle" },
                                                        input)
        assert.is_truthy(output:find("cpp-portal: idle: nothing is running\r\n", 1, true), output)
        assert.is_truthy(output:find("Cancel these 2%? %[y/N%] [^c]*cpp%-portal: not confirmed: nothing was sent\r\n$"), output)
        assert.equal(1, status)
        assert.equal(0, posts())
      end)
    end
  end)

  -- A session of a cancel of these offers with --json; and the list of what it says, and of its rows.
  local function session_of(offers)
    local session, lines = { given = { json = true }, command = commands.find "cancel", targets = {}, seen = {} }, {}
    for i, offer in ipairs(offers) do session.targets[i] = { publisher = "p", offer = offer } end
    session.screen = setmetatable({}, Screen)
    for _, name in ipairs { "say", "ask" } do
      session.screen[name] = function(_, line) lines[#lines + 1] = line end
    end
    function session.screen.answer(_, line) lines[#lines + 1] = cjson.decode(line) end
    return session, lines
  end

  it("reports offers on which nothing runs, with --if-running, and those that cannot be read, before it asks", function()
    local session, lines = session_of { "idle", "lost" }
    session.given["if-running"] = true
    local runs = follow.runs
    finally(function() follow.runs = runs end)
    function follow.runs(_, request)
      if request.offer == "lost" then return nil, errors.new("http", "m", { status = 404 }) end
      local newest = { state = "completed", id = "of-the-token", changedTime = "2017-11-01T00:00:00.000" }
      return false, nil, newest, { state = "published" }
    end
    function session.screen.secrets() return { "of-the-token" } end
    function session.is_over() return "over" end
    session.client = { map = function(_, list, fn, options)
      assert.equal("over", options.should_stop())
      local entries = {}
      for i, target in ipairs(list) do
        local result, err = fn(target, session.client)
        entries[i] = { request = target, result = result, err = err }
      end
      return entries
    end }
    assert.equal(1, preview.ask(session))
    assert.same({}, session.targets)
    lines[3] = lines[3].error.status
    assert.same({ "idle: nothing is running",
                  { publisher = "p", offer = "idle", call = "cancel", outcome = "none", state = "none", evidence = {
                    submission = { state = "completed", time = "2017-11-01T00:00:00.000" },
                    offer_status = { state = "published" } } },
                  404, "lost: http: m" }, lines)
  end)

  for _, when in ipairs { "look", "question" } do
    it("reports each target where a signal comes before the response to the " .. when, function()
      local session, lines = session_of { "a", "b" }
      function session.is_over()
        session.signal = 130
        return true
      end
      session.client = { map = function(_, targets)
        session.signal = when == "look" and 130 or nil
        local entries = {}
        for i, target in ipairs(targets) do entries[i] = { request = target, result = { words = "running" } } end
        return entries
      end }
      local stdin = io.stdin
      finally(function() io.stdin = stdin end) -- luacheck: ignore
      io.stdin = { read = function() return nil end } -- luacheck: ignore
      assert.equal(130, preview.ask(session))
      if when == "question" then assert.equal("Cancel these 2? [y/N] ", table.remove(lines, 3)) end
      local function row(offer)
        return { publisher = "p", offer = offer,
                 error = { kind = "interrupted", message = "interrupted (Ctrl-C)", ambiguous = false } }
      end
      assert.same({ "a: running", "b: running", row "a", "a: nothing was sent", row "b", "b: nothing was sent" }, lines)
    end)
  end

  describe("--dry-run", function()
    it("prints the requests, without a token, which it does not need, and sends nothing", function()
      programs.environment.AZURE_TOKEN = ""
      local output, said, status = programs:run { "bin/cpp-portal", "cancel", "-ne", "a@b.example", "contoso", "a", "b" }
      local function request(offer)
        return "POST " .. portal.url .. "/api/publishers/contoso/offers/" .. offer .. "/cancel?api-version=2017-10-31\n"
          .. "Accept: application/json\nAccept-Encoding: identity\n...\nContent-Type: application/json\n"
          .. 'Authorization: Bearer [token]\n\n{"metadata":{"notification-emails":"a@b.example"}}\n'
      end
      assert.equal(request "a" .. "\n" .. request "b", (output:gsub("User%-Agent: .-(\nContent)", "...%1")))
      assert.same({ "", 0 }, { said, status })
      assert.same({}, portal:journal())
    end)

    it("prints the request that is sent", function()
      local words = { "bin/cpp-portal", "publish", "--json", "--client-request-id=mine", "-ejane@contoso.example", "contoso",
                      "idle" }
      programs:run(words)
      local sent = portal:journal()[1]
      table.insert(words, 3, "--dry-run")
      local row = cjson.decode((programs:run(words)))
      local request = row.request
      assert.same({ "contoso", "idle" }, { row.publisher, row.offer })
      assert.same({ sent.method, sent.body }, { request.method, request.body })
      assert.equal(portal.url .. sent.path .. "?" .. sent.query, request.url)
      for name, value in pairs(request.headers) do
        if name ~= "Authorization" then assert.equal(sent.headers[name:lower()], value, name) end
      end
    end)
  end)
end)
