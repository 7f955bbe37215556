-- Scenarios for the harness (see torture/harness/scenarios.lua) that show that its search finds secrets: each runs one
-- function of planted.c. Those in FOUND leave a secret behind.

local pieces = require "torture.harness.pieces"

local SECRET = "planted/secret of+the=checks, long enough to be cut into pieces"
local FOUND = { "free", "part", "realloc", "escaped" }
local CLEAN = { "wiped", "unwritten", "of_lua" }

local planted = { secrets = {} }

pieces.add(planted.secrets, "planted", SECRET)

function planted.list()
  local list = {}
  for _, names in ipairs { FOUND, CLEAN } do
    for _, name in ipairs(names) do list[#list + 1] = { name = name, transport = "none" } end
  end
  return list
end

function planted.prepare(name)
  local core = require "planted.core"
  -- A secret that Lua frees is not the module's.
  core.of_lua = function(secret) return secret .. #secret end
  local function run()
    core[name](SECRET)
    collectgarbage()
    return "answered"
  end
  return run, function() end, {}
end

return planted
