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

  local function content(name)
    local file = assert(io.open(name))
    local text = file:read("a")
    file:close()
    return text
  end

  local function new_file()
    files[#files + 1] = os.tmpname()
    return files[#files]
  end

  -- Runs an example to its end. Returns standard output, standard error, exit status.
  local function run(words, token)
    local name = new_file()
    local child = assert(io.popen(command(words, token) .. " 2>" .. name, "r"))
    local output = child:read("a")
    local _, _, status = child:close()
    return output, content(name), status
  end

  -- The same, of an example that waits: once it has written a line that holds `sign`, the emulator's
  -- clock moves on until the operation has ended. It is looked for in standard error when `watch_errors`.
  local function run_until_end(words, sign, watch_errors)
    local name = new_file()
    local redirection = watch_errors and " 2>&1 >" or " 2>"
    local child = assert(io.popen(command(words) .. redirection .. name, "r"))
    local lines = {}
    repeat
      lines[#lines + 1] = child:read("L")
      assert(#lines < 5 and lines[#lines], "the example has not written it")
    until lines[#lines]:find(sign, 1, true)
    portal:advance(100)
    local watched = table.concat(lines) .. child:read("a")
    local _, _, status = child:close()
    if watch_errors then return content(name), watched, status end
    return watched, content(name), status
  end

  local function cancel(...)
    return run { "examples/cancel.lua", ... }
  end

  local function cancel_and_wait(options, sign, watch_errors)
    return run_until_end({ "examples/cancel.lua", "--timeout", "20", "--interval", "0.01", "contoso", "contoso-vm",
                           table.unpack(options) }, sign, watch_errors)
  end

  -- Starts an example whose output is read while it runs. Returns the stream and the process's id.
  local function start(words)
    local child = assert(io.popen("echo $$; " .. command(words) .. " 2>/dev/null", "r"))
    return child, child:read("l")
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
      local output, errors, status = cancel("--wait", "--timeout", "0.5", "contoso", "contoso-vm")
      assert.is_truthy(output:find("location: ", 1, true))
      assert.is_truthy(errors:find("timeout: the operation has not ended after 0.5 s (last seen: running)", 1, true))
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
      offer()
      local output, errors, status = cancel_and_wait({ "--wait" }, "running", true)
      assert.is_truthy(output:find("\nThe operation ended: canceled.\n$"), output)
      assert.is_truthy(errors:find("^running.*, %d+ %%, %d+:%d%d\n.*canceled, %d+ %%, %d+:%d%d\n$"), errors)
      assert.equal(0, status)
    end)

    it("exits with 1 when the publish was faster", function()
      offer { cancel_mode = "lost_race" }
      local output, _, status = cancel_and_wait({ "--wait" }, "location:")
      assert.is_truthy(output:find("The operation ended: completed. It was faster than the cancel.", 1, true))
      assert.equal(1, status)
    end)

    it("exits with 1 when the operation failed", function()
      offer { cancel_mode = "fails" }
      local _, errors, status = cancel_and_wait({ "--wait" }, "location:")
      assert.is_truthy(errors:find("\nfailed: the operation ended failed", 1, true), errors)
      assert.equal(1, status)
    end)

    it("waits with --json: the location on standard error, one object on standard output", function()
      offer()
      local output, errors, status = cancel_and_wait({ "--wait", "--json" }, "location: http", true)
      assert.equal("canceled", cjson.decode(output).state)
      assert.is_truthy(errors:find("^location: http"))
      assert.equal(0, status)
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
        local child, pid = start { "examples/cancel.lua", "-w", "-t", "20", "-i", "0.01", "contoso", "contoso-vm" }
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
      portal:fault { match = { method = "GET", skip = 2 }, status = 403 }
      local words = command { "examples/cancel.lua", "-w", "-i", "0.01", "contoso", "contoso-vm" }
      local child = assert(io.popen("script -qec " .. quote(words) .. " /dev/null </dev/null", "r"))
      local output = child:read("a")
      child:close()
      local line = "\rrunning[^\r\n]*%[[#.]+%] +%d+ %%  %d:%d%d"
      assert.is_truthy(output:find(line .. line .. "\r\nhttp: GET"), output)
    end)
  end)

  describe("reconcile.lua", function()
    local function reconcile()
      return run { "examples/reconcile.lua", "contoso", "contoso-vm" }
    end

    it("cancels and waits", function()
      offer()
      portal:fault { match = { method = "GET" }, status = 200, body = { status = "canceled" } }
      local output, _, status = reconcile()
      assert.is_truthy(output:find("^location: http[^\n]+\ncanceled\n$"), output)
      assert.equal(0, status)
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
