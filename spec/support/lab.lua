-- What the specs of faults share: servers, clients and children that end together, and the checks
-- that hold after every fault: one completion for each request, a usable client, no descriptor left.
--
--   local lab
--   before_each(function() lab = Lab.new() end)
--   after_each(function() lab:close() end)
--   it("...", function()
--     local server = lab:server():handle(function(connection) ... end)
--     local client = lab:client { base_url = server.url }
--     local result, err = client:cancel(Lab.CALL)
--     lab:assert_failure(err, { kind = "network", ambiguous = true, retryable = false })
--     lab:assert_usable(client, server)
--   end)

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local scheduler = require "spec.support.scheduler"
local Server = require "spec.support.server"
local assert = require "luassert"
local lfs = require "lfs"
local socket = require "socket"
local virtual = require "spec.support.virtual"

local Lab = {}
Lab.__index = Lab

--- What the specs send, and what must never be seen in an error.
Lab.TOKEN = "lab.secret-token/0123456789+abcdef=="
Lab.EMAIL = "jane.doe@contoso.example"
Lab.OFFER = fixture.call()
Lab.CALL = fixture.call { emails = { Lab.EMAIL } }

--- What a service says that accepts the cancellation.
Lab.LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/56615b67?api-version=2017-10-31"
Lab.ACCEPTED = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nLocation: " .. Lab.LOCATION .. "\r\n\r\n"

--- The number of descriptors that this process has open, and the one of the directory that tells.
function Lab.descriptors()
  local count = 0
  for name in lfs.dir("/proc/self/fd") do
    if tonumber(name) then count = count + 1 end
  end
  return count
end

--- Bytes that this process has read, from files and sockets.
function Lab.bytes_read()
  local file <close> = assert(io.open "/proc/self/io")
  return tonumber(file:read "a":match "rchar: (%d+)")
end

function Lab.new()
  local self = setmetatable({
    descriptor_count = Lab.descriptors(), tasks = scheduler.new(), servers = {}, clients = {}, closers = {},
  }, Lab)
  self.loop = self.tasks:loop()
  return self
end

--- Gives the clients made from now on a virtual clock, so that pauses between attempts take no time.
function Lab:virtual_clock()
  self.loop = virtual.new(nil, self.tasks:loop())
end

--- Starts a scripted server (spec.support.server).
function Lab:server(backlog)
  local server = Server.start(self.tasks, backlog)
  self.servers[#self.servers + 1] = server
  return server
end

--- Makes a client that waits with the lab's servers. Defaults: the lab's token, no retries, no proxy,
--- and a timeout that only a hanging request meets.
function Lab:client(options)
  local token = not options.tenant and Lab.TOKEN or nil
  local client = cpp.client(fixture.merged({ token = token, retries = 0, timeout = 10, loop = self.loop, proxy = "" }, options))
  self.clients[#self.clients + 1] = client
  return client
end

--- Has `closer()` called when the lab closes: for children and files.
function Lab:finally(closer)
  self.closers[#self.closers + 1] = closer
end

-- Bound and not listening: a connection is refused, and no other process gets the port.
local closed = socket.tcp4()
assert(closed:bind("127.0.0.1", 0))

--- A port of loopback that refuses connections.
function Lab.closed_port()
  return math.tointeger(tonumber((select(2, closed:getsockname()))))
end

-- Parts of the secrets above, as patterns: they must not be seen in any spelling.
local SECRETS = { "secret%-token", "hidden.client", "jane%.doe" }

--- Raises when a string anywhere in an err, or its text, holds a secret.
-- @param more (may be absent) list of further secrets, plain texts
function Lab.assert_discreet(err, more)
  local function look(where, value)
    if type(value) == "table" then
      for name, inner in pairs(value) do
        look(where .. "." .. tostring(name), tostring(name))
        look(where .. "." .. tostring(name), inner)
      end
    elseif type(value) == "string" then
      local found
      for _, pattern in ipairs(SECRETS) do found = found or value:find(pattern) end
      for _, secret in ipairs(more or {}) do found = found or value:find(secret, 1, true) end
      if found then error(where .. " holds a secret: " .. value, 3) end
    end
  end
  look("err", err)
  look("tostring(err)", tostring(err))
end

local FLAGS = { "kind", "status", "ambiguous", "retryable", "attempts" }

--- Checks an err: that it is one, says what is expected, fits on a line and holds no secret.
-- @param expected table: kind, ambiguous, retryable; status (absent: none), attempts (absent: any);
--   message (may be absent): a Lua pattern
function Lab.assert_failure(_, err, expected)
  assert.is_table(err)
  for _, name in ipairs(FLAGS) do
    if err[name] ~= expected[name] and (expected[name] ~= nil or name == "status") then
      error(("err.%s: expected %s, got %s (%s)"):format(name, expected[name], err[name], err), 2)
    end
  end
  assert.is_string(err.message)
  assert.is_nil(tostring(err):find("%c"))
  if expected.message then assert.is_truthy(tostring(err):find(expected.message), tostring(err)) end
  Lab.assert_discreet(err)
end

--- The handler of a service without faults: whatever it is asked, something runs.
function Lab.good_service(connection)
  while connection:read_request() do connection:answer(200, nil, '{"status":"running"}') end
end

--- The handler of a service that accepts each request.
function Lab.accept(connection)
  while connection:read_request() do connection:send(Lab.ACCEPTED) end
end

--- Checks that the client works after a fault: a good request to the server follows.
function Lab.assert_usable(_, client, server)
  server.handlers = {}
  server:always(Lab.good_service)
  local status, err = client:offer_status(fixture.call { base_url = server.url, timeout = 10 })
  assert.is_nil(err)
  assert.equal("running", status.state)
end

-- The seconds that this process had to wait for a processor.
-- https://docs.kernel.org/scheduler/sched-stats.html
local function starved()
  local file <close> = io.open("/proc/self/schedstat")
  return file and file:read("a"):match("^%d+ (%d+)") / 1e9 or 0
end

--- The seconds that `fn` takes, less those for which this process had to wait for a processor; and all of them.
function Lab.seconds(fn)
  local held_up = starved()
  local started = core.monotonic()
  fn()
  local seconds = core.monotonic() - started
  return seconds - (starved() - held_up), seconds
end

--- The same where the lab's tasks run meanwhile: less the time by which one of them was late, if that is more.
function Lab:elapsed(fn)
  self.tasks.lateness = 0
  local seconds, all = Lab.seconds(fn)
  return math.min(seconds, all - self.tasks.lateness), all
end

--- Closes everything, and checks that each request was handed out once and no descriptor is left.
function Lab:close()
  local repeated
  for _, client in ipairs(self.clients) do
    if client.core:usable() then
      client.core:step(0)
      repeated = repeated or client.core:finished()
      client:close()
    end
  end
  for _, server in ipairs(self.servers) do server:stop() end
  for _, closer in ipairs(self.closers) do closer() end
  assert.is_nil(repeated, "a request was handed out a second time")
  for _, count in pairs(self.tasks.completions) do assert.equal(1, count) end
  -- Fewer are those of an earlier example that were collected meanwhile.
  assert.is_true(Lab.descriptors() <= self.descriptor_count, "descriptors are left open")
end

return Lab
