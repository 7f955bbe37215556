-- The core client: options, misuse, and what a host's loop gets to see; lifetimes: a client keeps its strings and its running
-- requests alive, and a request its client; nothing else does.

local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local fork = require "spec.support.fork"
local luv = require "luv"
local portals = require "spec.support.emulator"
local socket = require "socket"

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

  local function new(options)
    options = options or {}
    options.base_url = options.base_url or portal.url
    return core.client(options)
  end

  local function start(client, options)
    options = options or {}
    options.publisher = options.publisher or "contoso"
    options.offer = options.offer or "contoso-vm"
    return client:start("cancel", options, portals.TOKEN)
  end

  local function finish(client, request)
    while not request:done() do client:step() end
    return request:result()
  end

  local function message_of(...)
    local done, message = pcall(...)
    assert.is_false(done)
    return message
  end

  describe("and its options", function()
    local function refused(options) return message_of(core.client, options) end

    it("takes https anywhere and plain http on loopback only", function()
      for _, url in ipairs { "https://cloudpartner.azure.com", "https://portal.test:8443/prefix/", "http://127.0.0.1:80",
                             "http://127.8.9.10", "http://localhost:1", "http://[::1]:1" } do
        core.client({ base_url = url }):close()
      end
      for _, url in ipairs {
        "http://cloudpartner.azure.com", "http://127.0.0.1.evil.test", "http://127.1.2.3.4", "http://localhost.evil.test",
        "ftp://127.0.0.1", "file:///etc/passwd", "cloudpartner.azure.com", "https://", "https://user@portal.test",
        "https://user:secret@portal.test", "https://portal.test?query", "https://portal.test#fragment",
        "https://:secret@portal.test", "https://[fe80::1%25eth0]",
        "https://portal.test\\@evil.test", "https://portal .test", "http://0.0.0.0", "http://[::ffff:1.2.3.4]",
      } do
        local message = refused { base_url = url }
        assert.matches("base_url: expected an? [^\n]*URL", message)
        assert.is_nil(message:find("secret", 1, true))
      end
    end)

    it("demands what an endpoint's URL is made of", function()
      local client <close> = new()
      local given = { publisher = "contoso", offer = "contoso-vm", operation_id = "1", tenant = "t" }
      for endpoint, needed in pairs {
        cancel = { "publisher", "offer" }, operation = { "publisher", "offer", "operation_id" },
        location = { "location" }, token = { "tenant" },
      } do
        for _, missing in ipairs(needed) do
          local options = {}
          for _, name in ipairs(needed) do options[name] = name ~= missing and given[name] or nil end
          assert.matches(missing .. ": expected a non%-empty string, got nil",
            message_of(client.start, client, endpoint, options))
        end
      end
      assert.matches("token: endpoint 'token' takes no token", message_of(client.start, client, "token",
        { tenant = "t", client_id = "i", client_secret = "s" }, "token"))
    end)
  end)

  it("returns pollfd, events and timeout as cqueues wants them", function()
    local client <close> = new()
    assert.equal("r", client:events())
    assert.is_nil(client:timeout())
    if core.poller == "epoll" then
      assert.equal("integer", math.type(client:pollfd()))
    else
      assert.is_nil(client:pollfd())
    end
    local request = start(client)
    assert.is_number(client:timeout()) -- libcurl wants to begin
    assert.equal(202, finish(client, request).status)
  end)

  it("is woken by an alarm once, by the step in whose wait it falls", function()
    local client <close> = new()
    client:alarm(0.02)
    local before = core.monotonic()
    client:step(1)
    local elapsed = core.monotonic() - before
    assert.is_true(elapsed >= 0.015 and elapsed < 0.5)
    assert.is_nil(client:timeout())
    before = core.monotonic()
    client:step(0.1)
    assert.is_true(core.monotonic() - before >= 0.095)
  end)

  it("waits for seconds and wakes in seconds, as many as there are and not fewer than none", function()
    local client <close> = new()
    for _, seconds in ipairs { 0 / 0, "x" } do
      assert.matches("bad argument", message_of(client.step, client, seconds))
      assert.matches("bad argument", message_of(client.alarm, client, seconds))
    end
    assert.matches("seconds expected, got NaN", message_of(client.step, client, 0 / 0))
    assert.matches("bad argument #1 to 'alarm' %(seconds expected%)", message_of(function() client:alarm(-0.001) end))
    client:alarm(1e9)
    assert.is_true(client:timeout() > 999999)
    client:alarm(0)
    assert.equal(0, client:timeout())
    client:step(math.huge)
    client:alarm(0.01)
    client:step(100)
    assert.same({ 0, 0 }, { client:step(-1) }) -- nothing runs: nothing to wait for
  end)

  it("is asked for by its own methods only", function()
    local client <close> = new()
    local request = start(client)
    for _, other in ipairs { 1, "x", {}, io.stdout, request } do
      assert.matches("cpp%.client expected", message_of(client.step, other))
      assert.matches("cpp%.client expected", message_of(client.close, other))
    end
    assert.matches("cpp%.client expected, got no value", message_of(client.step))
    assert.matches("cpp%.request expected", message_of(request.done, client))
  end)

  it("counts those that run and those that finished in a step's result, also without another reference to them", function()
    local client <close> = new()
    for _ = 1, 2 do start(client) end
    collectgarbage()
    collectgarbage()
    assert.matches("2 running", tostring(client))
    local running, finished
    repeat
      running, finished = client:step()
      assert.equal(2, running + finished)
    until running == 0
    for left = 1, 0, -1 do
      assert.equal(202, client:finished():result().status)
      assert.same({ 0, left }, { client:step(0) })
    end
    assert.matches("0 running", tostring(client))
    assert.equal(2, #portal:journal { method = "POST" })
  end)

  it("makes a URL of names that are all as long as they may be", function()
    local name = ("&"):rep(256)
    local base = portal.url .. "/" .. ("x"):rep(4096 - #portal.url - 1)
    local client <close> = new { base_url = base, api_version = name }
    for endpoint, field in pairs { operation = "operation_id", operations = "status" } do
      local request <close> = client:start(endpoint, { publisher = name, offer = name, [field] = name })
      local _, url = request:url()
      assert.equal(base, url:sub(1, 4096))
      assert.equal(4 * 256, select(2, url:gsub("%%26", "")))
      assert.is_true(#url <= 8192)
    end
  end)

  it("takes the time of a request beside its options", function()
    local client <close> = new { timeout = 1000 }
    portal:fault { match = { path = "/cancel" }, times = -1, action = "stall" }
    local call = { publisher = "contoso", offer = "contoso-vm", timeout = 100 }
    client:start("cancel", call, portals.TOKEN, nil, 1000000):abort()
    local request = client:start("cancel", call, portals.TOKEN, nil, 0.05)
    local _, failure = finish(client, request)
    assert.equal("timeout", failure.kind)
    portal:clear_faults()
    for _, seconds in ipairs { 0, -1, 1000001, 0 / 0, math.huge } do
      assert.matches("seconds expected", message_of(client.start, client, "cancel", call, portals.TOKEN, nil, seconds))
    end
    assert.matches("number expected", message_of(client.start, client, "cancel", call, portals.TOKEN, nil, {}))
    assert.equal(0, (client:step(0)))
  end)

  it("ends what runs at once when the kernel does not watch for it, as when the host has closed the descriptor", function()
    if core.poller ~= "epoll" then return end -- then the host knows of none
    for _, begun in ipairs { false, true } do
      local client <close> = new { timeout = 100 }
      portal:fault { match = { method = "POST" }, action = "stall" }
      local request = start(client)
      if begun then client:step(0.01) end
      assert(luv.fs_close(client:pollfd()))
      local _, failure = finish(client, request)
      assert.same({ "network", "Invalid socket argument" }, { failure.kind, failure.message })
    end
  end)

  it("ends what runs with kind closed, and is closed for good", function()
    local client = new()
    portal:fault { match = { method = "POST" }, action = "stall" }
    local request = start(client)
    client:step(0)
    assert.equal(0, select("#", client:close()) + select("#", client:close()))
    assert.is_true(request:done())
    local result, failure = request:result()
    assert.is_nil(result)
    assert.equal("closed", failure.kind)
    for _, method in ipairs { "start", "step", "finished", "pollfd", "events", "timeout" } do
      assert.matches("the client is closed", message_of(client[method], client, "cancel", {}))
    end
    assert.equal("cpp.client (closed)", tostring(client))
  end)

  it("keeps to its limit of connections, also one given in a call", function()
    for _, limits in ipairs { { 2, nil }, { nil, 2 } } do
      portal:reset()
      portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, nothing_running = 202 }
      local client <close> = new { max_connections = limits[1] }
      for _ = 1, 10 do start(client, { max_connections = limits[2] }) end
      while client:step() > 0 do end
      local connections = {}
      for _, entry in ipairs(portal:journal { method = "POST" }) do connections[entry.connection] = true end
      local count = 0
      for _ in pairs(connections) do count = count + 1 end
      assert.equal(2, count)
    end
  end)

  -- libcurl 7.88 lets a transfer that waits for a connection wait beyond its timeout.
  it("holds the deadline of a request that waits for a connection", function()
    local client <close> = new { max_connections = 1 }
    portal:fault { match = { method = "POST" }, action = "stall" }
    start(client)
    local waiting = start(client, { timeout = 0.1 })
    local before = core.monotonic()
    local _, failure = finish(client, waiting)
    assert.equal("timeout", failure.kind)
    assert.is_false(failure.sent)
    assert.is_true(core.monotonic() - before < 2)
    portal:clear_faults()
  end)

  it("reads the responses that came in time, and sends nothing late, when its host was busy until the deadline", function()
    portal:fault { delay = 0.3, times = -1 }
    local client, requests
    local timeout = 0.5
    repeat -- a slow machine needs longer to send them
      if client then client:close() end
      portal:clear_journal()
      client, requests, timeout = new(), {}, timeout * 2
      local started = core.monotonic()
      for place = 1, 100 do requests[place] = start(client, { timeout = timeout }) end
      repeat client:step(0.01) until #portal:journal() == #requests or core.monotonic() - started > timeout / 2
    until #portal:journal() == #requests
    local late = start(client, { timeout = 0.001 })
    socket.sleep(timeout)
    for _, request in ipairs(requests) do
      while not request:done() do client:step(0) end
      assert.is_truthy(request:result())
    end
    local _, failure = finish(client, late)
    assert.same({ "timeout", false }, { failure.kind, failure.sent })
    assert.equal(#requests, #portal:journal())
    client:close()
  end)

  it("reads the response that came in time while its process was stopped", function()
    portal:fault { delay = 1 }
    local child = fork(function()
      local client <close> = new()
      local started, request = core.monotonic(), start(client, { timeout = 1.6 })
      repeat client:step(0.01) until core.monotonic() - started > 0.6
      os.execute "(sleep 1.2; kill -CONT $PPID) & kill -STOP $PPID"
      assert(finish(client, request))
    end)
    assert.equal(0, child:wait())
  end)

  it("is kept by each of its requests, done or not", function()
    local weak = setmetatable({}, { __mode = "k" })
    local request
    do
      local client = new()
      weak[client] = true
      request = start(client)
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
    local client <close> = new()
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
        local request = start(client)
        weak[request] = true
        taking(request)
      end
      collect()
      assert.is_nil(next(weak))
    end
  end)

  it("and its request refuse other objects in their methods, whatever metatable these have", function()
    local client <close> = new()
    local request = start(client)
    for name, object in pairs { ["cpp.client"] = client, ["cpp.request"] = request } do
      local class = debug.getmetatable(object)
      local fake = debug.setmetatable({}, class)
      for _, other in ipairs { fake, io.stdout, object == client and request or client, "x" } do
        for _, method in pairs(class.__index) do assert.error_matches(function() method(other) end, name .. " expected") end
      end
      debug.setmetatable(fake, nil)
    end
  end)

  it("has no response any more when its scope was left", function()
    local client <close> = new()
    local request = start(client)
    do
      local scoped <close> = request
      assert.equal(202, finish(client, scoped).status)
      assert.equal(202, scoped:result().status) -- more than once, until then
    end
    assert.error_matches(function() request:result() end, "the request is closed")
    assert.is_true(request:done())
    assert.equal("POST", (request:url()))
    assert.matches("/operations/x$", (request:resolve("/operations/x"))) -- the URL it had stays
    request = start(client)
    assert.is_false(request:done())
    assert.matches("still running", message_of(request.result, request))
    do local scoped <close> = request end -- luacheck: ignore
    local _, failure = request:result() -- one that ran has an outcome
    assert.same({ "stopped", false, false }, { failure.kind, failure.transient, failure.sent })
    assert.equal(0, client:step(0))
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
    local client <close> = new { max_connections = 4 }
    for _ = 1, 400 do start(client) end
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
    local client <close> = new()
    local seen, ones, zeros = {}, {}, {}
    for _ = 1, 100 do
      local request = start(client)
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
