-- Reads requests while a finaliser ends them, or their client: at the first allocation of the reading at which the
-- collector may run, at the second, and so on. For a process of its own, whose small heap is collected quickly.
--
--     closing.lua URL-of-a-portal-emulator
--
-- Its faults say what the responses hold. Prints how many positions were tried, and a line to standard error for each
-- reading that gave a wrong value.

local core = require "cpp.core"
local same = require "luassert.util".deepcompare

local URL = ...
local OPERATION = { publisher = "contoso", offer = "contoso-vm", operation_id = "first", client_request_id = "closing" }
local REFERENCE = "/api/publishers/contoso/offers/contoso-vm/operations/56615b67"
local MOST = 2000 -- positions of one reading

-- What the finaliser does.
local ENDS = {
  abort = function(request) request:abort() end,
  close = function(_, client) client:close() end,
  ["the registry's __gc"] = function(request)
    (debug.getregistry()["cpp.request"] or debug.getmetatable(request)).__gc(request)
  end,
}
for _, name in ipairs { "__close", "__gc" } do
  ENDS[name .. " of the request"] = function(request) debug.getmetatable(request)[name](request) end
  ENDS[name .. " of the client"] = function(_, client) debug.getmetatable(client)[name](client) end
end

-- What is read meanwhile: a method, or the text.
local function read(request, name)
  if name == "tostring" then return { tostring(request) } end
  return table.pack(request[name](request, REFERENCE))
end

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

-- A request that is done, and its client.
local function done_request(endpoint)
  local client = core.client { base_url = URL }
  local request = client:start(endpoint, OPERATION, "emulator-token")
  while not request:done() do client:step() end
  return request, client
end

-- Reads while `finish` is called at a place. Returns whether it was called; what was read, or nil and the message.
local function read_at(place, name, finish, endpoint)
  local request, client = done_request(endpoint)
  local finished = false
  at_collection(place, function()
    finished = true
    pcall(finish, request, client) -- it may refuse
  end)
  local done, values = pcall(read, request, name)
  local during = finished
  collectgarbage("incremental", 200, 100, 13) -- as Lua starts
  local message = not done and tostring(values) or nil
  request, client = nil, nil -- luacheck: ignore
  collectgarbage()
  return during, done and values or nil, message
end

local function try(endpoint, name, end_name, finish)
  local expected = read((done_request(endpoint)), name)
  for place = 1, MOST do
    local during, values, message = read_at(place, name, finish, endpoint)
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
  for _, name in ipairs { "result", "url", "resolve", "tostring" } do
    for end_name, finish in pairs(ENDS) do tried = tried + try(endpoint, name, end_name, finish) end
  end
end
print(tried)
