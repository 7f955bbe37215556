-- What a host does with a client and with itself. `host life.lua scenario`.

local host = require "host"
local lfs = require "lfs"

local scenario = ...
-- The one about the module's end must be alone with it.
local core = scenario ~= "stuck" and require "cpp.core"

local TOKEN = "token-of-the-checks"
local url = { plain = os.getenv "PLAIN_URL", tls = os.getenv "TLS_URL", raw = os.getenv "RAW_URL" }
local CA_FILE = os.getenv "CA_FILE"

local function call(offer) return { publisher = "p", offer = offer, emails = "jondoe@contoso.com" } end

local function new_client(base_url)
  return core.client { base_url = base_url, ca_file = CA_FILE, timeout = 20 }
end

local function await(client, request)
  while not request:done() do client:step() end
  local result, failure = request:result()
  while client:finished() do end
  return result, failure
end

-- A cancel that must go well; returns the number of the connection that the server saw.
local function cancel(client)
  local result, failure = await(client, client:start("cancel", call "vm", TOKEN))
  assert(result, failure and failure.message)
  assert(result.status == 202)
  return (assert(result.location:match "/operations/(%d+)%-"))
end

local function raises(fn, ...)
  local done, message = pcall(fn, ...)
  assert(not done, "expected it to raise")
  return tostring(message)
end

local function finalise(object) debug.getmetatable(object).__gc(object) end

local function descriptors()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
  return count
end

-- What /proc says of this process, by a pattern.
local function status_of(pattern)
  local file <close> = assert(io.open "/proc/self/status")
  return assert(file:read("a"):match(pattern))
end

-- The signals that are blocked, ignored and caught.
local function signals() return status_of "SigBlk.*SigCgt:%s*%x+" end

local function finish() os.exit(0, true) end -- closes the state
local function leave() host.leave(0) end

-- What a child of fork does: nothing but `fn`, and then the end that `ending` is.
local function in_child(fn, ending)
  local pid = host.fork()
  if pid == 0 then
    local done, message = pcall(fn)
    if not done then
      io.stderr:write("child: ", tostring(message), "\n")
      host.leave(1)
    end
    ending()
  end
  local status, signal = host.wait(pid)
  assert(status == 0, ("the child ended with %s, signal %s"):format(status, signal))
end

local scenarios = {}

-- Waits until the resolver's threads have ended: each holds its descriptors until its look-up ends.
local function settle()
  local deadline = core.monotonic() + 30
  repeat until status_of "Threads:%s*(%d+)" == "1" or core.monotonic() > deadline -- luacheck: ignore
end

-- lua_close while requests stall: in the response, in the TLS handshake, in the look-up of a name.
function scenarios.running()
  local source = [[
    local core = require "cpp.core"
    local client = core.client { base_url = %q, ca_file = %q }
    KEPT = { client }
    for i = 1, 50 do
      local request = client:start("cancel", { publisher = "p", offer = "stall" }, "token-of-the-checks")
      KEPT[i + 1] = i %% 2 == 0 and request or nil
    end
    client:step(0.05)
    client:step(0)
  ]]
  local raw_tls = url.raw:gsub("^http:", "https:")
  local worst = 0
  local before
  for round = 1, 3 do
    for _, base in ipairs { url.raw, raw_tls, "https://nope.invalid" } do
      local seconds = host.run(source:format(base, CA_FILE))
      worst = math.max(worst, seconds)
    end
    collectgarbage()
    -- The first round makes what OpenSSL and the resolver keep for the process.
    settle()
    if round == 1 then before = descriptors() end
  end
  assert(worst < 1, ("closing took %.2f s"):format(worst))
  assert(descriptors() <= before, "descriptors are left open")
  print(("# at most %.0f ms"):format(worst * 1000))
end

-- A timeout and lua_close while the name server does not respond; and the resolver's thread, which outlives the
-- state, still finds its code when it wakes.
function scenarios.stuck()
  local seconds = host.run(([[
    local core = require "cpp.core"
    local client = core.client { base_url = "https://stuck.invalid" }
    local request = client:start("cancel", { publisher = "p", offer = "vm", timeout = 0.1 }, "token-of-the-checks")
    client:start("cancel", { publisher = "p", offer = "vm" }, "token-of-the-checks")
    local started = core.monotonic()
    while not request:done() do client:step() end
    assert(core.monotonic() - started < 1, "the deadline did not hold")
    assert(select(2, request:result()).kind == "timeout")
  ]]))
  assert(seconds < 2, ("closing took %.2f s"):format(seconds))
  os.execute "sleep 4"
end

