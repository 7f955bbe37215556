-- The text that print shows for a client, a result and an operation.

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
    return assert(client:cancel(fixture.call(options)))
  end

  it("a result: the call, the offer, the status, where to poll, and the outcome of a wait", function()
    local result = assert(client:cancel(OFFER))
    assert.equal("cpp.result: cancel contoso/contoso-vm, 202, " .. result.location, tostring(result))
    for text, options in pairs { ["200, canceled"] = {}, ["200, canceled, canceled"] = { wait = true },
                                 none = { if_running = true } } do
      fixture.offer(portal, { cancel_mode = "synchronous", running = text ~= "none" })
      options.publisher, options.offer = "contoso", "contoso-vm"
      assert.equal("cpp.result: cancel contoso/contoso-vm, " .. text, tostring(client:cancel(options)))
    end
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

  it("no token that a function gave, nor the one before it, nor that of any of its calls", function()
    local tokens, given = { "first-of-the-function", "next-of-the-function", "of-a-call" }, 0
    portal:configure { tokens = { { token = tokens[1] }, { token = tokens[2] }, { token = tokens[3] } } }
    local own <close> = cpp.client { base_url = portal.url, token = function()
      given = given + 1
      return tokens[given]
    end }
    local result = assert(own:cancel(OFFER))
    portal:fault { status = 401 }
    assert(own:offer_status(OFFER))
    local function of_call() return tokens[3] end -- a token is known as long as its function
    assert(own:offer_status { publisher = "contoso", offer = "contoso-vm", token = of_call })
    for _, token in ipairs(tokens) do
      result.location = "/" .. token
      assert.matches(", /%[redacted%]$", tostring(result))
    end
    assert.same({ 2, tokens[3] }, { given, of_call() })
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
end)
