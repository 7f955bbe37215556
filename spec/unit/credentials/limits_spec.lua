-- cpp.credentials within the timeouts and deadlines of a call.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local socket = require "socket"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("credentials", function()
  local portal, environment, loop, client
  local getenv = os.getenv
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    fixture.offer(portal)
    client:close()
    environment = { AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url }
    os.getenv = function(name) -- luacheck: ignore
      local is_ours = name:find "^AZURE_" or name:find "^IDENTITY_" or name:find "_ENDPOINT$"
      return (is_ours and environment or { [name] = getenv(name) })[name]
    end
  end)
  after_each(function() os.getenv = getenv end) -- luacheck: ignore

  describe("of a machine", function()
    -- The milliseconds of the request for a token, of a client and of a call with these options.
    local function times_of(options)
      local times = {}
      local own = { base_url = portal.url, loop = loop, retries = 0, token = cpp.credentials.managed_identity(),
                    log = function(entry) times[#times + 1] = entry.milliseconds end }
      local of_call = { publisher = OFFER.publisher, offer = OFFER.offer }
      for _, place in ipairs { own, of_call } do
        for name, value in pairs(options) do place[name] = value end
        local asking <close> = cpp.client(own)
        assert.equal("auth", select(2, asking:offer_status(of_call)).kind)
        for name in pairs(options) do place[name] = nil end
      end
      return times
    end

    it("come within a timeout that is shorter than their own", function()
      portal:fault { match = { path = "^/metadata" }, delay = 5, times = -1 }
      local times = times_of { timeout = 0.2 }
      assert.equal(2, #times)
      for _, milliseconds in ipairs(times) do assert.near(500, milliseconds, 480) end
    end)

    it("come within the time of a wait", function()
      for _, first in ipairs { "no", "refused" } do
        portal:clear_faults()
        if first == "refused" then
          portal:fault { match = { path = "^/metadata" }, status = 200, body = { access_token = first } }
        end
        portal:fault { match = { path = "^/metadata" }, delay = 5, times = -1 }
        local own <close> = cpp.client { base_url = portal.url, loop = loop, token = cpp.credentials.managed_identity() }
        local started = core.monotonic()
        assert.equal("auth", select(2, own:wait(OFFER, { timeout = 0.2 })).kind)
        assert.is_true(core.monotonic() - started < 3)
      end
    end)

    it("come within 1 s if nothing accepts the connection, or a shorter connect_timeout", function()
      local listener, queued = assert(socket.tcp4()), {}
      assert(listener:bind("127.0.0.1", 0) and listener:listen(0))
      local host, port = listener:getsockname()
      for place = 1, 3 do -- its queue is full then
        queued[place] = socket.tcp4()
        queued[place]:settimeout(0)
        queued[place]:connect(host, port)
      end
      environment.AZURE_POD_IDENTITY_AUTHORITY_HOST = ("http://%s:%d"):format(host, port)
      local times, own_times = times_of { connect_timeout = 0.2 }, times_of {}
      for _, connection in ipairs(queued) do connection:close() end
      listener:close()
      for place = 1, 2 do
        assert.near(500, times[place], 480)
        assert.near(1450, own_times[place], 480)
      end
    end)
  end)

  describe("are not asked of the next link", function()
    local popen, ran = io.popen, nil
    before_each(function()
      ran = false
      io.popen = function(...) -- luacheck: ignore
        ran = true
        return popen(...)
      end
      portal:fault { match = { path = "^/metadata" }, status = 400, times = -1 } -- the machine has no identity
    end)
    after_each(function() io.popen = popen end) -- luacheck: ignore

    local function new_client(options)
      local own = { base_url = portal.url, loop = loop, token = cpp.credentials.default() }
      for name, value in pairs(options or {}) do own[name] = value end
      return cpp.client(own)
    end

    it("at the deadline of the wait that needs them", function()
      local own <close> = new_client { log = function() loop.sleep(nil, 10) end }
      local operation, err = own:wait(OFFER, { timeout = 5 })
      assert.same({ nil, "timeout", false }, { operation, err.kind, ran })
    end)

    it("at the deadline of a look, whose err names each link", function()
      local auth = require "cpp.auth"
      local own <close> = new_client { log = function() loop.sleep(nil, 10) end }
      local token, err = auth.token(own, "offer_status", OFFER, nil, { deadline = loop.now() + 5 })
      assert.same({ nil, true, false }, { token, err.retryable, ran })
      assert.matches("^auth: the token was not renewed in time %(environment: .*; managed_identity: .*; not tried: azure_cli%)$",
                     tostring(err))
    end)

    it("when the client is closed", function()
      local own
      own = new_client { log = function() own:close() end }
      local status, err = own:offer_status(OFFER)
      assert.same({ nil, "closed: the client was closed before this request was sent", false }, { status, tostring(err), ran })
    end)

    it("when the batch is being stopped", function()
      local own <close> = new_client()
      local entries = own:map({ 1 }, function(_, item_client) return item_client:offer_status(OFFER) end,
                              { should_stop = function() return #portal:journal() > 0 end })
      assert.same({ "stopped: should_stop ended the batch before this request was sent", false },
                  { tostring(entries[1].err), ran })
    end)
  end)
end)
