-- cpp.credentials within the timeouts and deadlines of a call.

local core = require "cpp.core"
local cpp = require "cpp"
local credentials = require "spec.support.credentials"
local fixture = require "spec.support.fixture"

local call = fixture.call

describe("credentials", function()
  local portal, loop
  local lab = credentials.environment(_ENV, function(...)
    local _
    portal, _, loop = ...
  end)
  before_each(function() lab.set { AZURE_POD_IDENTITY_AUTHORITY_HOST = portal.url } end)

  describe("of a machine", function()
    it("come within 10 s, and 1 s for the connection, or within shorter timeouts of the call or its client", function()
      portal:fault { match = { path = "^/metadata" }, status = 400, times = -1 }
      for _, options in ipairs { {}, { timeout = 9, connect_timeout = 0.5 }, { timeout = 11, connect_timeout = 2 } } do
        for _, of_call in ipairs { false, true } do
          local own, given = { token = cpp.credentials.managed_identity() }, nil
          local client = lab.new_client(fixture.merged(own, not of_call and options or nil))
          local watching <close> = fixture.watch(client, function(_, fields) given = fields end) -- luacheck: ignore watching
          client:offer_status(call(of_call and options or nil))
          assert.same({ math.min(10, options.timeout or 10), math.min(1, options.connect_timeout or 1) },
                      { given.timeout, given.connect_timeout })
        end
      end
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
