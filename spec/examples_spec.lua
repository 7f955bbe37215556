-- The examples, run as programs: what they print, where, and with which exit status.

local cjson = require "cjson"
local Portal = require "spec.portal.client"

local LUA = os.getenv("LUA") or "lua5.4"

describe("examples/", function()
  local portal, files
  setup(function() portal = Portal.start() end)
  teardown(function() portal:stop() end)
  before_each(function()
    portal:reset()
    files = {}
  end)
  after_each(function()
    for _, name in ipairs(files) do os.remove(name) end
  end)

  local function offer(options)
    local own = { publisher = "contoso", offer = "contoso-vm", running = true, operation_id = "first" }
    for name, value in pairs(options or {}) do own[name] = value end
    portal:offer(own)
  end

  local function quote(text)
    return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
  end

  local function command(words, token)
    local parts = { "CPP_BASE_URL=" .. portal.url, "AZURE_TOKEN=" .. (token or Portal.TOKEN), "exec", LUA }
    for _, word in ipairs(words) do parts[#parts + 1] = quote(word) end
    return table.concat(parts, " ")
  end

  -- Runs an example to its end. Returns standard output, standard error, exit status.
  local function run(words, token)
    files[#files + 1] = os.tmpname()
    local child = assert(io.popen(command(words, token) .. " 2>" .. files[#files], "r"))
    local output = child:read("a")
    local _, _, status = child:close()
    local file = assert(io.open(files[#files]))
    local errors = file:read("a")
    file:close()
    return output, errors, status
  end

  local function cancel(...)
    return run { "examples/cancel.lua", ... }
  end

  -- Starts an example whose output is read while it runs. Returns the stream and the process's id.
  local function start(words)
    local child = assert(io.popen("echo $$; " .. command(words) .. " 2>/dev/null", "r"))
    return child, child:read("l")
  end

  -- Goes on until the operation ends, with an emulator whose clock moves at every look.
  local function while_time_passes(fn)
    local ended = Portal.start { clock = "real", speed = 1000 }
    local own
    own, portal = portal, ended
    local done, problem = pcall(fn)
    portal = own
    ended:stop()
    if not done then error(problem, 0) end
  end

  describe("cancel.lua", function()
    it("prints what the service answered, and the location", function()
      offer()
      local output, errors, status = cancel("contoso", "contoso-vm")
      assert.equal("202 being canceled\nlocation: " .. portal.url
        .. "/api/publishers/contoso/offers/contoso-vm/operations/first\n", output)
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("prints one JSON object with --json", function()
      offer()
      local output, errors, status = cancel("--json", "contoso", "contoso-vm")
      local object = cjson.decode(output)
      assert.equal(202, object.status)
      assert.equal("first", object.operation_id)
      assert.is_truthy(object.location:find("/operations/first", 1, true))
      assert.is_string(object.request_id)
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("notifies each --email, in any of the ways to write an option", function()
      offer()
      cancel("-e", "jane@contoso.example", "--email", "john@contoso.example", "--email=joe@contoso.example", "contoso",
             "contoso-vm")
      assert.equal("jane@contoso.example,john@contoso.example,joe@contoso.example",
                   cjson.decode(portal:journal()[1].body).metadata["notification-emails"])
    end)

    it("prints its help", function()
      local output, errors, status = cancel("--help")
      assert.is_truthy(output:find("^Usage: cancel.lua"))
      for _, word in ipairs { "email", "wait", "timeout", "interval", "resume", "status", "json", "verbose", "help" } do
        assert.is_truthy(output:find("--" .. word, 1, true), word)
      end
      assert.equal("", errors)
      assert.equal(0, status)
    end)

    it("says what is wrong with its usage, and sends nothing", function()
      for message, words in pairs {
        ["expected PUBLISHER and OFFER"] = { "contoso" }, ["unknown option %-%-emial"] = { "--emial", "a", "b" },
        ["%-%-timeout needs a number"] = { "--timeout", "soon", "a", "b" },
        ["%-%-email needs a value"] = { "a", "b", "--email" }, ["timeout: expected"] = { "-w", "-t", "-5", "-r", "/api" },
        ["or %-%-resume"] = { "--resume", "/api", "contoso", "contoso-vm" }, ["publisher: expected"] = { "..", "b" },
      } do
        local output, errors, status = cancel(table.unpack(words))
        assert.equal("", output)
        assert.is_truthy(errors:find("^cancel.lua: .*" .. message .. ".*\nTry `cancel.lua %-%-help`.\n$"), errors)
        assert.equal(2, status)
      end
      assert.same({}, portal:journal())
    end)

    it("exits with 1 when the service refuses", function()
      offer { running = false }
      local output, errors, status = cancel("contoso", "contoso-vm")
      assert.equal("", output)
      assert.is_truthy(errors:find("^http: POST http.*400"))
      assert.equal(1, status)
      output, errors, status = cancel("--json", "contoso", "contoso-vm")
      local object = cjson.decode(output)
      assert.equal("http", object.kind)
      assert.equal(400, object.status)
      assert.is_false(object.ambiguous)
      assert.is_truthy(errors:find(object.error, 1, true))
      assert.equal(1, status)
    end)

    it("exits with 3 when it is not known whether the service acted, and says what to do", function()
      offer()
      portal:fault { match = { method = "POST" }, action = "close", times = 2 }
      local output, errors, status = cancel("contoso", "contoso-vm")
      assert.equal("", output)
      assert.is_truthy(errors:find("look with --status before trying again", 1, true))
      assert.equal(3, status)
      output, errors, status = cancel("--json", "--wait", "contoso", "contoso-vm")
      assert.is_true(cjson.decode(output).ambiguous)
      assert.is_nil(errors:find("location:", 1, true))
      assert.equal(3, status)
      assert.equal(2, #portal:journal())
    end)

    it("exits with 4 when the operation has not ended in time, and says how to go on", function()
      offer()
      local output, errors, status = cancel("--wait", "--timeout", "0.1", "--interval", "0.03", "contoso", "contoso-vm")
      assert.is_truthy(output:find("location: ", 1, true))
      assert.is_truthy(errors:find("timeout: the operation has not ended after 0.1 s (last seen: running)", 1, true))
      assert.is_truthy(errors:find("Go on with: cancel.lua --resume 'http", 1, true))
      assert.equal(4, status)
    end)

    it("exits with 4 as well when the operation was never seen", function()
      offer()
      portal:fault { match = { method = "GET" }, status = 500, times = -1 }
      local _, _, status = cancel("-w", "-t", "0.1", "-i", "0.06", "contoso", "contoso-vm")
      assert.equal(4, status)
    end)

    it("waits with --wait, and shows how far it is", function()
      while_time_passes(function()
        offer { cancel_seconds = 60 }
        local output, errors, status = cancel("--wait", "--interval", "0.01", "contoso", "contoso-vm")
        assert.is_truthy(output:find("\nThe operation ended: canceled.\n$"), output)
        assert.is_truthy(errors:find("^running.*, %d+ %%, 0:00\n.*canceled, %d+ %%, %d+:%d%d\n$"), errors)
        assert.equal(0, status)
      end)
    end)

    it("exits with 1 when the publish was faster", function()
      while_time_passes(function()
        offer { cancel_mode = "lost_race" }
        local output, _, status = cancel("--wait", "--interval", "0.01", "contoso", "contoso-vm")
        assert.is_truthy(output:find("The operation ended: completed. It was faster than the cancel.", 1, true))
        assert.equal(1, status)
      end)
    end)

    it("waits with --json: the location on standard error, one object on standard output", function()
      while_time_passes(function()
        offer()
        local output, errors, status = cancel("--json", "--wait", "--interval", "0.01", "contoso", "contoso-vm")
        assert.equal("canceled", cjson.decode(output).state)
        assert.is_truthy(errors:find("^location: http"))
        assert.equal(0, status)
      end)
    end)

    it("is done at once after a synchronous 200", function()
      offer { cancel_mode = "synchronous", location_form = "none" }
      local output, _, status = cancel("--wait", "contoso", "contoso-vm")
      assert.equal("200 canceled\nThe operation ended: canceled.\n", output)
      assert.equal(0, status)
    end)

    for _, signal in ipairs { "KILL", "TERM", "INT" } do
      it("leaves, when it is killed in the middle (" .. signal .. "), a location to go on from", function()
        offer()
        local child, pid = start { "examples/cancel.lua", "--wait", "--interval", "0.01", "contoso", "contoso-vm" }
        assert.equal("202 being canceled", child:read("l"))
        local location = child:read("l"):match("^location: (.*)")
        assert.is_true(os.execute("kill -" .. signal .. " " .. pid))
        child:read("a") -- until it is gone
        child:close()
        portal:advance(60)
        local output, _, status = cancel("--resume", location)
        assert.equal("The operation ended: canceled.\n", output)
        assert.equal(0, status)
        assert.equal(1, #portal:journal { method = "POST" })
      end)
    end

    it("shows with --status what runs", function()
      offer()
      local output, _, status = cancel("--status", "contoso", "contoso-vm")
      assert.is_truthy(output:find("^contoso/contoso%-vm: running\n  running: %S+ first\n$"), output)
      assert.equal(0, status)
      output = cancel("--status", "--json", "contoso", "contoso-vm")
      assert.equal(1, cjson.decode(output).running)
    end)

    it("logs every request with --verbose, and no secret", function()
      offer()
      local _, errors = cancel("--verbose", "--email", "jane@contoso.example", "contoso", "contoso-vm")
      assert.is_truthy(errors:find("^POST http://[^\n]+: 202 in %d+ ms %(attempt 1%)\n$"), errors)
      assert.is_nil(errors:find("jane", 1, true) or errors:find(Portal.TOKEN, 1, true))
    end)

    it("draws one line on a terminal, which ends before a message", function()
      offer()
      local words = command { "examples/cancel.lua", "-w", "-t", "0.1", "-i", "0.03", "contoso", "contoso-vm" }
      local child = assert(io.popen("script -qec " .. quote(words) .. " /dev/null </dev/null", "r"))
      local output = child:read("a")
      child:close()
      assert.is_truthy(output:find("\rrunning[^\r\n]*%[[#.]+%] +%d+ %%  0:00\r\ntimeout: the operation"), output)
    end)
  end)

  describe("reconcile.lua", function()
    local function reconcile()
      return run { "examples/reconcile.lua", "contoso", "contoso-vm" }
    end

    it("cancels and waits", function()
      while_time_passes(function()
        offer { cancel_seconds = 0.5 }
        local output, _, status = reconcile()
        assert.is_truthy(output:find("^location: http[^\n]+\ncanceled\n$"), output)
        assert.equal(0, status)
      end)
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

    it("tells a clear refusal, and wrong usage", function()
      offer { running = false }
      local output, errors, status = reconcile()
      assert.equal("", output)
      assert.is_truthy(errors:find("400", 1, true))
      assert.equal(1, status)
      output, errors, status = run { "examples/reconcile.lua" }
      assert.equal("", output)
      assert.is_truthy(errors:find("^Usage"))
      assert.equal(2, status)
    end)
  end)
end)