-- Finalisers in every order, twice, with requests in every state.
function scenarios.finalisers()
  local function objects()
    local client = new_client(url.plain)
    local fresh = client:start("cancel", call "vm", TOKEN)
    local done = client:start("cancel", call "vm", TOKEN)
    while not done:done() do client:step() end
    local read = client:start("cancel", call "vm", TOKEN)
    while not read:done() do client:step() end
    assert(read:result().status == 202)
    local refused = client:start("location", { location = "http://127.0.0.1:1/" }, TOKEN)
    local aborted = client:start("cancel", call "vm", TOKEN)
    aborted:abort()
    local running = client:start("cancel", call "vm", TOKEN)
    return { client, running, done, read, refused, aborted, fresh }
  end
  local names = { "done", "result", "abort", "url", "resolve" }
  for first = 1, 7 do
    for second = 1, 7 do
      local list = objects()
      local requests = { table.unpack(list, 2) }
      local order = { list[first], list[second] }
      for _, object in ipairs(list) do order[#order + 1] = object end
      for _, object in ipairs(order) do
        finalise(object)
        for _, request in ipairs(requests) do
          -- Whatever they say of a finalised object: they return.
          for _, name in ipairs(names) do pcall(request[name], request, "x") end
          tostring(request)
        end
        tostring(list[1])
      end
      list, requests, order = nil, nil, nil -- luacheck: ignore
      collectgarbage()
    end
  end
  -- In a cycle, and with the client's collection asked for by a request's user.
  for _ = 1, 20 do
    local client = new_client(url.raw)
    local holder = { client } -- luacheck: ignore
    for i = 1, 4 do holder[client:start("cancel", call "stall", TOKEN)] = i end
    holder.self = holder
    client:step(0.005)
  end
  collectgarbage()
end

-- fork: the child refuses its parent's client, and whatever it does, its parent's connections live.
function scenarios.fork()
  local clients, numbers = {}, {}
  for _, kind in ipairs { "plain", "tls" } do
    clients[kind] = new_client(url[kind])
    numbers[kind] = cancel(clients[kind])
  end
  local function nothing() end
  local running -- of the parent, before each fork
  local function refuses()
    for kind, client in pairs(clients) do
      for _, method in ipairs { "step", "finished", "pollfd", "events", "timeout" } do
        assert(raises(client[method], client):find("fork", 1, true), method)
      end
      raises(client.start, client, "cancel", call "vm", TOKEN)
      raises(client.check, client, "cancel", call "vm")
      assert(not client:usable())
      tostring(client)
      running[kind]:abort() -- it is the parent's
      assert(running[kind]:done())
      local _, failure = running[kind]:result()
      assert(failure.kind == "closed" and failure.sent, failure.kind)
    end
  end
  local function closes()
    for kind, client in pairs(clients) do
      do
        local request <close> = running[kind]
        local scope <close> = client
        tostring(request)
        tostring(scope)
      end
      client:close()
      finalise(running[kind])
      finalise(client)
      finalise(running[kind])
    end
    running = nil
    collectgarbage()
  end
  local function own()
    for kind, number in pairs(numbers) do
      local client = new_client(url[kind])
      assert(cancel(client) ~= number, "the child used its parent's connection")
      assert(cancel(client) ~= number, "the child used its parent's connection")
      client:close()
    end
  end
  local function all() refuses() own() closes() own() end
  local children = {
    { "does nothing", nothing }, { "uses, closes and makes clients", all },
    { "forks in turn", function() in_child(all, finish) own() end },
  }
  for _, child in ipairs(children) do
    for _, ending in ipairs { leave, finish } do
      running = {}
      for kind, client in pairs(clients) do
        running[kind] = client:start("cancel", call "vm", TOKEN)
        client:step(0)
      end
      in_child(child[2], ending)
      for kind, client in pairs(clients) do
        local result, failure = await(client, running[kind])
        assert(result and result.status == 202, ("%s: a child that %s: %s"):format(kind, child[1],
          failure and failure.message))
        assert(result.location:match "/operations/(%d+)%-" == numbers[kind],
          ("%s: a child that %s ended its parent's connection"):format(kind, child[1]))
        assert(cancel(client) == numbers[kind],
          ("%s: a child that %s ended its parent's connection"):format(kind, child[1]))
      end
    end
  end
end

-- fork: the package's own default client is a new one in the child.
function scenarios.default_client()
  local cpp = require "cpp"
  local function number()
    local result = assert(cpp.cancel(call "vm"))
    return (assert(result.location:match "/operations/(%d+)%-"))
  end
  local mine = number()
  in_child(function() assert(number() ~= mine) end, finish)
  in_child(function() assert(number() ~= mine) end, leave)
  assert(number() == mine, "the child ended its parent's connection")
end

-- Signals: none is caught, ignored or blocked, before, while and after requests run; and none comes
-- when a peer closes while we write.
function scenarios.signals()
  local before = signals()
  local long = { publisher = "p", offer = "early", emails = ("x"):rep(8 * 1024 * 1024) .. "@contoso.com" }
  for _, kind in ipairs { "raw", "plain", "tls" } do
    local client = new_client(url[kind])
    for _ = 1, 5 do
      local result, failure = await(client, client:start("cancel", long, TOKEN))
      -- Refused by nginx for its size, or cut off: both come while we write.
      assert(not result and (failure.status == 413 or failure.kind == "network"), failure and failure.kind)
      assert(signals() == before)
      if kind ~= "raw" then cancel(client) end
    end
    local request = client:start("cancel", call(kind == "raw" and "stall" or "vm"), TOKEN)
    client:step(0.01)
    assert(signals() == before)
    tostring(request)
    client:close()
    assert(signals() == before)
  end
end

scenarios[scenario]()
