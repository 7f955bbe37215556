-- A client that is closed while calls are on their way: each ends with kind `closed`, wherever it stood, and none
-- raises. spec/support/loops/ has the examples of requests in flight, for each loop.

local core = require "cpp.core"
local cpp = require "cpp"
local cqueues = require "cqueues"
local fixture = require "spec.support.fixture"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

describe("closing the client", function()
  local portal, client

  fixture.portal(_ENV, function(...)
    portal = ...
    loops.offers(portal, 8)
  end, { clock = "real" })
  local make = fixture.clients(_ENV, function()
    return { base_url = portal.url, authority_url = portal.url, retries = 0, timeout = 5 }
  end)

  local function new_client(options) client = make(options or { token = portals.TOKEN }) end

  local function look(n, own) return own:offer_status(loops.offer(n)) end

  it("loses no accepted cancel of a call with a secret of its own, and shows no secret in an err", function()
    local own = { tenant = "emulator-tenant", client_id = "emulator-client", client_secret = "of-the-client-7731" }
    local said = { error = { code = "Bad", message = "seen: of-the-client-7731, of-the-call-5512" } }
    for _, answer in ipairs { { status = 202, headers = { ["x-ms-request-id"] = "of-the-client-7731" } },
                              { status = 500, body = said }, { status = 400, body = said } } do
      for _, batch in ipairs { false, true } do
        portal:reset()
        loops.offers(portal, 8)
        portal:fault { match = { path = "/token" }, times = -1, status = 200,
                       body = { access_token = portals.TOKEN, expires_in = 3600 } }
        answer.match = { path = "/cancel" }
        portal:fault(answer)
        new_client(own)
        local call = loops.offer(1, { client_secret = "of-the-call-5512", log = function(entry)
          if entry.method == "POST" and entry.url:find "cancel" then client:close() end
        end })
        local result, err
        if batch then
          local entry = client:cancel_all({ call })[1]
          result, err = entry.result, entry.err
        else
          result, err = client:cancel(call)
        end
        if answer.status == 202 then
          assert.equal(202, assert(result, err).status)
          assert.is_nil(tostring(result.request_id):find "7731")
        else
          assert.same({ "http", answer.status, answer.status == 500 }, { err.kind, err.status, err.ambiguous })
          assert.is_nil((tostring(err) .. err.body):find "7731")
          assert.is_nil((tostring(err) .. err.body):find "5512")
        end
      end
    end
  end)

  it("calls the release of its loops, and keeps no loop that is released", function()
    new_client()
    local kept, released = setmetatable({}, { __mode = "k" }), 0
    local function release() released = released + 1 end
    for n = 1, 3 do
      local loop = { await = cpp.loop.blocking.await, sleep = cpp.loop.blocking.sleep, release = release }
      kept[loop] = true
      assert(client:offer_status(loops.offer(n, { loop = loop })))
    end
    collectgarbage()
    assert.is_nil(next(kept))
    client:close()
    assert.equal(1, released)
  end)

  describe("under a batch", function()
    it("ends all when an item closes it", function()
      new_client()
      portal:fault { match = { path = "/offer%-2/" }, times = -1, action = "stall" }
      local entries, failed = client:map({ 1, 2, 2, 3, 3 }, function(n, own)
        local state, err = look(n, own)
        if n == 1 then own:close() end
        return state, err
      end, { concurrency = 3 })
      assert.equal("running", entries[1].result.state)
      for n = 2, 5 do assert.equal("closed", entries[n].err.kind, n) end
      assert.equal("the client was closed before this item", entries[5].err.message)
      assert.equal(4, failed)
    end)

    it("ends the wait for a response when only the core's client is closed", function()
      for _, concurrency in ipairs { 1, 4 } do
        new_client()
        portal:fault { match = { path = "/offer%-2/" }, times = -1, action = "stall" }
        local entries, failed = client:map({ 1, 2, 3, 4 }, function(n, own)
          return own:map({ n, n }, look)
        end, { concurrency = concurrency, on_result = function(n)
          if n == 1 then client.core:close() end
        end })
        assert.equal(0, failed)
        assert.equal("closed", entries[2].result[2].err.kind)
      end
    end)
  end)

  it("ends calls whose response, in the same step, asks them to come back", function()
    new_client { token = portals.TOKEN, loop = cpp.loop.cqueues, retries = 3 }
    portal:fault { match = { path = "/offers/" }, times = -1, status = 503, delay = 0.1, headers = { ["Retry-After"] = "100" } }
    local controller, kinds = cqueues.new(), {}
    for n = 1, 5 do
      controller:wrap(function()
        local _, err = client:offer_status(loops.offer(n, { timeout = n > 1 and 300 or 5 }))
        kinds[#kinds + 1] = err.kind
        client:close()
      end)
    end
    controller:wrap(function() -- the host is busy until all have a response, so that one step wakes them all
      cqueues.sleep(0.05)
      local over = core.monotonic() + 0.4
      repeat until core.monotonic() > over
    end)
    assert(controller:loop())
    table.sort(kinds)
    assert.same({ "closed", "closed", "closed", "closed", "http" }, kinds)
  end)
end)
