-- Lifetimes: a client keeps its strings and its running requests alive, and a request its client; nothing else does.

local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local portals = require "spec.support.emulator"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

-- Two full collections: the first finalises, the second frees. And memory that was free is used again.
local function collect()
  collectgarbage()
  collectgarbage()
  local filler = {}
  for i = 1, 1000 do filler[i] = ("filler %d "):format(i):rep(8) end
  assert.equal(1000, #filler)
end

describe("a core client", function()
  local portal
  fixture.portal(_ENV, function(...)
    portal = ...
    fixture.offer(portal)
  end)

  local function finish(client, request)
    while not request:done() do client:step() end
    return request:result()
  end

  it("is kept by each of its requests, done or not", function()
    local weak = setmetatable({}, { __mode = "k" })
    local request
    do
      local client = core.client { base_url = portal.url }
      weak[client] = true
      request = client:start("cancel", OFFER, portals.TOKEN)
      client:step(0)
    end
    collect()
    local client = assert(next(weak), "the client is gone")
    assert.equal(202, finish(client, request).status)
    client = nil -- luacheck: ignore
    collect()
    assert.is_truthy(next(weak))
    request = nil -- luacheck: ignore
    collect()
    assert.is_nil(next(weak))
  end)

  it("gives up a request whose result was taken, that it handed out, or that was aborted", function()
    local client <close> = core.client { base_url = portal.url }
    local weak = setmetatable({}, { __mode = "k" })
    for _, taking in ipairs {
      function(request) return finish(client, request) end,
      function(request)
        while not request:done() do client:step() end
        assert.equal(request, (client:finished()))
        assert.is_nil((client:finished()))
      end,
      function(request) request:abort() end,
      function(request)
        local scoped <close> = request
        return scoped:index()
      end,
    } do
      do
        local request = client:start("cancel", OFFER, portals.TOKEN)
        weak[request] = true
        taking(request)
      end
      collect()
      assert.is_nil(next(weak))
    end
  end)

  it("has no response any more when its scope was left", function()
    local client <close> = core.client { base_url = portal.url }
    local request = client:start("cancel", OFFER, portals.TOKEN)
    do
      local scoped <close> = request
      assert.equal(202, finish(client, scoped).status)
      assert.equal(202, scoped:result().status) -- more than once, until then
    end
    assert.error_matches(function() request:result() end, "the request is closed")
    assert.is_true(request:done())
    assert.equal("POST", (request:url()))
    assert.matches("/operations/x$", (request:resolve("/operations/x"))) -- the URL it had stays
    request = client:start("cancel", OFFER, portals.TOKEN)
    do local scoped <close> = request end -- luacheck: ignore
    assert.equal("stopped", select(2, request:result()).kind) -- one that ran has an outcome
  end)

  it("works in a process whose standard descriptors are closed", function()
    local script = ([[
      local client = require "cpp.core".client { base_url = "%s" }
      local request = client:start("cancel", { publisher = "contoso", offer = "contoso-vm" }, "%s")
      while not request:done() do client:step() end
      os.exit(request:result().status == 202)
    ]]):format(portal.url, portals.TOKEN)
    assert.is_true(os.execute((os.getenv("LUA") or "lua5.4") .. " -e '" .. script .. "' <&- >&- 2>&-"))
  end)

  it("starts as many in a step as its time allows, at least one, and the others in later steps", function()
    local client <close> = core.client { base_url = portal.url, max_connections = 4 }
    for _ = 1, 400 do client:start("offer_status", OFFER, portals.TOKEN) end
    client:step(0)
    if core.poller == "epoll" then assert.equal(0, client:timeout()) end
    local steps = 0
    repeat
      client:step(0)
      steps = steps + 1
    until client:timeout() ~= 0 or steps == 400
    assert.is_true(steps < 400)
  end)

  it("gives every request an id of its own, a random UUID", function()
    local client <close> = core.client { base_url = portal.url }
    local seen, ones, zeros = {}, {}, {}
    for _ = 1, 100 do
      local request = client:start("cancel", OFFER, portals.TOKEN)
      request:abort()
      local id = select(2, request:result()).client_request_id
      assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", id)
      assert.is_nil(seen[id])
      seen[id] = true
      local place = 0
      for letter in id:gmatch "%x" do
        local digit = tonumber(letter, 16)
        place = place + 1
        ones[place], zeros[place] = (ones[place] or 0) | digit, (zeros[place] or 0) | ~digit & 15
      end
    end
    -- Each bit is now 1 and now 0, but for the four of the version and two of the variant.
    for i = 1, 32 do assert.equal(i == 13 and 0 or i == 17 and 3 or 15, ones[i] & zeros[i], "digit " .. i) end
  end)
end)
