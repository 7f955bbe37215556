-- Finalisers of the host that run while the core is at work, which any allocation may cause: they take the options
-- away that are being read, or close the very client. What is used after it was freed, the sanitizers see best.

local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local Lab = require "spec.support.lab"

describe("a finaliser that runs while the core is at work", function()
  local base_url

  setup(function() base_url = "http://127.0.0.1:" .. Lab.closed_port() end)

  -- Each allocation collects all there is.
  before_each(function()
    collectgarbage()
    collectgarbage("incremental", 1, 1000, 24)
  end)
  after_each(function()
    collectgarbage("incremental", 200, 100, 13) -- as Lua starts
    collectgarbage("restart")
  end)

  -- A string that only its holder keeps, and that no other has.
  local count = 0
  local function unique(letter)
    count = count + 1
    return letter:rep(200) .. count
  end

  -- Runs `action` when the collector next comes.
  local function at_collection(action) setmetatable({}, { __gc = action }) end

  local function empty(options)
    return function()
      for name in pairs(options) do options[name] = nil end
    end
  end

  it("may empty the options of a client, and of a request", function()
    for _ = 1, 50 do
      local own = { base_url = base_url, api_version = unique "2", user_agent = unique "u" }
      local options = { publisher = unique "p", offer = unique "o", emails = { unique "a" .. "@b" } }
      local expected = ("%s/api/publishers/%s/offers/%s/cancel?api-version=%s"):format(base_url, options.publisher,
        options.offer, own.api_version)
      at_collection(empty(own))
      local client <close> = core.client(own)
      at_collection(empty(options))
      local request <close> = client:start("cancel", options, "token")
      assert.equal(expected, select(2, request:url()))
    end
  end)

  for _, method in ipairs { "start", "describe" } do
    it("may close the client that a request is being made on: " .. method, function()
      for _ = 1, 50 do
        local client = core.client { base_url = base_url, client_request_id = ("x"):rep(60) }
        collectgarbage()
        collectgarbage("stop")
        at_collection(function() client:close() end)
        local options = { publisher = "p", offer = "o", emails = { unique "a" .. "@b" } }
        collectgarbage("restart")
        local done, message = pcall(client[method], client, "cancel", options, method == "start" and "token" or nil)
        assert.is_false(done)
        assert.matches("the client is closed", message)
      end
    end)
  end
end)

describe("a finaliser that ends a request or its client", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    fixture.offer(portal)
  end)

  it("at each allocation of a reading leaves what is read whole, or raises", function()
    local function headers(more)
      more["X-Ms-Correlation-Request-Id"] = ("r"):rep(60)
      return more
    end
    local addresses = ("jane.doe@portal.test,"):rep(20)
    portal:fault { match = { path = "/operations/" }, times = -1, status = 200, headers = headers {},
                   body = { id = "first", status = "running", notificationEmails = addresses, nested = { { "a" } } } }
    portal:fault { match = { path = "/status$" }, times = -1, status = 404, headers = headers { ["Retry-After"] = "7" },
                   body = { error = { code = "NotFound", message = addresses } } }
    portal:fault { match = { path = "/cancel$" }, times = -1, status = 202,
                   headers = headers { Location = "/api/publishers/contoso/offers/contoso-vm/operations/" .. ("1"):rep(60) },
                   body = { notificationEmails = addresses } }
    local output, errors, status, signal = programs:run { "spec/support/closing.lua", portal.url }
    assert.same({ "", 0 }, { errors, status or "signal " .. signal })
    assert.is_true(tonumber(output) > 200)
  end)
end)
