-- cpp.credentials within the timeouts and deadlines of a call.

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

    it("come within a connect_timeout that is shorter than their own", function()
      local listener, queued = assert(socket.tcp4()), {}
      assert(listener:bind("127.0.0.1", 0) and listener:listen(0))
      local host, port = listener:getsockname()
      for place = 1, 3 do -- its queue is full then
        queued[place] = socket.tcp4()
        queued[place]:settimeout(0)
        queued[place]:connect(host, port)
      end
      environment.AZURE_POD_IDENTITY_AUTHORITY_HOST = ("http://%s:%d"):format(host, port)
      local times = times_of { connect_timeout = 0.2 }
      for _, connection in ipairs(queued) do connection:close() end
      listener:close()
      assert.equal(2, #times)
      for _, milliseconds in ipairs(times) do assert.near(500, milliseconds, 480) end
    end)
  end)
end)
