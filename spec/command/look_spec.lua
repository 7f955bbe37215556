-- cpp-portal operations, operation, status: what is asked, tables for people and JSON for scripts.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"

describe("cpp-portal", function()
  local portal, programs, run
  fixture.programs(_ENV, function(...) portal, programs, run = ... end)

  local function offer(options)
    fixture.offer(portal, { steps = { { name = "Validate", seconds = 10 }, { name = "Certify", seconds = 10 } } }, options)
  end

  it("operations and offers print whole numbers exactly, and an empty list as one, with --json", function()
    offer()
    for words, list in pairs { [{ "operations", "contoso", "contoso-vm" }] = "operations", [{ "offers", "contoso" }] = "offers" } do
      local output, errors, status = run("--json", table.unpack(words))
      local document = cjson.decode(output)
      assert.same({ "contoso", list == "offers" and "contoso-vm" or "first" }, { document.publisher, document[list][1].id })
      assert.same({ "", 0 }, { errors, status })
      if list == "operations" then assert.matches('"version":636576975611768314[,}]', output) end
      portal:fault { status = 200, body = "[]" }
      assert.matches('"' .. list .. '":%[%]', (run("--json", table.unpack(words))))
    end
  end)

  it("operation shows how far it is, with its steps and messages, by its id or its location", function()
    local expected = "OFFER       STATE       PROGRESS  STEP\ncontoso-vm  running     25 %      Validate\n\n" ..
                     "STEP      STATE       PROGRESS\nValidate  inprogress  50 %\nCertify   notstarted  0 %\n" ..
                     "Logo [2J is <b>too big</b>\n"
    offer { elapsed = 5, messages = { { messageHtml = "Logo\27[2J is <b>too big</b>", level = "error" } } }
    assert.same({ expected, "", 0 }, { run("operation", "-ofirst", "contoso", "contoso-vm") })
    local output = run("operation", "/api/publishers/contoso/offers/contoso-vm/operations/first")
    expected = expected:gsub("OFFER     ", "OFFER"):gsub("contoso%-vm", "-    ")
    assert.equal(expected, output)
  end)

  describe("on a terminal", function()
    local function on_terminal(...) return (programs:run_on_terminal("40 24", { "bin/cpp-portal", ... })) end

    before_each(function()
      programs.environment.NO_COLOR, programs.environment.TERM = "", "xterm"
      offer()
    end)

    it("has tables that fit, and no location, unless --wide says otherwise", function()
      assert.equal("OFFER       STATE\r\ncontoso-vm  accepted\r\n",
                   on_terminal("cancel", "-y", "--color=never", "contoso", "contoso-vm"))
      assert.is_truthy(on_terminal("cancel", "-y", "--wide", "contoso", "contoso-vm"):find "http%S+/operations/first\r\n")
    end)

    it("has colors for states, unless NO_COLOR or TERM=dumb or --color=never says otherwise", function()
      local YELLOW = "\27[33mrunning"
      assert.is_truthy(on_terminal("status", "contoso", "contoso-vm"):find(YELLOW, 1, true))
      assert.is_nil(on_terminal("status", "--color=never", "contoso", "contoso-vm"):find "\27")
      programs.environment.NO_COLOR = "1"
      assert.is_nil(on_terminal("status", "contoso", "contoso-vm"):find "\27")
      assert.is_truthy(on_terminal("status", "--color=always", "contoso", "contoso-vm"):find(YELLOW, 1, true))
      programs.environment.NO_COLOR, programs.environment.TERM = "", "dumb"
      assert.is_nil(on_terminal("status", "contoso", "contoso-vm"):find "\27")
    end)
  end)

  it("leaves short values the room that the usual ones need", function()
    fixture.offer(portal, { publisher = "p", offer = "o", operation_id = "i", steps = { { name = "s", seconds = 9 } } })
    fixture.offer(portal, { publisher = "p", offer = "idle", running = false, status = "Succeeded" })
    for words, lines in pairs {
      ["operations -c1 p idle o"] = {
        "OFFER  ID                                    TYPE        STATE       SLOT      CHANGED",
        "idle   -                                     -           -           -         -",
        "o      i                                     publish     running     staging   2017-11-01T00:00:00.000" },
      ["status -c1 p o idle"] = { "OFFER  STATE       PROGRESS  STEP", "o      running     0 %       s",
                                  "idle   completed   100 %     -" },
      ["publishers"] = { "PUBLISHER             NAME", "contoso               The publisher contoso",
                         "p                     The publisher p" },
      ["offers p"] = { "OFFER                 STATE           CHANGED                       TYPE",
                       "idle                  completed       2017-11-01T00:00:00.000       microsoft-azure-virtualmachines",
                       "o                     running         2017-11-01T00:00:00.000       microsoft-azure-virtualmachines" },
    } do
      local list = {}
      for word in words:gmatch "%S+" do list[#list + 1] = word end
      assert.equal(table.concat(lines, "\n"), (run(table.unpack(list)):match ".*%S"))
    end
  end)

  it("accepts any response of the service", function()
    for body, words in pairs {
      ['[{"id": 5, "submissionState": 7, "slot": {}, "changedTime": [1]}]'] = { "operations", "contoso", "contoso-vm" },
      ['[{"id": {"a": 1}, "status": 5}]'] = { "offers", "contoso" },
      ['{"status": "running", "progress": "y", "location": {}, "steps": "none", "messages": 5}']
        = { "status", "contoso", "contoso-vm" },
      ['{"status": "running", "steps": [1, {"stepName": {}, "status": [], "progressPercentage": 33.3}, {"progressPercentage": '
        .. '-1e300}, {"progressPercentage": "x"}], "messages": [1, {"messageHtml": {}}]}'] = { "operation", "/api/operations/1" },
    } do
      portal:fault { status = 200, body = body, times = 2 }
      local output, errors, status = run(table.unpack(words))
      assert.is_truthy(output:find("^OFFER +[^\n]+\n"), output)
      assert.is_nil(output:find("table:", 1, true))
      assert.same({ "", 0 }, { errors, status })
      output, errors = run("--json", table.unpack(words))
      assert.is_table(cjson.decode(output))
      assert.equal("", errors)
      portal:clear_faults()
    end
  end)
end)
