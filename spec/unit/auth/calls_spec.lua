-- The request for a token takes the options of the call that needs it; and a token that was renewed stays hidden.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("a token's request has a call's own", function()
  local authority, client, loop, new_client, _
  new_client = fixture.authority(_ENV, function(...)
    _, authority, loop = ...
    client = new_client()
  end)

  local function call(options, other)
    return (other or client):offer_status(fixture.merged(OFFER, Portal.CREDENTIALS, options))
  end

  local function refuse(fault)
    fault.match, fault.times = { path = "/oauth2/token$" }, -1
    authority:fault(fault)
  end

  it("options of a request", function()
    local given
    local watching <close> = fixture.watch(client, function(endpoint, options) -- luacheck: ignore watching
      if endpoint == "token" then given = options end
    end)
    local own = { authority_url = authority.url .. "/", timeout = 7, connect_timeout = 3, ca_file = "/nowhere", proxy = "",
                  user_agent = "spec/1", max_response_bytes = 2000 }
    call(own)
    for name, value in pairs(own) do assert.equal(value, given[name], name) end
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

  it("log, retries and loop", function()
    refuse { status = 503 }
    local other, urls = virtual.new(), {}
    local _, err = call { retries = 2, loop = other, log = function(entry) urls[#urls + 1] = entry.url end }
    assert.matches("/oauth2/token", urls[1], 1, true)
    assert.same({ 3, 3, 3, 2, 0 }, { #urls, err.attempts, #authority:journal(), #other.sleeps, #loop.sleeps })
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

describe("the token before the last renewal", function()
  local portal
  fixture.portal(_ENV, function(...)
    portal = ...
    fixture.offer(portal)
  end)

  it("is hidden in an err and in the log when others replaced it twice while its request was on its way", function()
    local tokens, loop = { "previous-token", Portal.TOKEN, Portal.TOKEN .. "=" }, virtual.new()
    portal:configure { tokens = { { token = tokens[1] }, { token = tokens[2] }, { token = tokens[3] } } }
    local client <close> = cpp.client { base_url = portal.url, retries = 0, loop = loop,
                                        token = function() return table.remove(tokens, 1), 1000 end }
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
    local _, err = client:cancel(fixture.call { log = function(entry) logged = entry end })
    assert.same({ "of [redacted]", "of [redacted]", "[redacted]" }, { logged.request_id, err.request_id, err.body })
    assert.same({}, tokens)
  end)
end)
