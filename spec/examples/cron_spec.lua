-- examples/cron.lua: silent unless something is wrong.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("examples/cron.lua", function()
  local portal, programs
  fixture.programs(_ENV, function(...) portal, programs = ... end)

  local function offer(options) fixture.offer(portal, { cancel_seconds = 0 }, options) end

  local function run(...) return programs:run { "examples/cron.lua", "contoso", ... } end

  it("cancels what runs, and says nothing", function()
    offer()
    local output, errors, status = run("contoso-vm")
    assert.equal("", output .. errors)
    assert.equal(0, status)
    assert.is_falsy(portal:state("contoso", "contoso-vm").running)
    output, errors, status = run("contoso-vm")
    assert.equal("", output .. errors)
    assert.equal(0, status)
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

  it("takes credentials from the environment, and tells when there are none or wrong ones", function()
    offer()
    local _, errors, status
    programs.environment.AZURE_TOKEN = ""
    _, errors, status = run("contoso-vm")
    assert.is_truthy(errors:find("contoso-vm: auth: no token available", 1, true), errors)
    assert.equal(3, status)
    programs.environment.AZURE_TENANT_ID = Portal.CREDENTIALS.tenant
    programs.environment.AZURE_CLIENT_ID = Portal.CREDENTIALS.client_id
    programs.environment.AZURE_CLIENT_SECRET = "wrong"
    programs.environment.AZURE_AUTHORITY_HOST = portal.url
    _, errors, status = run("contoso-vm")
    assert.is_truthy(errors:find("contoso-vm: auth: environment: 401: ", 1, true), errors)
    assert.is_nil(errors:find("wrong", 1, true))
    assert.equal(3, status)
    programs.environment.AZURE_CLIENT_SECRET = Portal.CREDENTIALS.client_secret
    _, errors, status = run("contoso-vm")
    assert.same({ "", 0 }, { errors, status })
  end)

  it("leaves it to a run that is under way, as its crontab line says", function()
    offer()
    local lock = programs:file()
    local line = programs.content("examples/cron.lua"):match("exec (flock [^\n]*)/run/lock/cpp ")
    local command = programs:command { "examples/cron.lua", "contoso", "contoso-vm" }
    local locked = ("flock %s sh -c '%s%s sh -c \"$1\"' - %s"):format(lock, line, lock, "'" .. command:gsub("'", "'\\''") .. "'")
    local output, errors, status = programs:run { "sh", "-c", locked }
    assert.equal("", output .. errors)
    assert.equal(0, status)
    assert.same({}, portal:journal())
    output, errors, status = programs:run { "sh", "-c", line .. lock .. " " .. command }
    assert.equal("", output .. errors)
    assert.equal(0, status)
    assert.equal(1, #portal:journal { method = "POST" })
  end)
end)
