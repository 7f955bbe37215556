-- The text that print shows for a client, a result and an operation.

local cjson = require "cjson"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("print shows", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)
  before_each(function() fixture.offer(portal, { cancel_seconds = 60 }) end)

  local function locate(location, options)
    portal:fault { match = { method = "POST" }, status = 202, headers = { ["Operation-Location"] = location } }
    local own = { publisher = "contoso", offer = "contoso-vm" }
    for name, value in pairs(options or {}) do own[name] = value end
    return assert(client:cancel(own))
  end

  it("a result: the call, the offer, the status, where to poll", function()
    local result = assert(client:cancel(OFFER))
    assert.equal("cpp.result: cancel contoso/contoso-vm, 202, " .. result.location, tostring(result))
    fixture.offer(portal, { cancel_mode = "synchronous" })
    assert.equal("cpp.result: cancel contoso/contoso-vm, 200, canceled", tostring(client:cancel(OFFER)))
    assert.equal("cpp.result: cancel contoso/contoso-vm, none",
                 tostring(client:cancel { publisher = "contoso", offer = "contoso-vm", if_running = true }))
  end)

  it("a result that was done at once and waited for", function()
    fixture.offer(portal, { cancel_mode = "synchronous" })
    local operation = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("cpp.result: cancel contoso/contoso-vm, 200, canceled, canceled", tostring(operation))
  end)

  it("an operation: the offer, the state, how far it is, its outcome, where it was seen", function()
    local result = assert(client:cancel(OFFER))
    local operation = assert(client:operation(result.location))
    assert.equal("cpp.operation: running, 0 %, " .. operation.location, tostring(operation))
    local seen
    operation = assert(client:wait(result, { on_progress = function(shown) seen = seen or tostring(shown) end }))
    assert.equal("cpp.operation: contoso/contoso-vm, canceled, 0 %, outcome canceled, " .. operation.location, tostring(operation))
    assert.matches("^cpp.operation: contoso/contoso%-vm, running, 0 %%, http", seen)
    fixture.offer(portal)
    assert.matches("^cpp.operation: contoso/contoso%-vm, running, 0 %%, http", tostring(client:reconcile(OFFER).operation))
  end)

  it("a client: where requests go, and where tokens come from", function()
    assert.equal("cpp.client: " .. portal.url .. ", a token, 0 running", tostring(client))
    for words, options in pairs {
      ["https://cloudpartner.azure.com, a token function"] = { token = cpp.credentials.default() },
      [portal.url .. ", client id"] = { base_url = portal.url, tenant = "t", client_id = "id", client_secret = "s3cret" },
    } do
      local other = cpp.client(options)
      assert.equal("cpp.client: " .. words .. ", 0 running", tostring(other))
      other:close()
      assert.equal("cpp.client: closed", tostring(other))
    end
  end)

  it("what each is, in messages of Lua", function()
    local result = assert(client:cancel(OFFER))
    for kind, value in pairs { client = client, result = result, operation = assert(client:operation(result.location)) } do
      assert.error_matches(function() string.rep(value, 1) end, "got cpp%." .. kind)
    end
  end)

  it("no secret: of the client, of the call, nor in a text of the service", function()
    for _, location in ipairs { "/api/x?t=" .. Portal.TOKEN, "/api/" .. Portal.TOKEN:gsub("e", "%%65"),
                                "/api/jane@contoso.example" } do
      local result = locate(location)
      assert.matches("%[redacted%]", tostring(result))
      assert.is_nil(tostring(result):find(Portal.TOKEN, 1, true))
    end
    portal:configure { tokens = { { token = "of-the-call" } } }
    local result = locate("/api/of-the-call", { token = "of-the-call" })
    assert.matches("/api/%[redacted%]", tostring(result))
    portal:fault { match = { path = "^/api/x" }, status = 200, body = { status = "running" } }
    local operation = assert(client:operation { location = "/api/x/of-the-call", token = "of-the-call" })
    assert.matches("/api/x/%[redacted%]", tostring(operation))
  end)

  it("no token that a function gave, nor the one before it", function()
    local tokens = { "first-of-the-function", "next-of-the-function" }
    portal:configure { tokens = { { token = tokens[1] }, { token = tokens[2] } } }
    local given = 0
    client:close()
    client = cpp.client { base_url = portal.url, token = function()
      given = given + 1
      return tokens[given]
    end }
    local result = locate("/api/" .. tokens[1])
    assert.matches("/api/%[redacted%]", tostring(result))
    portal:fault { status = 401 }
    assert(client:offer_status(OFFER))
    assert.equal(2, given)
    result.location = "/" .. tokens[1] .. "/" .. tokens[2]
    assert.matches("/%[redacted%]/%[redacted%]", tostring(result))
  end)

  it("no token of any of its calls", function()
    local tokens = { "first-of-three", "next-of-three", "last-of-three" }
    portal:configure { tokens = { { token = tokens[1] }, { token = tokens[2] }, { token = tokens[3] } } }
    client:close()
    client = cpp.client { base_url = portal.url, token = tokens[1] }
    local result = assert(client:cancel(OFFER))
    local functions = {} -- a token is known as long as its function
    for n = 2, 3 do
      functions[n] = function() return tokens[n] end
      assert(client:offer_status { publisher = "contoso", offer = "contoso-vm", token = functions[n] })
    end
    for _, token in ipairs(tokens) do
      result.location = "/" .. token
      assert.matches(", /%[redacted%]", tostring(result))
    end
    assert.equal(tokens[3], functions[3]())
  end)

  it("no secret of its credentials, or of those that a function of cpp.credentials has found", function()
    local own, getenv = Portal.CREDENTIALS, os.getenv
    local variables = { AZURE_TENANT_ID = own.tenant, AZURE_CLIENT_ID = own.client_id, AZURE_CLIENT_SECRET = own.client_secret }
    os.getenv = function(name) return variables[name] end -- luacheck: ignore
    for _, options in ipairs { { token = cpp.credentials.environment() },
                               { tenant = own.tenant, client_id = own.client_id, client_secret = own.client_secret } } do
      client:close()
      client = cpp.client { base_url = portal.url, authority_url = portal.url, token = options.token, tenant = options.tenant,
                            client_id = options.client_id, client_secret = options.client_secret }
      local result = client:cancel(OFFER)
      os.getenv = getenv -- luacheck: ignore
      result.location = "/" .. own.client_secret
      assert.matches(", /%[redacted%]$", tostring(result))
    end
  end)

  it("no text of the service once the client has forgotten its secrets", function()
    local result = assert(client:cancel(OFFER))
    client:close()
    collectgarbage()
    collectgarbage()
    assert.equal("cpp.result: cancel contoso/contoso-vm, 202", tostring(result))
  end)

  it("one line, whatever a document holds", function()
    portal:fault { match = { path = "^/api/x" }, status = 200,
                   body = { status = "running", publisher = { 1 }, offer = "a\nb", outcome = { 2 } } }
    local operation = assert(client:operation "/api/x")
    assert.matches("^cpp.operation: running, 0 %%, http[^\n]*$", tostring(operation))
    for _, value in ipairs { true, {}, print, "a\nb\27[2J" } do
      for _, name in ipairs { "publisher", "offer", "call", "state", "status", "progress", "outcome", "location" } do
        operation[name] = value
        assert.matches("^cpp.operation: [^%c]*$", tostring(operation))
      end
    end
    assert.equal(1024, #tostring(setmetatable({ location = ("x"):rep(100000) }, getmetatable(operation))))
  end)

  it("a table that is otherwise plain", function()
    local result = assert(client:cancel(OFFER))
    assert.equal(result.location, cjson.decode(cjson.encode(result)).location)
    local count = 0
    for _ in pairs(result) do count = count + 1 end
    assert.is_true(count > 5)
  end)

  it("results without keeping their client", function()
    local result
    local kept = setmetatable({}, { __mode = "k" })
    do
      local other = cpp.client { base_url = portal.url, token = Portal.TOKEN }
      kept[other] = true
      result = assert(other:cancel(OFFER))
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
    assert.matches("^cpp.result: ", tostring(result))
  end)
end)
