-- Reads requests while a finaliser ends them, or their client: at the first allocation of the reading at which the
-- collector may run, at the second, and so on. For a process of its own, whose small heap is collected quickly.
--
--     closing.lua URL-of-a-portal-emulator
--
-- Its faults say what the responses hold. Prints how many positions were tried, and a line to standard error for each
-- reading that gave a wrong value.

local core = require "cpp.core"
local same = require "luassert.util".deepcompare
local sorted_keys = require "spec.support.sorted_keys"

local ID = "closing"
local URL = ...
local OPERATION = { publisher = "contoso", offer = "contoso-vm", operation_id = "first", client_request_id = ID }
local REFERENCE = "/api/publishers/contoso/offers/contoso-vm/operations/56615b67"
local MOST = 2000 -- positions of one reading

local function metamethod(object, name) return debug.getmetatable(object)[name] end

-- What the finaliser does.
local ENDS = {
  ["__close of the request"] = function(request) metamethod(request, "__close")(request) end,
  ["__gc of the request"] = function(request) metamethod(request, "__gc")(request) end,
  ["abort of the request"] = function(request) request:abort() end,
  ["close of the client"] = function(_, client) client:close() end,
  ["__close of the client"] = function(_, client) metamethod(client, "__close")(client) end,
  ["__gc of the client"] = function(_, client) metamethod(client, "__gc")(client) end,
  ["the registry's __gc"] = function(request)
    (debug.getregistry()["cpp.request"] or debug.getmetatable(request)).__gc(request)
  end,
}

-- What is read meanwhile.
local READINGS = {
  result = function(request) return table.pack(request:result()) end,
  url = function(request) return table.pack(request:url()) end,
  resolve = function(request) return table.pack(request:resolve(REFERENCE)) end,
  tostring = function(request) return table.pack(tostring(request)) end,
}

-- Has `action()` called at the collection number `place` from now on. With these settings each allocation that may
-- collect runs a whole cycle.
local function at_collection(place, action)
  local finaliser = {}
  function finaliser.__gc()
    place = place - 1
    if place == 0 then return action() end
    setmetatable({}, finaliser)
  end
  collectgarbage()
  collectgarbage("stop")
  collectgarbage("incremental", 1, 1000, 24)
  setmetatable({}, finaliser)
  collectgarbage("restart")
end

local function collect_as_usual() collectgarbage("incremental", 200, 100, 13) end

-- A request that is done, and its client.
local function done_request(endpoint)
  local client = core.client { base_url = URL }
  local request = client:start(endpoint, OPERATION, "emulator-token")
  while not request:done() do client:step() end
  return request, client
end

-- Reads while `finish` is called at a place. Returns what was read, or nil and the message; whether it was called.
local function read_at(place, reading, finish, endpoint)
  local request, client = done_request(endpoint)
  local finished = false
  at_collection(place, function()
    finished = true
    pcall(finish, request, client) -- it may refuse
  end)
  local read, values = pcall(reading, request)
  local during = finished
  collect_as_usual()
  local message = not read and tostring(values) or nil
  request, client = nil, nil -- luacheck: ignore
  collectgarbage()
  return read and values or nil, message, during
end

local function try(endpoint, name, reading, end_name, finish)
  local expected = reading((done_request(endpoint)))
  for place = 1, MOST do
    local values, message, during = read_at(place, reading, finish, endpoint)
    if message and not message:find "is closed" or values and not same(values, expected) then
      io.stderr:write(("%s of %s, %s at %d: %s\n"):format(name, endpoint, end_name, place, message or "wrong values"))
      return place
    end
    if not during then return place - 1 end
  end
  error(name .. " does not end")
end

local tried = 0
for _, endpoint in ipairs { "operation", "offer_status", "cancel" } do
  for _, name in ipairs(sorted_keys(READINGS)) do
    for _, end_name in ipairs(sorted_keys(ENDS)) do
      tried = tried + try(endpoint, name, READINGS[name], end_name, ENDS[end_name])
    end
  end
end
print(tried)
