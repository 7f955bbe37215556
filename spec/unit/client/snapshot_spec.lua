-- A call reads the caller's tables once, at entry: what it sends, and what its result and its err name, is what it was
-- given then, whatever becomes of the tables while it waits.

local cpp = require "cpp"
local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

describe("a call works on a copy of its options:", function()
  local portal, client, loop
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    for _, offer in ipairs { "first", "second" } do
      fixture.offer(portal, { offer = offer, operation_id = "of-" .. offer })
    end
  end)

  -- Which offers the service saw.
  local function seen()
    local offers = {}
    for _, entry in ipairs(portal:journal {}) do offers[entry.path:match "/offers/([^/]+)/"] = true end
    return offers
  end

  local function limit_once()
    portal:fault { match = { path = "/cancel" }, status = 429, headers = { ["Retry-After"] = "3" } }
  end

  it("a retry is of the offer that the call was made for", function()
    limit_once()
    local options = { publisher = "contoso", offer = "first", emails = { "a@contoso.example" }, wait = { interval = 3 } }
    loop.on_sleep = function()
      options.offer, options.base_url, options.token = "second", "https://contoso.example", "other"
      options.emails[1], options.wait.interval = "no address", -1
    end
    local operation = assert(client:cancel(options))
    assert.equal("canceled", operation.state)
    assert.same({ first = true }, seen())
    local posts = portal:journal { method = "POST" }
    assert.equal(2, #posts)
    assert.equal(posts[1].body, posts[2].body)
    assert.matches("a@contoso.example", posts[2].body, nil, true)
  end)

  it("a wait goes on for its target, with its options", function()
    local result = assert(client:cancel { publisher = "contoso", offer = "first" })
    local target = { publisher = "contoso", offer = "first", operation_id = result.operation_id }
    local options = { interval = 2, max_interval = 2 }
    loop.on_sleep = function()
      target.offer, target.operation_id = "second", "of-second"
      options.interval, options.timeout, options.should_stop = 0, -1, function() return true end
    end
    assert.equal("canceled", assert(client:wait(target, options)).state)
    assert.same({ first = true }, seen())
  end)

  it("a batch reads its list and the tables in it before it sends anything", function()
    limit_once()
    local one = { publisher = "contoso", offer = "first" }
    local list = { one, { offer = "second" }, { publisher = "contoso", offer = "first", retries = "many" } }
    local options = { publisher = "contoso", concurrency = 1 }
    assert.has_error(function() client:cancel_all(list, options) end) -- no option of a batch
    options.publisher, list[2].publisher = nil, "contoso"
    loop.on_sleep = function()
      one.offer, list[2].offer, list[2], list[4] = "second", "first", nil, one
      options.concurrency = 0
    end
    local entries, failed = client:cancel_all(list, options)
    assert.equal(1, failed)
    assert.same({ "first", "second" }, { entries[1].result.offer, entries[2].result.offer })
    assert.matches("retries: expected a whole number", entries[3].err.message)
    assert.equal(3, #entries)
    assert.same({ first = true, second = true }, seen())
  end)

  describe("a table with a metatable is read as Lua's own expressions read it:", function()
    it("options with __index", function()
      local staging = { base_url = portal.url, token = Portal.TOKEN }
      local other <close> = cpp.client { base_url = "http://127.0.0.1:1", token = "another", loop = loop }
      local options = setmetatable({ publisher = "contoso", offer = "first" }, { __index = staging })
      assert(other:cancel(options))
      local proxy = setmetatable({}, { __index = options })
      assert.equal("canceled", assert(other:wait(proxy, setmetatable({}, { __index = staging }))).state)
      assert.equal("first", assert(other:reconcile(options, setmetatable({}, { __index = staging }))).offer)
      local own <close> = cpp.client(setmetatable({}, { __index = { base_url = portal.url, token = Portal.TOKEN } }))
      assert(own:offer_status(proxy))
    end)

    it("lists with __index and __len, and the tables in them", function()
      local function proxy(of)
        return setmetatable({}, { __index = of, __len = function() return #of end })
      end
      local entries = client:cancel_all(proxy {
        proxy { publisher = "contoso", offer = "first", emails = proxy { "a@contoso.example", "b@contoso.example" } },
        proxy { publisher = "contoso", offer = "second" },
      }, proxy { concurrency = 2 })
      assert.same({ "first", "second" }, { entries[1].result.offer, entries[2].result.offer })
      local bodies = portal:journal { method = "POST", path = "/first/" }
      assert.matches("a@contoso.example,b@contoso.example", bodies[1].body, nil, true)
    end)
  end)

  it("lists whose code changes the options", function()
    local options
    local emails = setmetatable({}, { __index = { "a@contoso.example" }, __len = function()
      for i = 1, 100 do options["x" .. i] = i end
      return 1
    end })
    options = { publisher = "contoso", emails = emails, offer = "first", api_version = "1", type = "a", slot = "b" }
    local copy = core.snapshot(options)
    for _, name in ipairs { "publisher", "offer", "api_version", "type", "slot" } do assert.equal(options[name], copy[name]) end
    assert.same({ "a@contoso.example" }, copy.emails)
  end)

  it("core.snapshot copies the lists and tables that are read later, and keeps what it does not know", function()
    local given = { emails = { "a", [3] = "c", name = 1 }, wait = { interval = 1, headers = { a = "1" } }, headers = { a = "1" },
                    loop = loop, [1] = true, odd = {} }
    local copy = core.snapshot(given)
    assert.same(given, copy)
    for _, name in ipairs { "emails", "wait", "headers" } do assert.are_not.equal(given[name], copy[name]) end
    assert.are_not.equal(given.wait.headers, copy.wait.headers)
    for _, name in ipairs { "loop", "odd" } do assert.equal(given[name], copy[name]) end
    assert.same({ emails = "a", wait = true }, core.snapshot { emails = "a", wait = true })
    for _, wrong in ipairs { 1, "x", print } do
      assert.error_matches(function() core.snapshot(wrong) end, "expected a table of options, got " .. type(wrong))
    end
  end)
end)
