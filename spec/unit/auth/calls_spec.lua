-- The request for a token takes the options of the call that needs it; and a token that was renewed stays hidden.

local Certificates = require "spec.support.certificates"
local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Lab = require "spec.support.lab"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("a token's request has a call's own", function()
  local portal, authority, client, loop, new_client
  new_client = fixture.authority(_ENV, function(...)
    portal, authority, loop = ...
    client = new_client()
  end)

  local function call(options, other)
    local own = {}
    for _, table in ipairs { OFFER, Portal.CREDENTIALS, options } do
      for name, value in pairs(table) do own[name] = value end
    end
    return (other or client):offer_status(own)
  end

  local function refuse(fault)
    fault.match, fault.times = { path = "/oauth2/token$" }, -1
    authority:fault(fault)
  end

  it("authority_url", function()
    call { authority_url = portal.url }
    assert.same({ "/oauth2/token", 0 }, { portal:journal()[1].path:match "/oauth2/token$", #authority:journal() })
  end)

  it("timeout", function()
    refuse { delay = 5 }
    local started = core.monotonic()
    local _, err = call { timeout = 0.2 }
    assert.equal("auth", err.kind)
    assert.is_true(core.monotonic() - started < 3)
  end)

  it("place in a batch, as have those that wait for the token", function()
    refuse { delay = 0.1, status = 200, body = { access_token = Portal.TOKEN } }
    local started, before = 0, nil
    local function log(entry)
      if entry.url:find "oauth2" then before = started end
    end
    local _, failed = client:map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function(_, own)
      started = started + 1
      return call({ log = log }, own)
    end, { concurrency = 3 })
    assert.same({ 0, 3, 8 }, { failed, before, started })
  end)

  it("new token once where the service refuses each, however many items a batch has", function()
    local _, failed = client:map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function(_, own) return call({}, own) end, { concurrency = 2 })
    assert.same({ 8, 2 }, { failed, #authority:journal() })
  end)

  describe("way of connecting:", function()
    local certificates, lab, server
    setup(function() certificates = Certificates.make() end)
    teardown(function() certificates:remove() end)
    before_each(function()
      client:close()
      lab = Lab.new() -- counts descriptors
      server = lab:server()
      client = new_client()
    end)
    after_each(function()
      client:close()
      lab:close()
    end)

    it("ca_file", function()
      server:always(function(connection)
        if connection:start_tls(certificates:server "good") and connection:read_request() then
          connection:send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        end
      end)
      local _, err = call { authority_url = "https://localhost:" .. server.port, ca_file = certificates.ca_file, loop = lab.loop }
      assert.equal(400, err.status)
    end)

    it("proxy", function()
      server:always(function(connection) connection:read_request() end)
      call { authority_url = "https://localhost:1", proxy = server.url, loop = lab.loop }
      assert.equal("CONNECT", server.requests[1].method)
    end)
  end)

  it("max_response_bytes", function()
    refuse { status = 200, body = { access_token = ("t"):rep(5000) } }
    local _, err = call { max_response_bytes = 2000 }
    assert.equal("auth", err.kind)
    assert.matches("larger than max_response_bytes", tostring(err), 1, true)
  end)

  it("user_agent, log, retries and loop", function()
    refuse { status = 503 }
    local other, urls = virtual.new(), {}
    local _, err = call { user_agent = "spec/1", retries = 2, loop = other, log = function(entry) urls[#urls + 1] = entry.url end }
    assert.matches("/oauth2/token", urls[1], 1, true)
    assert.same({ 3, 3, 3, 2, 0 }, { #urls, err.attempts, #authority:journal(), #other.sleeps, #loop.sleeps })
    assert.equal("spec/1", authority:journal()[1].headers["user-agent"])
  end)

  it("log, which may make a call that needs the same token", function()
    local within, kind = false, nil
    call { retries = 0, log = function()
      if within then return end
      within = true
      kind = select(2, call { retries = 0 }).kind
    end }
    assert.equal("http", kind) -- the service has got it
  end)
end)

describe("the token before the last renewal is hidden in an err", function()
  local portal, client, tokens, loop
  fixture.portal(_ENV, function(...)
    portal = ...
    fixture.offer(portal)
    tokens, loop = { "previous-token", Portal.TOKEN, Portal.TOKEN .. "=" }, virtual.new()
    client = cpp.client { base_url = portal.url, retries = 0, loop = loop,
                          token = function() return table.remove(tokens, 1), 1000 end }
  end)
  after_each(function() client:close() end)

  -- The service has it in a log, say, and tells of it.
  local function assert_hidden()
    portal:fault { status = 403, body = { error = { code = "Forbidden", message = "seen before: previous-token" } } }
    local _, err = client:offer_status(OFFER)
    assert.equal(403, err.status)
    assert.is_falsy(tostring(err):find("previous-token", 1, true), tostring(err))
    assert.is_falsy(err.body:find("previous-token", 1, true), err.body)
  end

  it("when it came from credentials", function()
    client:close()
    client = cpp.client { base_url = portal.url, authority_url = portal.url, retries = 0, loop = loop,
                          tenant = "tenant", client_id = "id", client_secret = "secret" }
    local place = { path = "/oauth2/token$" }
    portal:fault { match = place, status = 200, body = { access_token = "previous-token" } }
    portal:fault { match = place, status = 200, body = { access_token = Portal.TOKEN } }
    assert(client:offer_status(OFFER))
    assert.equal(2, #portal:journal(place))
    assert_hidden()
  end)

  it("when others replaced it twice while its request was on its way, also in the log", function()
    portal:configure { tokens = { { token = "previous-token" }, { token = Portal.TOKEN }, { token = Portal.TOKEN .. "=" } } }
    local await, logged = loop.await, nil
    function loop.await(...)
      loop.await = await
      for _ = 1, 2 do
        loop.sleep(nil, 800)
        assert(client:offer_status(OFFER))
      end
      return await(...)
    end
    portal:fault { match = { method = "POST" }, status = 403, body = "previous-token",
                   headers = { ["X-Ms-Correlation-Request-Id"] = "of previous-token" } }
    local _, err = client:cancel { publisher = "contoso", offer = "contoso-vm", log = function(entry) logged = entry end }
    assert.same({ "of [redacted]", "of [redacted]", "[redacted]" }, { logged.request_id, err.request_id, err.body })
    assert.same({}, tokens)
  end)
end)
