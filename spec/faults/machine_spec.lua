-- Faults of the machine and its network: a name server that is silent, packets that are dropped, a wall clock
-- that jumps. Each is made in a child process, with namespaces of its own where the network is to be changed:
-- they go with it.

local Lab = require "spec.support.lab"
local Programs = require "spec.support.program"
local cjson = require "cjson"
local core = require "cpp.core"

local MARGIN = 0.1 -- seconds by which a deadline may be passed
local TIMEOUT = 0.3

-- What each child begins with. It says what came of its calls, one JSON object on a line.
local PRELUDE = [[
local Lab = require "spec.support.lab"
local cjson = require "cjson"
local cpp = require "cpp"
local function try(client)
  local result, err
  local elapsed, all = Lab.seconds(function() result, err = client:cancel(Lab.CALL) end)
  err = err or {}
  print(cjson.encode { elapsed = elapsed, all = all, status = result and result.status, text = tostring(err),
    kind = err.kind, ambiguous = err.ambiguous, retryable = err.retryable })
end
local function run(command) assert(os.execute(command)) end
local function client_of(options)
  return cpp.client(setmetatable(options, { __index = { token = Lab.TOKEN, retries = 0, timeout = TIMEOUT, proxy = "" } }))
end
]]

-- Runs a program of Lua by a command that ends in the interpreter; what it printed, decoded, and how long
-- the whole took.
local function run(command, program)
  local path = Programs.write(os.tmpname(), ((PRELUDE .. program):gsub("TIMEOUT", TIMEOUT)))
  local started = core.monotonic()
  local pipe = assert(io.popen(("%s '%s' %s 2>&1"):format(command, os.getenv "LUA" or "lua5.4", path)))
  local seen = {}
  for line in pipe:lines() do
    local read, value = pcall(cjson.decode, line)
    if not read then error("the child said: " .. line .. "\n" .. pipe:read "a") end
    seen[#seen + 1] = value
  end
  local done = pipe:close()
  os.remove(path)
  assert.is_true(done)
  for _, value in ipairs(seen) do Lab.assert_discreet { text = value.text or "" } end
  return seen, core.monotonic() - started
end

local function assert_late(seen, ambiguous)
  assert.equal("timeout", seen.kind, seen.text)
  assert.equal(ambiguous, seen.ambiguous)
  assert.equal(not ambiguous, seen.retryable)
  assert.is_true(seen.elapsed < TIMEOUT + MARGIN and seen.all > TIMEOUT - 0.01, "took " .. seen.elapsed)
end

describe("in a network of its own,", function()
  local NAMESPACES = "unshare --net --mount "
  local PREPARE = [[sh -c 'mount --bind "$0" /etc/resolv.conf && ip link set lo up &&
    nft add table ip faults && nft "add chain ip faults input { type filter hook input priority 0; }" && exec "$@"' ]]

  local permitted = os.execute(NAMESPACES .. "sh -c 'ip link set lo up && nft list tables' >/dev/null 2>&1")
  local resolver

  setup(function() resolver = Programs.write(os.tmpname(), "nameserver 127.0.0.53\noptions timeout:5 attempts:2\n") end)
  teardown(function() os.remove(resolver) end)

  local function example(name, program, check)
    if not permitted then
      pending(name .. " (network namespaces, ip and nft need root)")
      return
    end
    it(name, function() check(run(NAMESPACES .. PREPARE .. resolver, program)) end)
  end

  example("a name server that does not answer holds neither the deadline up nor the end of the process", [[
    run "nft add rule ip faults input udp dport 53 drop"
    run "nft add rule ip faults input tcp dport 53 drop"
    local client = client_of { base_url = "https://portal.contoso.example" }
    try(client)
    try(client)
    client:close()
    print(cjson.encode { closed = true })
  ]], function(seen, seconds)
    assert_late(seen[1], false)
    assert_late(seen[2], false)
    assert.is_true(seen[3].closed)
    assert.is_true(seconds < 4, "took " .. seconds) -- one look-up takes 10 s
  end)

  example("a connection whose first packet is dropped meets the deadline; without a way to the host it fails: nothing was sent", [[
    run "nft add rule ip faults input tcp dport 443 drop"
    try(client_of { base_url = "https://127.0.0.1" })
    try(client_of { base_url = "https://127.0.0.1", connect_timeout = TIMEOUT, timeout = 10 })
    try(client_of { base_url = "https://192.0.2.1" })
  ]], function(seen)
    assert_late(seen[1], false)
    assert_late(seen[2], false)
    assert.same({ "network", true, false }, { seen[3].kind, seen[3].retryable, seen[3].ambiguous })
  end)

  example("a kept connection on which nothing gets through any more meets the deadline, and is given up", [[
    local lab = Lab.new()
    local server = lab:server():always(Lab.accept)
    local client = client_of { base_url = server.url, loop = lab.loop }
    try(client)
    run("nft add rule ip faults input tcp dport " .. server.port .. " drop")
    try(client)
    run "nft flush chain ip faults input"
    try(client)
    client:close()
    print(cjson.encode { requests = #server.requests, connections = #server.connections })
    server:stop()
  ]], function(seen)
    assert.equal(202, seen[1].status)
    assert_late(seen[2], true)
    assert.equal(202, seen[3].status)
    assert.equal(2, seen[4].connections)
    assert.is_true(seen[4].requests <= 3) -- as many as attempts
  end)
end)

describe("when the wall clock jumps,", function()
  -- https://github.com/wolfcw/libfaketime: the time that the file names, from now on.
  local LIBRARY = "set -- /usr/lib/*/faketime/libfaketime.so.1; "
  local COMMAND = LIBRARY .. [[
    ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 \
    FAKETIME_TIMESTAMP_FILE="$CLOCK" LD_PRELOAD="$1" ]]

  local installed = os.execute(LIBRARY .. '[ -e "$1" ]')

  for _, jump in ipairs { "+1h", "-1h", "+400d" } do
    local define = installed and it or pending
    define(("by %s, a deadline holds (with faketime)"):format(jump), function()
      local clock = os.tmpname()
      local seen = run("CLOCK=" .. clock .. "; " .. COMMAND, ([[
        local CLOCK = %q
        local function jump(by)
          local file <close> = assert(io.open(CLOCK, "w"))
          file:write(by)
        end
        jump "+0"
        local lab = Lab.new()
        local before
        local server = lab:server():always(function(connection)
          connection:read_request()
          connection:pause(0.05)
          before = os.time()
          jump %q
          connection:stall()
        end)
        local client = client_of { base_url = server.url, loop = lab.loop }
        try(client)
        print(cjson.encode { jumped = os.time() - before })
        client:close()
        server:stop()
      ]]):format(clock, jump))
      os.remove(clock)
      assert_late(seen[1], true)
      assert.is_true(math.abs(seen[2].jumped) > 3000, "the clock did not jump")
    end)
  end
end)
