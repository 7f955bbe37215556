-- Writes lua/cpp/types/methods.lua, a client's methods, from the module's functions in module.lua: `lua5.4
-- doc/generate/methods.lua` prints it.

local HEAD = [[
-- Types for editors: the methods of a client that are functions of the module too. Written by `make doc`
-- from module.lua: change it there.
---@meta _

---@class cpp.Client
local Client = {}
]]

local OF_MODULE_ONLY = { client = true, progress = true }

local out, tags = { HEAD }, {}
for line in io.lines "lua/cpp/types/module.lua" do
  local name, arguments = line:match "^function cpp%.([%w_]+)(%(.*)$"
  if name then
    if not OF_MODULE_ONLY[name] then
      out[#out + 1] = ("---As cpp.%s, with this client.\n%s\nfunction Client:%s%s\n")
        :format(name, table.concat(tags, "\n"), name, arguments)
    end
    tags = {}
  elseif line:find "^%-%-%-@[gpr]" then -- generic, param, return
    tags[#tags + 1] = line
  end
end
io.write(table.concat(out, "\n"))
