-- Prints lua/cpp/types/methods.lua: the methods of a client, made from the functions in module.lua.

local HEAD = [[
-- Types for editors: the methods of a client that are also functions of the module. `make doc` writes this
-- file from module.lua: change that file instead.
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
