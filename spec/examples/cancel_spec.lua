-- The examples that cancel one offer's operation: cancel.lua, cancel_and_wait.lua, reconcile.lua; and how all are used.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"

describe("examples/", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  local function run(name, ...) return programs:run { "examples/" .. name, ... } end

  for _, name in ipairs { "cancel.lua", "cancel_and_wait.lua", "reconcile.lua", "journal.lua", "cron.lua", "watch_cqueues.lua",
                          "watch_luv.lua", "loop_select.lua" } do
    it(name .. " says how it is used", function()
      local output, errors, status = run(name)
      assert.matches("^usage: " .. name:gsub("%p", "%%%0") .. " [^\n]+\n$", errors:lower())
      assert.same({ "", 2 }, { output, status })
    end)
  end

  local NOW, REFUSED = { cancel_mode = "synchronous", location_form = "none" }, { running = false, nothing_running = 400 }

  local POST, COMPLETED = { method = "POST" }, {
    { match = { path = "/operations/first$" }, status = 200, body = { status = "completed" } },
    { match = { path = "/submissions/$" }, status = 200, body = { { id = "first", submissionState = "completed" } } },
  }

  -- The example; the settings of the offer; patterns of standard output and standard error; the exit status; the number of
  -- cancels; faults.
  for what, case in pairs {
    ["prints the location"] = { "cancel", {}, "^202\thttp%S+/operations/first\n$", "^$", 0, 1 },
    ["prints that it was canceled at once"] = { "cancel", NOW, "^200\tcanceled\n$", "^$", 0, 1 },
    ["says why the service refused"] = { "cancel", REFUSED, "^$", "^http: 400: [^\n]*: POST http[^\n]*\n$", 1, 1 },
    ["prints the location and the end, with progress"] = { "cancel_and_wait", { cancel_seconds = 0 },
      "^http%S+/operations/first\ncanceled\n$", "^canceled, 0:0%d\n$", 0, 1 },
    ["says what went wrong"] = { "cancel_and_wait", { cancel_mode = "fails", cancel_seconds = 0 }, "",
      "\nfailed: the operation ended failed", 1, 1 },
    ["tells when the publish was faster"] = { "cancel_and_wait", {}, "\ncompleted\n$",
      "\nNot canceled: the outcome is completed.\n$", 1, 1, COMPLETED },
    ["cancels and waits"] = { "reconcile", { cancel_seconds = 0 }, "^location: http%S+\ncanceled\n$", "", 0, 1 },
    ["finds that a cancel whose answer was lost has worked"] = { "reconcile", NOW, "^canceled\n$", "The service says: canceled",
      0, 1, { match = POST, action = "close", act = true } },
    ["cancels again when the first one has not arrived"] = { "reconcile", NOW, "^canceled\n$", "The service says: running", 0, 2,
      { match = POST, action = "close" } },
    ["leaves to people what is not known"] = { "reconcile", { running = false, status = "Succeeded" }, "^$",
      "The service says: unknown", 3, 1, { match = POST, status = 500 } },
    ["tells a clear refusal"] = { "reconcile", REFUSED, "^$", "400", 1, 1 },
  } do
    it(case[1] .. ".lua " .. what, function()
      fixture.offer(portal, case[2])
      if case[7] then portal:fault(case[7]) end
      local output, errors, status = run(case[1] .. ".lua", "contoso", "contoso-vm")
      assert.matches(case[3], output)
      assert.matches(case[4], errors)
      assert.same({ case[5], case[6] }, { status, #portal:journal { method = "POST" } })
    end)
  end

  it("cancel.lua notifies the addresses", function()
    fixture.offer(portal)
    run("cancel.lua", "contoso", "contoso-vm", "jane@contoso.example", "john@contoso.example")
    assert.equal("jane@contoso.example,john@contoso.example",
                 cjson.decode(portal:journal()[1].body).metadata["notification-emails"])
  end)

  it("cancel_and_wait.lua goes on where a run was killed", function()
    fixture.offer(portal)
    local program = programs:start { "examples/cancel_and_wait.lua", "contoso", "contoso-vm" }
    local place = program:read_line()
    program:kill "KILL"
    program:finish()
    portal:advance(100)
    local output, _, status = run("cancel_and_wait.lua", place)
    assert.same({ "canceled\n", 0, 1 }, { output, status, #portal:journal { method = "POST" } })
  end)
end)
