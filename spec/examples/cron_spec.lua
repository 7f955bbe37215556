-- examples/cron.lua: silent unless something is wrong.

local fixture = require "spec.support.fixture"

describe("examples/cron.lua", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  local function offer(options) fixture.offer(portal, { cancel_seconds = 0 }, options) end

  local function run(...) return programs:run { "examples/cron.lua", "contoso", ... } end

  it("cancels what runs, and says nothing", function()
    offer()
    assert.same({ "", "", 0 }, { run "contoso-vm" })
    assert.is_falsy(portal:state("contoso", "contoso-vm").running)
    assert.same({ "", "", 0 }, { run "contoso-vm" })
    assert.equal(1, #portal:journal { method = "POST" })
  end)

  it("says what is wrong, and when", function()
    offer { operation_id = "first" }
    portal:fault { match = { path = "/operations/first$" }, status = 200, body = { status = "completed" } }
    portal:fault { match = { path = "contoso%-vm/submissions/$", skip = 1 }, status = 200,
                   body = { { id = "first", submissionState = "completed" } } }
    local output, errors, status = run("contoso-vm", "none")
    assert.equal("", output)
    local stamp = "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ "
    assert.is_truthy(errors:find(stamp .. "none: http: 404: "), errors)
    assert.is_truthy(errors:find(stamp .. "contoso%-vm: it was not canceled: the outcome is completed\n"), errors)
    assert.equal(1, status)
  end)

  it("tells when there are no credentials", function()
    programs.environment.AZURE_TOKEN = ""
    local _, errors, status = run("contoso-vm")
    assert.matches("contoso-vm: auth: no token available", errors, 1, true)
    assert.equal(3, status)
  end)

  it("leaves it to a run that is under way, as its crontab line says", function()
    offer()
    local lock = programs:file()
    local line = programs.content("examples/cron.lua"):match("exec (flock [^\n]*)/run/lock/cpp ")
    local command = programs:command { "examples/cron.lua", "contoso", "contoso-vm" }
    local locked = ("flock %s sh -c '%s%s sh -c \"$1\"' - %s"):format(lock, line, lock, "'" .. command:gsub("'", "'\\''") .. "'")
    assert.same({ "", "", 0 }, { programs:run { "sh", "-c", locked } })
    assert.same({}, portal:journal())
    assert.same({ "", "", 0 }, { programs:run { "sh", "-c", line .. lock .. " " .. command } })
    assert.equal(1, #portal:journal { method = "POST" })
  end)
end)
