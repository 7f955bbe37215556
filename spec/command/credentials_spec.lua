-- Where cpp-portal's token comes from: files, standard input, the environment.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

describe("cpp-portal", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    programs.environment.AZURE_TOKEN = ""
  end)

  local function status_of(environment, words, input)
    for name, value in pairs(environment) do programs.environment[name] = value end
    return programs:run({ "bin/cpp-portal", "status", "contoso", "contoso-vm", table.unpack(words or {}) }, { input = input })
  end

  it("names the variable where no option is given", function()
    programs.environment.CPP_BASE_URL = "ftp://x"
    local _, errors, status = status_of {}
    assert.matches("^cpp%-portal: CPP_BASE_URL: expected an https:// URL[^\n]*\n$", errors)
    assert.equal(2, status)
    _, errors = status_of({}, { "--base-url=ftp://x" })
    assert.matches("^cpp%-portal: %-%-base%-url: expected an https:// URL", errors)
    _, errors = status_of { CPP_BASE_URL = "", AZURE_AUTHORITY_HOST = "ftp://x", AZURE_TOKEN = "t" }
    assert.matches("^cpp%-portal: AZURE_AUTHORITY_HOST: expected an https:// URL", errors)
  end)

  it("takes a token from a file or from standard input, before the environment's", function()
    local file = programs:file(Portal.TOKEN .. "\n")
    local _, errors, status = status_of({ AZURE_TOKEN = "other" }, { "--token-file", file })
    assert.same({ "", 0 }, { errors, status })
    _, errors, status = status_of({}, { "--token-file", "-" }, Portal.TOKEN .. "\r\n")
    assert.same({ "", 0 }, { errors, status })
  end)

  it("names the variable that holds no credential", function()
    local variables = { AZURE_TENANT_ID = "t", AZURE_CLIENT_ID = "c", AZURE_CLIENT_SECRET = "s" }
    for name in pairs(variables) do
      local given = { [name] = ("x"):rep(3000) }
      for other, value in pairs(variables) do given[other] = given[other] or value end
      local _, errors, status = status_of(given)
      assert.matches("^cpp%-portal: contoso%-vm: auth: environment: " .. name .. ": expected [^\n]+\n$", errors)
      assert.equal(5, status)
    end
  end)

  it("reads the file again when the service refuses the token", function()
    local file = programs:file("stale")
    portal:configure { tokens = { { token = "stale" } } }
    local program = programs:start { "bin/cpp-portal", "wait", "-v", "-i", "0.05", "--token-file", file, "contoso", "contoso-vm" }
    Programs.wait_for(function() return #portal:journal() > 0 end)
    local handle = assert(io.open(file, "w"))
    handle:write(Portal.TOKEN)
    handle:close()
    portal:configure { tokens = { { token = "stale", expires_in = 0 } } }
    portal:advance(100)
    local output, errors, status = program:finish()
    assert.is_truthy(output:find("completed", 1, true), errors)
    assert.is_truthy(errors:find(": 401 in", 1, true), errors)
    assert.equal(0, status)
  end)

  it("exits with 5 where there is no token", function()
    local output, errors, status = status_of {}
    assert.matches("^cpp%-portal: contoso%-vm: auth: no token available: give %-%-token%-file, set AZURE_TOKEN[^\n]*\n$", errors)
    assert.same({ "", 5 }, { output, status })
  end)
end)
