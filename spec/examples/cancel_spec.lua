-- The examples that cancel one offer's operation: cancel.lua, cancel_and_wait.lua, reconcile.lua.

local cjson = require "cjson"
local fixture = require "spec.support.fixture"

describe("examples/", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  local function offer(options) fixture.offer(portal, options) end

  local function run(name, ...) return programs:run { "examples/" .. name, ... } end

  local function location(query)
    return portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/first" .. (query or "")
  end

  for _, name in ipairs { "cancel.lua", "cancel_and_wait.lua", "reconcile.lua", "journal.lua", "cron.lua", "watch_cqueues.lua",
                          "watch_luv.lua", "loop_select.lua" } do
    it(name .. " says how it is used", function()
      local output, errors, status = run(name)
      assert.equal("", output)
      assert.is_truthy(errors:lower():find("^usage: " .. name:gsub("%p", "%%%0") .. " [^\n]+\n$"), errors)
      assert.equal(2, status)
    end)
  end

  describe("cancel.lua", function()
    it("prints the location, and notifies the addresses", function()
      offer()
      local output, errors, status = run("cancel.lua", "contoso", "contoso-vm", "jane@contoso.example", "john@contoso.example")
      assert.same({ "202\t" .. location() .. "\n", "", 0 }, { output, errors, status })
      assert.equal("jane@contoso.example,john@contoso.example",
                   cjson.decode(portal:journal()[1].body).metadata["notification-emails"])
    end)

    it("prints that it was canceled at once", function()
      offer { cancel_mode = "synchronous", location_form = "none" }
      local output, _, status = run("cancel.lua", "contoso", "contoso-vm")
      assert.same({ "200\tcanceled\n", 0 }, { output, status })
    end)

    it("says why the service refused", function()
      offer { running = false, nothing_running = 400 }
      local output, errors, status = run("cancel.lua", "contoso", "contoso-vm")
      assert.equal("", output)
      assert.is_truthy(errors:find("^http: 400: [^\n]*: POST http[^\n]*\n$"), errors)
      assert.equal(1, status)
    end)
  end)

  describe("cancel_and_wait.lua", function()
    it("prints the location and the end, with progress", function()
      offer { cancel_seconds = 0 }
      local output, errors, status = run("cancel_and_wait.lua", "contoso", "contoso-vm")
      assert.equal(location() .. "\ncanceled\n", output)
      assert.is_truthy(errors:find("^canceled, 0:0%d\n$"), errors)
      assert.equal(0, status)
    end)

    it("tells when the publish was faster", function()
      offer()
      for path, body in pairs { ["/operations/first$"] = { status = "completed" },
                                ["/submissions/$"] = { { id = "first", submissionState = "completed" } } } do
        portal:fault { match = { path = path }, status = 200, body = body }
      end
      local output, errors, status = run("cancel_and_wait.lua", "contoso", "contoso-vm")
      assert.is_truthy(output:find("\ncompleted\n$"), output)
      assert.is_truthy(errors:find("\nNot canceled: the outcome is completed.\n$"), errors)
      assert.equal(1, status)
    end)

    it("goes on where a run was killed", function()
      offer()
      local program = programs:start { "examples/cancel_and_wait.lua", "contoso", "contoso-vm" }
      local place = program:read_line()
      program:kill "KILL"
      program:finish()
      portal:advance(100)
      local output, _, status = run("cancel_and_wait.lua", place)
      assert.same({ "canceled\n", 0 }, { output, status })
      assert.equal(1, #portal:journal { method = "POST" })
    end)

    it("says what went wrong", function()
      offer { cancel_mode = "fails", cancel_seconds = 0 }
      local _, errors, status = run("cancel_and_wait.lua", "contoso", "contoso-vm")
      assert.is_truthy(errors:find("\nfailed: the operation ended failed", 1, true), errors)
      assert.equal(1, status)
    end)
  end)

  describe("reconcile.lua", function()
    local function reconcile() return run("reconcile.lua", "contoso", "contoso-vm") end

    it("cancels and waits", function()
      offer { cancel_seconds = 0 }
      local output, _, status = reconcile()
      assert.same({ "location: " .. location() .. "\ncanceled\n", 0 }, { output, status })
    end)

    it("finds that a cancel whose answer was lost has worked", function()
      offer { cancel_mode = "synchronous" }
      portal:fault { match = { method = "POST" }, action = "close", act = true }
      local output, errors, status = reconcile()
      assert.equal("canceled\n", output)
      assert.is_truthy(errors:find("The service says: canceled", 1, true))
      assert.equal(0, status)
      assert.equal(1, #portal:journal { method = "POST" })
    end)

    it("cancels again when the first one has not arrived", function()
      offer { cancel_mode = "synchronous", location_form = "none" }
      portal:fault { match = { method = "POST" }, action = "close" }
      local output, errors, status = reconcile()
      assert.equal("canceled\n", output)
      assert.is_truthy(errors:find("The service says: running", 1, true))
      assert.equal(0, status)
      assert.equal(2, #portal:journal { method = "POST" })
    end)

    it("leaves to people what is not known", function()
      offer { running = false, status = "Succeeded" }
      portal:fault { match = { method = "POST" }, status = 500 }
      local output, errors, status = reconcile()
      assert.equal("", output)
      assert.is_truthy(errors:find("The service says: unknown", 1, true))
      assert.equal(3, status)
    end)

    it("tells a clear refusal", function()
      offer { running = false, nothing_running = 400 }
      local output, errors, status = reconcile()
      assert.equal("", output)
      assert.is_truthy(errors:find("400", 1, true))
      assert.equal(1, status)
    end)
  end)
end)
