-- No token available: the err, and the single origin that gets the client secret.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }
local CREDENTIALS = Portal.CREDENTIALS

describe("credentials", function()
  local portal, authority, client, new_client
  new_client = fixture.authority(_ENV, function(...)
    portal, authority = ...
    client = new_client()
  end, CREDENTIALS)

  -- Sets the response to token requests.
  local function answer(status, body, headers)
    authority:fault { match = { path = "/oauth2/token$" }, status = status, body = body, headers = headers, times = -1 }
  end

  local function cancel(options)
    local result, err = client:cancel(fixture.call(options))
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    assert.is_false(err.ambiguous)
    assert.same({}, portal:journal()) -- nothing of the call was sent
    return err
  end

  it("that are late for one call are asked for again by a call that has more time", function()
    portal:fault { match = { path = "/oauth2/token$" }, action = "stall" }
    client = new_client { authority_url = portal.url }
    local hasty = { publisher = "contoso", offer = "contoso-vm", timeout = 0.2 }
    local entries = client:cancel_all { hasty, OFFER, hasty }
    assert.same({ "auth", "auth" }, { entries[1].err.kind, entries[3].err.kind })
    assert.equal(202, entries[2].result and entries[2].result.status, entries[2].err)
    assert.equal(2, #portal:journal { path = "/oauth2/token$" })
  end)

  describe("that are refused", function()
    it("are an auth error with the service's code and description", function()
      answer(401, { error = "invalid_client", error_description = "AADSTS7000215: Invalid client secret.\r\nTrace ID: 1" })
      local err = cancel()
      assert.same({ 401, "invalid_client", "POST", false, 1 }, { err.status, err.code, err.method, err.retryable, err.attempts })
      assert.equal("auth: 401: the token service refused (invalid_client: AADSTS7000215: Invalid client secret. Trace ID: 1): POST "
        .. authority.url .. "/emulator-tenant/oauth2/token", (tostring(err):gsub(" %[request id.*", "")))
    end)

    it("are asked once for all calls that wait for them", function()
      answer(401, {})
      local calls = { OFFER, OFFER }
      for n = 3, 4 do calls[n] = { publisher = "contoso", offer = "contoso-vm", log = function() return n end } end
      local _, failed = client:cancel_all(calls)
      assert.same({ 4, 1 }, { failed, #authority:journal() })
      calls[3].ca_file, calls[4].timeout = "/nowhere", 299
      client:cancel_all(calls)
      assert.equal(4, #authority:journal())
    end)

    it("do not get an err that speaks of the offer", function()
      for _, status in ipairs { 400, 401, 403, 404 } do
        authority:reset()
        answer(status)
        assert.equal(("%d: the token service refused"):format(status), cancel().message)
      end
    end)
  end)

  describe("that get no response that helps", function()
    it("are an auth error after the retries", function()
      for _, fault in ipairs { { action = "close" }, { status = 503 }, { status = 429 },
                               { status = 200, body = { access_token = "issued" }, action = "truncate" } } do
        authority:reset()
        fault.match, fault.times = { path = "/oauth2/token$" }, -1
        authority:fault(fault)
        local err = cancel { retries = 2 }
        assert.same({ true, 3, 3 }, { err.retryable, err.attempts, #authority:journal() })
        for _, entry in ipairs(client:cancel_all { OFFER, OFFER }) do assert.is_true(entry.err.retryable) end
      end
    end)

    it("but one without a valid token are an auth error", function()
      for _, body in ipairs { { token_type = "Bearer" }, { access_token = 5 }, { access_token = "" }, { access_token = "to ken" },
                              { access_token = "token\r\nX-Evil: 1" }, { access_token = "issued", token_type = "mac" },
                              { access_token = "issued", token_type = 5 }, "[]", "<html>", "" } do
        authority:clear_faults()
        answer(200, body)
        assert.equal(200, cancel().status)
      end
    end)

    it("keep the token out of the err where it was cut short", function()
      answer(200, '{"access_token":"opaque-0123456789","expires_in"')
      local err = cancel()
      assert.is_nil(err.body)
      assert.is_nil(tostring(err):find("opaque", 1, true))
    end)
  end)

  -- Every byte that a server was sent, as far as its journal tells.
  local function everything(server)
    local parts = {}
    for _, entry in ipairs(server:journal()) do
      parts[#parts + 1] = entry.path .. "?" .. (entry.query or "") .. (entry.body or "")
      for name, value in pairs(entry.headers) do parts[#parts + 1] = name .. ": " .. value end
    end
    return table.concat(parts, "\n")
  end

  it("go to the authority's origin only, and the token to the service's only", function()
    authority:fault { match = { path = "/oauth2/token$" }, status = 200, body = { access_token = "issued" } }
    portal:configure { tokens = { { token = "issued" } } }
    client = new_client { loop = virtual.new(portal) }
    local result = assert(client:cancel(OFFER))
    assert(client:wait(result))
    assert(client:offer_status(OFFER))
    assert.is_truthy(everything(authority):find("emulator-secret", 1, true))
    assert.is_nil(everything(authority):find("issued", 1, true))
    assert.is_nil(everything(portal):find("emulator-secret", 1, true))
    assert.is_truthy(everything(portal):find("issued", 1, true))
  end)

  it("are misuse when they are not complete, though the client has a token", function()
    local other <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN }
    for _, missing in ipairs { "tenant", "client_id", "client_secret" } do
      local own = fixture.merged(CREDENTIALS)
      own[missing] = nil
      for _, misuse in ipairs { function() cpp.client(own) end, function() other:cancel(fixture.call(own)) end } do
        local done, problem = pcall(misuse)
        assert.is_false(done)
        assert.matches("_spec.lua:%d+: cpp: " .. missing .. ": expected with tenant, client_id and client_secret together$",
                       problem)
      end
    end
    assert.same({}, portal:journal())
  end)
end)
