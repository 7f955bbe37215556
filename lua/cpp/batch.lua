-- Batches: many items concurrently, each with straight-line code. This file checks the arguments; cpp.scheduler runs
-- the batch.
--
-- `concurrency` bounds the requests in flight, not the items: an item that sleeps between two polls holds no
-- connection, no easy handle and no place.

local core = require "cpp.core"
local headers = require "cpp.headers"
local scheduler = require "cpp.scheduler"

-- Options of the batch itself; cancel_all hands all others to each call.
local OF_BATCH = { concurrency = true, on_result = true, should_stop = true, loop = true }

local batch = {}

local function check_function(fn)
  if type(fn) ~= "function" then core.misuse("expected a function, got " .. type(fn)) end
end

-- Raises misuse: the list has a key that no item has.
local function refuse_key(list, count)
  for key in next, list do
    if math.type(key) ~= "integer" then
      if count == 0 then core.misuse "expected a list, got a table with named fields only" end
    elseif key < 1 or key > count then
      core.misuse(("expected a list without holes from [1] on, got a table with [%d]"):format(key))
    end
  end
end

-- A copy, because the caller may change the list while the batch runs. A table that is not a list is misuse, because
-- its items would be ignored.
local function copy_of(list)
  if type(list) ~= "table" then core.misuse("expected a list, got " .. type(list)) end
  local count, copy = #list, {}
  if math.type(count) ~= "integer" then core.misuse "expected a list, got a table whose length is not an integer" end
  for index = 1, count do
    local item = list[index]
    if item == nil then core.misuse(("expected a list without holes, got a table without [%d]"):format(index)) end
    copy[index] = item
  end
  if getmetatable(list) ~= nil then return copy end
  local keys = 0
  for _ in next, list do keys = keys + 1 end
  if keys ~= count then refuse_key(list, count) end
  return copy
end

-- Splits the options into those of the batch itself and those of each of its calls.
local function split(options)
  options = core.snapshot(options)
  core.check("batch", options)
  local own, of_calls = {}, {}
  for name, value in pairs(options) do (OF_BATCH[name] and own or of_calls)[name] = value end
  return own, of_calls
end

--- Runs a function for each item of a list, many at once.
-- @param client the client
-- @param list list of anything
-- @param fn function(item, client) -> result; or nil, err
-- @param options table or nil: cpp.MapOptions in types/options.lua
-- @return list of tables { request =, result =, err = } in the order of `list`; the number of those
--   with an err (kinds: those of what `fn` calls, and raised)
function batch.map(client, list, fn, options)
  local own, of_calls = split(options or {})
  if next(of_calls) then core.misuse(next(of_calls) .. ": not an option of map") end
  local inputs = copy_of(list)
  check_function(fn)
  return scheduler.run(client, inputs, inputs, fn, own)
end

-- The options of each item's call, copied before anything is sent, because the caller may change the tables meanwhile.
-- For an item with a mistake it is a function, which raises the error when the item's turn comes.
local function calls_of(list, defaults)
  local calls = {}
  for index = 1, #list do
    local read, call = pcall(core.snapshot, list[index])
    if read then
      for name, value in next, defaults do
        if call[name] == nil then call[name] = value end
      end
      if defaults.headers then call.headers = headers(defaults.headers, call.headers) end
      calls[index] = call
    else
      calls[index] = function() error(call, 0) end
    end
  end
  return calls
end

--- Cancels the running operations of many offers at once.
-- @param client the client
-- @param list list of tables, each what cancel takes
-- @param options table or nil: cpp.CancelAllOptions in types/options.lua
-- @param call function(client, endpoint, options): cancels; it may change the table of options
-- @return as batch.map
function batch.cancel_all(client, list, options, call)
  local own, defaults = split(options or {})
  local requests = copy_of(list)
  return scheduler.run(client, requests, calls_of(requests, defaults), function(item, item_client)
    if type(item) == "function" then item() end
    return call(item_client, "cancel", item)
  end, own)
end

return batch
