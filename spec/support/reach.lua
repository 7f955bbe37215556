-- What Lua's registry reaches: to show that something is not kept any more.
--
--   assert.is_nil(reach.find("jane.doe"))      -- otherwise where it is, as "registry.key.…"
--
-- Constants of functions and the stacks of coroutines are left out: the spec itself has what it looks for there.

local reach = {}

local function name_of(key) return type(key) == "string" and key:sub(1, 40) or tostring(key) end

-- Calls `visit(value, step)` for each value that another one holds.
local function each_held(value, visit)
  local kind = type(value)
  local metatable = debug.getmetatable(value)
  if metatable then visit(metatable, ".metatable") end
  if kind == "table" then
    for key, held in next, value do
      visit(key, ".key " .. name_of(key))
      visit(held, "." .. name_of(key))
    end
  elseif kind == "function" then
    local i, name, held = 1, debug.getupvalue(value, 1)
    while name do
      visit(held, (".upvalue %d"):format(i))
      i = i + 1
      name, held = debug.getupvalue(value, i)
    end
  elseif kind == "userdata" then
    local i, held, exists = 1, debug.getuservalue(value, 1)
    while exists do
      visit(held, (".user value %d"):format(i))
      i = i + 1
      held, exists = debug.getuservalue(value, i)
    end
  end
end

--- The first string that holds `text`, of all that the registry reaches.
-- @return where it is held; nil when it is nowhere
function reach.find(text)
  local start = debug.getregistry()
  local seen, queue, places, found = { [start] = true }, { start }, { "registry" }, nil
  local at = 1
  while queue[at] ~= nil and not found do
    local place = places[at]
    each_held(queue[at], function(held, step)
      local kind = type(held)
      if kind == "string" then
        if held:find(text, 1, true) then found = found or place .. step end
      elseif (kind == "table" or kind == "function" or kind == "userdata") and not seen[held] then
        seen[held] = true
        queue[#queue + 1] = held
        places[#places + 1] = place .. step
      end
    end)
    at = at + 1
  end
  return found
end

return reach
