-- What Lua's registry reaches: to show that something is not kept any more.
--
--   assert.is_nil(reach.find("jane.doe"))      -- otherwise where it is, as "registry.key.…"
--
-- Constants of functions and the stacks of coroutines are left out: the spec itself has what it looks for there.

local reach = {}

local function name_of(key) return type(key) == "string" and key:sub(1, 40) or tostring(key) end

-- Calls `visit(value, step)` for each value that another one holds.
local function each_held(value, visit)
  visit(debug.getmetatable(value), ".metatable")
  if type(value) == "table" then
    for key, held in next, value do
      visit(key, ".key " .. name_of(key))
      visit(held, "." .. name_of(key))
    end
  elseif type(value) == "function" then
    for i = 1, math.huge do
      local name, held = debug.getupvalue(value, i)
      if not name then break end
      visit(held, (".upvalue %d"):format(i))
    end
  elseif type(value) == "userdata" then
    for i = 1, math.huge do
      local held, exists = debug.getuservalue(value, i)
      if not exists then break end
      visit(held, (".user value %d"):format(i))
    end
  end
end

local FURTHER = { table = true, ["function"] = true, userdata = true }

--- The first string that holds `text`, of all that the registry reaches.
-- @return where it is held; nil when it is nowhere
function reach.find(text)
  local start, found = debug.getregistry(), nil
  local queue, places = { start }, { [start] = "registry" }
  for at = 1, math.huge do
    local value = queue[at]
    if value == nil or found then return found end
    each_held(value, function(held, step)
      if type(held) == "string" and held:find(text, 1, true) then found = found or places[value] .. step end
      if not FURTHER[type(held)] or places[held] then return end
      places[held] = places[value] .. step
      queue[#queue + 1] = held
    end)
  end
end

return reach
