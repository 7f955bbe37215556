-- What specs begin with: a portal emulator for the examples of a block, and what asks it, made anew for each example.
--
--   local fixture = require "spec.support.fixture"
--
--   describe("wait", function()
--     local portal, client, loop
--     fixture.client(_ENV, function(...) portal, client, loop = ... end)
--
--     it("ends", function()
--       fixture.offer(portal)
--       ...
--
-- `busted` is always the environment of the spec, with `setup` and the like; `ready` is called before each example.

local cpp = require "cpp"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"
local virtual = require "spec.support.virtual"

local fixture = {}

--- The fields of some tables in a new one. Of fields with the same name the last counts; nil is like an empty table.
function fixture.merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...)) or {}) do all[name] = value end
  end
  return all
end

--- The options of a call for the offer of fixture.offer.
-- @param more (may be absent) table: further options
function fixture.call(more)
  return fixture.merged({ publisher = "contoso", offer = "contoso-vm" }, more)
end

--- Has a portal emulator.
-- @param ready function(portal, call): the emulator is as it starts; call(method, path, options) sends a valid request for
--   the service (see portal:call)
-- @param settings (may be absent) table: of Portal.start. By default only specs move its clock
function fixture.portal(busted, ready, settings)
  local portal
  busted.setup(function() portal = Portal.start(settings) end)
  busted.teardown(function() assert(portal:stop()) end)
  busted.before_each(function()
    portal:reset()
    ready(portal, function(...) return assert(portal:call(...)) end)
  end)
end

--- Has an emulator, and a client of it whose pauses take no time: its loop moves the emulator's clock.
-- @param ready function(portal, client, loop): see spec.support.virtual for the loop
-- @param options (may be absent) table: further options of the client
function fixture.client(busted, ready, options)
  local client
  fixture.portal(busted, function(portal)
    local loop = virtual.new(portal)
    client = cpp.client(fixture.merged({ base_url = portal.url, token = Portal.TOKEN, loop = loop }, options))
    ready(portal, client, loop)
  end)
  busted.after_each(function() client:close() end)
end

--- Has clients, which are closed after each example.
-- @param defaults function() -> options that each client has, unless it gets others
-- @return function(options): makes a client
function fixture.clients(busted, defaults)
  local clients = {}
  busted.after_each(function()
    for _, client in ipairs(clients) do client:close() end
    clients = {}
  end)
  return function(options)
    clients[#clients + 1] = cpp.client(fixture.merged(defaults(), options))
    return clients[#clients]
  end
end

--- Tells of each request that a client starts, until the returned value is closed.
-- @param started function(endpoint, options, token, id, timeout): what the core is given
function fixture.watch(client, started)
  local real = client.core
  client.core = setmetatable({
    start = function(_, ...)
      started(...)
      return real:start(...)
    end,
  }, { __index = function(_, name) return function(_, ...) return real[name](real, ...) end end })
  return setmetatable({}, { __close = function() client.core = real end })
end

--- Has an emulator with the offer of fixture.offer, a second one as its token service, and clients of both.
-- @param ready function(portal, authority, loop): the loop moves the clock of the token service
-- @param options (may be absent) table: further options of each client
-- @return function(options): makes a client
function fixture.authority(busted, ready, options)
  local portal, authority, loop
  local new_client = fixture.clients(busted, function()
    return fixture.merged({ base_url = portal.url, authority_url = authority.url, loop = loop, retries = 0 }, options)
  end)
  fixture.portal(busted, function(...) authority = ... end)
  fixture.portal(busted, function(...)
    portal = ...
    fixture.offer(portal)
    loop = virtual.new(authority)
    ready(portal, authority, loop)
  end)
  return new_client
end

--- Has an emulator, and programs that find it in their environment.
-- @param ready function(portal, programs, run): see spec.support.program for the programs; run(...) runs cpp-portal with
--   these arguments
function fixture.programs(busted, ready)
  local programs
  fixture.portal(busted, function(portal)
    programs = Programs.new { AZURE_TOKEN = Portal.TOKEN, CPP_BASE_URL = portal.url }
    ready(portal, programs, function(...) return programs:run { "bin/cpp-portal", ... } end)
  end)
  busted.after_each(function() programs:close() end)
end

--- Puts an offer there that is being published: contoso-vm of contoso, by an operation with the id "first".
-- @param ... tables or nil: settings of the emulator, of which the last wins
function fixture.offer(portal, ...)
  portal:offer(fixture.merged(fixture.call { running = true, operation_id = "first" }, ...))
end

return fixture
