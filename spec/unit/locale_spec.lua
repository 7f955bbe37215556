-- The locale of the host program: what the service sends is read in the same way whatever it is. In German a comma
-- begins a fraction, in Turkish the lower case of `I` is another letter, and in Latin 1 bytes of UTF-8 are letters.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

-- What a program sees in a locale: the results of its calls, as a list of lines.
local SCRIPT = [[
local name, base_url = ...
local cpp = require "cpp"
assert(os.setlocale(name), "no such locale")
local client <close> = cpp.client { base_url = base_url, token = "emulator-token", retries = 0 }
local offer = { publisher = "contoso", offer = "contoso-vm" }
print(#cpp.core.decode "[1,5]", cpp.core.decode "0.5" == 1 / 2, cpp.core.decode "-1.25e2", cpp.core.decode "1e3")
print(cpp.core.decode("0." .. ("3"):rep(300)) == 1 / 3)
local result = assert(client:cancel(offer))
print(result.operation_id, result.retry_after)
local operation = assert(client:operation(result.location))
print(operation.state, operation.progress)
print(assert(client:operation(result.location)).state)
print(select(2, client:cancel { publisher = "contoso", offer = "contoso-vm", token = function() return "t\xe9k" end }).kind)
local _, problem = pcall(client.cancel, client, { publisher = "contoso", offer = "contoso-vm",
                                                  headers = { AUTHORIZATION = "x" } })
print(problem:match "cpp: .*")
]]

local SEEN = [[
2 true -125 1000
true
OP-I 7
failed 12
unknown
auth
cpp: headers: 'AUTHORIZATION' cannot be given here
]]

describe("the locale of the host program changes nothing:", function()
  local portal
  local programs = Programs.new {}
  fixture.portal(_ENV, function(...)
    portal = ...
    portal:configure { tokens = { { token = Portal.TOKEN } } }
    local location = "/api/publishers/contoso/offers/contoso-vm/operations/OP-I"
    portal:fault { match = { method = "POST" }, status = 202,
                   headers = { ["OPERATION-LOCATION"] = location, ["RETRY-AFTER"] = "7" } }
    portal:fault { match = { path = "/operations/" }, status = 200,
                   body = { status = "FAILED", steps = { { status = "INPROGRESS", progressPercentage = 12.5 } } } }
    portal:fault { match = { path = "/operations/" }, status = 200, body = { status = "\u{f5}\u{f5}" } }
  end)
  teardown(function() programs:close() end)

  for _, name in ipairs { "C", "de_DE.ISO-8859-1", "tr_TR.ISO-8859-9" } do
    it(name, function()
      local directory = programs:path()
      local language, charset = name:match "^(.*)%.(.*)$"
      local made = not language
        or os.execute(("localedef -c -i %s -f %s %s/%s 2>/dev/null"):format(language, charset, directory, name))
      if not made then return pending "localedef cannot make this locale" end
      local script = programs:file(SCRIPT)
      -- glibc never frees what it makes of LOCPATH.
      local output, errors = programs:run {
        "env", "LOCPATH=" .. directory, "LSAN_OPTIONS=detect_leaks=0", os.getenv "LUA" or "lua5.4", script, name, portal.url,
      }
      assert.equal("", errors)
      assert.equal(SEEN, (output:gsub("\t", " ")))
    end)
  end
end)
