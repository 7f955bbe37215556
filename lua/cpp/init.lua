-- cpp: cancels publishing operations on the Azure Cloud Partner Portal.
--
--   local cpp = require "cpp"
--   local result, err = cpp.cancel{ publisher = "contoso", offer = "contoso-vm" }
--
-- The functions of the module share one default client, which is created at first use. Its token comes from AZURE_TOKEN
-- or cpp.credentials.default(); CPP_BASE_URL replaces the URL of the service. cpp.client creates other clients, with
-- the same functions as methods.

-- This file can be read by older versions of Lua.
if tonumber(_VERSION:match "%d+%.%d+") < 5.4 then error("cpp needs Lua 5.4 or 5.5, and this is " .. _VERSION, 0) end

local is_there, core = pcall(require, "cpp.core")
if not is_there then
  local is_missing = tostring(core):find("module 'cpp.core' not found", 1, true)
  error(is_missing and "cpp needs its C module, cpp/core.so in package.cpath (make builds it; make install or LuaRocks "
    .. "installs it)" or core, 0)
end

core.hide() -- errors of misuse name a line of the caller's code, not of these files

-- types/module.lua has the type and the documentation of each name.
---@class cpp
local cpp = {
  _VERSION = core._VERSION,
  core = core,
  credentials = require "cpp.credentials",
  loop = require "cpp.loop",
}

-- A function of the module is called with a dot.
local function check_dot(name, first)
  if first == cpp then core.misuse(("%s: this is a function: call cpp.%s with a dot"):format(name, name)) end
end

--- Makes a client: see types/options.lua for the options.
function cpp.client(options)
  check_dot("client", options)
  return require "cpp.client".new(options) -- loaded at the first call, to keep `require "cpp"` quick
end

local default

-- A forked child gets its own default client; the parent's would break the parent's connections.
local function default_client()
  if not default or not default.core:usable() then default = cpp.client() end
  return default
end

-- The number of operations that the options of progress name; nil: one.
local function total_of(options)
  if options == nil then return nil end
  if type(options) ~= "table" then core.misuse("expected a table of options, got " .. type(options)) end
  for name in pairs(options) do
    if name ~= "total" then core.misuse(("unknown option '%s' (expected total)"):format(tostring(name))) end
  end
  local total = options.total
  if total ~= nil and (math.type(total) ~= "integer" or total < 1) then
    core.misuse "total: expected a whole number above 0"
  end
  return total
end

--- Makes an on_progress function for wait: see types/module.lua.
function cpp.progress(stream, options)
  check_dot("progress", stream)
  local progress = require "cpp.progress".new(stream, total_of(options))
  return function(operation) progress:show(operation) end
end

-- The calls: the client's methods of the same names.
local function offer_call(name)
  cpp[name] = function(first, ...)
    check_dot(name, first)
    local client = default_client()
    return client[name](client, first, ...)
  end
end

for _, endpoint in ipairs(core.endpoints) do offer_call(endpoint.name) end
for _, name in ipairs { "wait", "reconcile", "map", "cancel_all" } do offer_call(name) end

return cpp
