-- cpp.credentials within the timeouts and deadlines of a call.

local core = require "cpp.core"
local cpp = require "cpp"
local credentials = require "spec.support.credentials"
local socket = require "socket"

describe("credentials", function()
  local portal, loop
  local lab = credentials.environment(_ENV, function(...)
    local _
    portal, _, loop = ...
  end)
  before_each(function() lab.set { AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url } end)

  local function call(more)
    local own = { publisher = "contoso", offer = "contoso-vm" }
    for name, value in pairs(more or {}) do own[name] = value end
    return own
  end

  describe("of a machine", function()
    -- Fails unless a request for a token takes about that time, with the options of a client, and of a call.
    local function assert_time(expected, options)
      for _, of_call in ipairs { false, true } do
        local milliseconds
        local own = { retries = 0, token = cpp.credentials.managed_identity(),
                      log = function(entry) milliseconds = entry.milliseconds end }
        for name, value in pairs(of_call and {} or options) do own[name] = value end
        assert.equal("auth", select(2, lab.new_client(own):offer_status(call(of_call and options))).kind)
        assert.near(expected, milliseconds, 480)
      end
    end

    it("come within a timeout that is shorter than their own", function()
      portal:fault { match = { path = "^/metadata" }, delay = 5, times = -1 }
      assert_time(500, { timeout = 0.2 })
    end)

    it("come within the time of a wait", function()
      for _, first in ipairs { "no", "refused" } do
        portal:clear_faults()
        if first == "refused" then
          portal:fault { match = { path = "^/metadata" }, status = 200, body = { access_token = first } }
        end
        portal:fault { match = { path = "^/metadata" }, delay = 5, times = -1 }
        local own = lab.new_client { token = cpp.credentials.managed_identity() }
        local started = core.monotonic()
        assert.equal("auth", select(2, own:wait(call(), { timeout = 0.2 })).kind)
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
      lab.set { AZURE_POD_IDENTITY_AUTHORITY_HOST = ("http://%s:%d"):format(host, port) }
      assert_time(500, { connect_timeout = 0.2 })
      assert_time(1450, {})
      for _, connection in ipairs(queued) do connection:close() end
      listener:close()
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

    it("at the deadline of the wait that needs them", function()
      local own = lab.new_client { log = function() loop.sleep(nil, 10) end }
      local operation, err = own:wait(call(), { timeout = 5 })
      assert.same({ nil, "timeout", false }, { operation, err.kind, ran })
    end)

    it("at the deadline of a look, whose err names each link", function()
      local auth = require "cpp.auth"
      local own = lab.new_client { log = function() loop.sleep(nil, 10) end }
      local token, err = auth.token(own, "offer_status", call(), nil, { deadline = loop.now() + 5 })
      assert.same({ nil, true, false }, { token, err.retryable, ran })
      assert.matches("^auth: the token was not renewed in time %(environment: .*; managed_identity: .*; not tried: azure_cli%)$",
                     tostring(err))
    end)

    it("when the client is closed", function()
      local own
      own = lab.new_client { log = function() own:close() end }
      local status, err = own:offer_status(call())
      assert.same({ nil, "closed: the client was closed before this request was sent", false }, { status, tostring(err), ran })
    end)

    it("when the batch is being stopped", function()
      local entries = lab.new_client():map({ 1 }, function(_, own) return own:offer_status(call()) end,
                                           { should_stop = function() return #portal:journal() > 0 end })
      assert.same({ "stopped: should_stop ended the batch before this request was sent", false },
                  { tostring(entries[1].err), ran })
    end)
  end)
end)
