-- The log: one table for each attempt.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("the log", function()
  local portal, client, entries
  local function log(entry) entries[#entries + 1] = entry end

  fixture.client(_ENV, function(...)
    portal, client = ...
    fixture.offer(portal)
    entries = {}
  end, { log = log })

  it("gets an entry for each attempt, with all there is to know", function()
    portal:fault { status = 503, headers = { ["Retry-After"] = "1", ["X-Ms-Correlation-Request-Id"] = "one" } }
    local result = assert(client:cancel(OFFER))
    assert.equal(2, #entries)
    for i, entry in ipairs(entries) do
      assert.equal("float", math.type(entry.milliseconds))
      assert.is_true(entry.milliseconds > 0 and entry.milliseconds < 10000)
      local failed = i == 1
      assert.same({
        method = "POST", url = portal.url .. "/api/publishers/contoso/offers/contoso-vm/cancel?api-version=2017-10-31",
        status = failed and 503 or 202, kind = failed and "http" or nil, retry_after = failed and 1 or nil, attempt = i,
        request_id = failed and "one" or result.request_id, client_request_id = result.client_request_id,
        milliseconds = entry.milliseconds,
      }, entry)
    end
  end)

  it("tells how long an attempt took", function()
    portal:fault { delay = 0.05, status = 400 }
    local started = core.monotonic()
    client:cancel(OFFER)
    local most = (core.monotonic() - started) * 1000
    assert.is_true(entries[1].milliseconds >= 50 and entries[1].milliseconds <= most, entries[1].milliseconds)
  end)

  for kind, fault in pairs { network = { action = "close" }, protocol = { status = 200, body = "{" },
                             http = { status = 400 } } do
    it("tells the kind of an error: " .. kind, function()
      portal:fault(fault)
      local _, err = client:cancel(OFFER)
      assert.equal(kind, err.kind)
      assert.equal(kind, entries[1].kind)
      assert.equal(err.status, entries[1].status)
    end)
  end

  it("gets an entry for each look of a wait, and for requests for tokens", function()
    local own = cpp.client { base_url = portal.url, authority_url = portal.url, loop = virtual.new(portal), log = log,
                             tenant = "emulator-tenant", client_id = "emulator-client",
                             client_secret = "emulator-secret" }
    assert(own:wait(assert(own:cancel(OFFER))))
    own:close()
    assert.equal(#portal:journal(), #entries)
    for i, request in ipairs(portal:journal()) do
      assert.equal(request.method, entries[i].method)
      assert.is_truthy(entries[i].url:find(request.path, 1, true))
      assert.equal(request.status, entries[i].status)
    end
    assert.is_truthy(entries[1].url:find("/oauth2/token", 1, true))
  end)

  it("tells of a location that was refused, without it", function()
    client:wait("https://user:password@example.com/api/operations/1")
    assert.equal(1, #entries)
    assert.equal("untrusted", entries[1].kind)
    assert.is_nil(entries[1].url)
  end)

  it("may be given in a call, which wins", function()
    local other = {}
    assert(client:offer_status { publisher = "contoso", offer = "contoso-vm",
                                 log = function(entry) other[#other + 1] = entry end })
    assert.equal(0, #entries)
    assert.equal(1, #other)
    assert(client:wait(assert(client:cancel(OFFER)), { log = function(entry) other[#other + 1] = entry end }))
    assert.equal(1, #entries)
    assert.is_true(#other > 4)
  end)
end)
