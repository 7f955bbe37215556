-- Tokens: where they come from, how long they are kept, and what a failure to get one looks like.

local auth = require "cpp.auth"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local TENANT, CLIENT, SECRET = "emulator-tenant", "emulator-client", "s3cr~t/with+all=kinds&of%characters \"'"

describe("a token", function()
  local portal, authority, loop
  local new_client = fixture.authority(_ENV, function(...) portal, authority, loop = ... end)

  -- Sets the response of the authority, and makes its token valid at the portal.
  local function issue(body, options)
    authority:fault(fixture.merged({ match = { path = "/token$" }, status = 200, body = body, times = -1 }, options))
    portal:configure { tokens = { { token = body.access_token or "none" } } }
  end

  local function with_credentials(options)
    return new_client(fixture.merged({ tenant = TENANT, client_id = CLIENT, client_secret = SECRET }, options))
  end

  local function asked() return #authority:journal() end

  local function sent()
    local list = {}
    for i, entry in ipairs(portal:journal()) do list[i] = entry.headers.authorization end
    return list
  end

  it("that is a string is sent as it is, and one that is given in a call wins", function()
    assert(with_credentials():offer_status { publisher = "contoso", offer = "contoso-vm", token = Portal.TOKEN })
    assert.same({ 0, { "Bearer " .. Portal.TOKEN } }, { asked(), sent() })
  end)

  -- The message of a call that gets no token, of which nothing is sent.
  local function message_of(client)
    local result, err = client:cancel(OFFER)
    assert.is_nil(result)
    assert.same({ "auth", false }, { err.kind, err.ambiguous })
    return err.message
  end

  -- The token of a client is renewed after so many seconds, and not before.
  local function assert_renewed(client, seconds, count)
    assert(client:offer_status(OFFER))
    loop.sleep(nil, seconds - 0.5)
    assert(client:offer_status(OFFER))
    assert.equal(1, count())
    loop.sleep(nil, 0.5)
    assert(client:offer_status(OFFER))
    assert.equal(2, count())
  end

  describe("that comes from a function", function()
    -- A client whose token function returns these lists, one after the other, the last for ever.
    local function with_function(...)
      local answers, calls = { ... }, { count = 0 }
      return new_client { token = function()
        calls.count = calls.count + 1
        local answer = answers[math.min(calls.count, #answers)]
        return table.unpack(answer, 1, answer.n)
      end }, calls
    end

    it("is kept until 300 s before it expires, and for half of its life when that is short", function()
      for _, case in ipairs { { 1000, 700 }, { "1000", 700 }, { 100, 50 } } do
        local client, calls = with_function { Portal.TOKEN, case[1] }
        assert_renewed(client, case[2], function() return calls.count end)
      end
    end)

    it("is an auth error when the function returns none, or one that is invalid, in words that are not redacted", function()
      assert.is_true(auth.is_token(("t"):rep(65536)))
      for message, answers in pairs {
        ["the token function returned no token"] = { {}, { {} }, { {}, 3600 } },
        ["the token function returned an invalid token"] = { { "" }, { "token\r\nX-Evil: 1" }, { "a b" }, { "token\0" },
                                                             { ("t"):rep(65537) } },
      } do
        for _, answer in ipairs(answers) do assert.equal(message, message_of(with_function(answer))) end
      end
      assert.same({}, sent())
    end)

    it("is an auth error with a reason that may be an object with a text, an err of the library, or any value", function()
      local function object(text) return setmetatable({}, { __tostring = function() return text end }) end
      for text, reason in pairs {
        ["the vault is closed"] = object "the vault is closed", ["42"] = 42, ["false"] = false,
        ["auth: no token"] = require "cpp.error".new("auth", "no token"),
        ["a table that has no text"] = setmetatable({}, { __tostring = function() error "no text" end }),
        ["see [redacted] [redacted]"] = object "see\nBearer abcdefgh jane@contoso.example",
        [("x "):rep(250)] = object(("x "):rep(300)),
      } do
        local absent = "the token function returned no token (" .. text .. ")"
        assert.equal(absent, message_of(with_function { n = 2, nil, reason }))
        assert.equal(absent, message_of(with_function { false, reason }))
        assert.equal("the token function failed (" .. text .. ")",
                     message_of(new_client { token = function() error(reason, 0) end }))
      end
    end)

    it("is an auth error that says what to do where the function of cpp.credentials was not called", function()
      for _, make in pairs(require "cpp.credentials") do
        assert.equal("the token function returned no token (it returned another token function: a function of "
          .. "cpp.credentials is called, as in token = cpp.credentials.default())", message_of(new_client { token = make }))
      end
    end)

    it("is an auth error for the next call as well, which does not wait for a renewal that has ended", function()
      local client = new_client { token = function() error("no vault", 0) end }
      for _ = 1, 2 do assert.equal("the token function failed (no vault)", message_of(client)) end
    end)

    it("is an auth error when the function needs a token itself", function()
      local client
      client = new_client { timeout = 5, token = function()
        local _, err = client:offer_status(OFFER)
        return nil, tostring(err)
      end }
      local function cancel(_, own) return own:cancel(OFFER) end
      for _, err in ipairs { select(2, cancel(1, client)), client:map({ 1 }, cancel)[1].err } do
        assert.matches("(auth: the token function made a call that needs its own token)", err.message, 1, true)
      end
    end)

    it("is asked for once when many calls need it, and those that come second wait", function()
      local calls = 0
      local client = new_client { token = function()
        calls = calls + 1
        return coroutine.yield()
      end }
      local states = {}
      local first = coroutine.wrap(function() states[1] = client:offer_status(OFFER).state end)
      first()
      loop.on_sleep = function()
        loop.on_sleep = nil
        first(Portal.TOKEN)
      end
      states[2] = client:offer_status(OFFER).state
      assert.same({ "running", "running" }, states)
      assert.equal(1, calls)
    end)

    for how, drop in pairs {
      ["closed"] = function(call) coroutine.close(call) end,
      ["collected"] = function() end,
    } do
      it("is asked for again when the call that asked for it was " .. how .. " in the middle", function()
        local client = new_client { token = function() return coroutine.isyieldable() and coroutine.yield() or Portal.TOKEN end }
        do
          local call = coroutine.create(function() client:offer_status(OFFER) end)
          coroutine.resume(call)
          drop(call)
        end
        collectgarbage()
        collectgarbage()
        assert.equal("running", assert(client:offer_status(OFFER)).state)
      end)
    end

    it("is not waited for longer than the timeout: the call's own, the client's, and 300 s by default", function()
      local function token() return coroutine.yield() end
      for _, case in ipairs { { 2, 2, 5 }, { 5, nil, 5 }, { 300, nil, nil } } do
        local own = virtual.new()
        local client = new_client { token = token, timeout = case[3], loop = own }
        local call = coroutine.create(function() client:offer_status(OFFER) end)
        coroutine.resume(call)
        local _, err = client:offer_status { publisher = "contoso", offer = "contoso-vm", timeout = case[2] }
        assert.same({ "auth: the token was not renewed in time", true }, { tostring(err), err.retryable })
        assert.near(case[1], own.elapsed(), 1e-6)
        assert.same({ 0.001, 0.002, 0.004, 0.008, 0.016, 0.02, 0.02 }, table.move(own.sleeps, 1, 7, 1, {}))
        coroutine.close(call)
      end
    end)

    it("is not waited for in a batch that is being stopped, nor by a client that is closed", function()
      local client = new_client { token = function() return coroutine.yield() end }
      local call = coroutine.create(function() client:offer_status(OFFER) end)
      coroutine.resume(call)
      local entries = client:map({ 1 }, function(_, own) return own:offer_status(OFFER) end, {
        should_stop = function() return loop.elapsed() > 1 end,
      })
      assert.equal("stopped", entries[1].err.kind)
      assert.near(1, loop.elapsed(), 0.021)
      loop.on_sleep = function() client:close() end
      assert.equal("closed", select(2, client:offer_status { publisher = "contoso", offer = "contoso-vm", timeout = 5 }).kind)
      assert.near(1, loop.elapsed(), 0.03)
      coroutine.close(call)
    end)
  end)

  describe("that comes from credentials", function()
    it("is asked for as the authority wants it, and then used", function()
      issue { access_token = "issued", expires_in = "3600" }
      assert(with_credentials():offer_status(OFFER))
      local entry = authority:journal()[1]
      assert.same({ "POST", "/" .. TENANT .. "/oauth2/token", "application/x-www-form-urlencoded" },
                  { entry.method, entry.path, entry.headers["content-type"], entry.headers.authorization })
      assert.equal("grant_type=client_credentials&client_id=emulator-client"
        .. "&client_secret=s3cr~t%2Fwith%2Ball%3Dkinds%26of%25characters%20%22%27"
        .. "&resource=https%3A%2F%2Fcloudpartner.azure.com", entry.body)
      assert.same({ "Bearer issued" }, sent())
    end)

    it("is for a scope, from the v2 endpoint, where one is given", function()
      issue { access_token = "issued" }
      assert(with_credentials { scope = "https://cloudpartner.azure.com/.default" }:offer_status(OFFER))
      local entry = authority:journal()[1]
      assert.equal("/" .. TENANT .. "/oauth2/v2.0/token", entry.path)
      assert.matches("&scope=https%3A%2F%2Fcloudpartner.azure.com%2F.default", entry.body, 1, true)
      assert.is_nil(entry.body:find("resource=", 1, true))
    end)

    for name, life in pairs {
      ["expires_in as a string"] = { expires_in = "1000" },
      ["expires_in as a number"] = { expires_in = 1000 },
      ["expires_on alone"] = { expires_on = Portal.EPOCH + 1000 },
      ["expires_on alone as a string"] = { expires_on = tostring(Portal.EPOCH + 1000) },
      ["expires_in before expires_on"] = { expires_in = "1000", expires_on = "17" },
      ["expires_on where expires_in is no number"] = { expires_in = "", expires_on = Portal.EPOCH + 1000 },
    } do
      it("is kept until 300 s before its end, by " .. name, function()
        life.access_token = "issued"
        issue(life)
        assert_renewed(with_credentials(), 700, asked)
      end)
    end

    it("is kept by this machine's clock, where its response has no Date", function()
      issue({ access_token = "issued", expires_on = os.time() + 1000 }, { add_headers = { Date = false } })
      local client = with_credentials()
      for _, case in ipairs { { 0, 1 }, { 600, 1 }, { 200, 2 } } do
        loop.sleep(nil, case[1])
        assert(client:offer_status(OFFER))
        assert.equal(case[2], asked())
      end
    end)

    it("is kept until it is refused where no expiry is given, or one that has passed by a wrong clock", function()
      for _, life in ipairs { {}, { expires_on = Portal.EPOCH - 3600 }, { expires_in = 0 } } do
        authority:reset()
        life.access_token = "issued"
        issue(life)
        local client = with_credentials()
        assert(client:offer_status(OFFER))
        loop.sleep(nil, 1e6)
        assert(client:offer_status(OFFER))
        assert.equal(1, asked())
        portal:configure { tokens = { { token = "issued", expires_in = 0 } } }
        authority:clear_faults()
        issue { access_token = "another" }
        assert(client:offer_status(OFFER))
        assert.equal(2, asked())
      end
    end)

    it("is not replaced for 10 s where the service refuses the new one too", function()
      local client = with_credentials()
      issue { access_token = "issued" }
      portal:fault { status = 401, times = -1 }
      local function refuse(clock)
        local own = { publisher = "contoso", offer = "contoso-vm", loop = clock and setmetatable(clock, { __index = loop }) }
        local _, err = client:offer_status(own)
        assert.equal(401, err.status)
        return asked()
      end
      assert.equal(2, refuse())
      assert.equal(2, refuse())
      loop.sleep(nil, 9.9)
      assert.equal(2, refuse())
      assert.equal(3, refuse { now = function() return 1 end }) -- another clock
      assert.equal(4, refuse())
      assert.equal(4, refuse())
      loop.sleep(nil, 9.75)
      assert.equal(4, refuse())
      loop.sleep(nil, 0.25)
      assert.equal(5, refuse())
      loop.sleep(nil, 11)
      portal:clear_faults()
      for turn, status in ipairs { 404, 200 } do -- each new token is accepted
        authority:clear_faults()
        issue { access_token = "another" .. turn }
        portal:fault { status = 401 }
        portal:fault { status = status, body = { status = "running" } }
        local result, err = client:offer_status(OFFER)
        assert.equal(status, result and 200 or err.status)
        assert.equal(5 + turn, asked())
      end
    end)

    it("is kept for each of the credentials and scopes apart", function()
      local client = with_credentials()
      for _ = 1, 2 do
        for name, more in pairs { one = {}, two = { client_id = "another" }, three = { scope = "https://one/.default" } } do
          authority:clear_faults()
          issue { access_token = name }
          portal:clear_journal()
          more.publisher, more.offer = "contoso", "contoso-vm"
          client:offer_status(more)
          assert.same({ "Bearer " .. name }, sent())
        end
      end
      assert.equal(3, asked())
    end)

    it("holds nothing else of its batch back if the token service asks for a pause", function()
      local client = new_client { token = Portal.TOKEN, retries = 0 }
      authority:fault { match = { path = "/token$" }, status = 429, headers = { ["Retry-After"] = "200" } }
      local entries = client:map({ Portal.CREDENTIALS, {} }, function(options, own)
        return own:offer_status(fixture.call(options))
      end, { concurrency = 1 })
      assert.same({ "auth", "running", 0 }, { entries[1].err.kind, entries[2].result.state, loop.elapsed() })
    end)
  end)
end)
