-- The loops of the package, each loaded at first use: cpp.loop.blocking, cpp.loop.cqueues, cpp.loop.luv. doc/loops.md
-- describes how to write your own.

local core = require "cpp.core"

-- The module that each loop needs, or false.
local NAMES = { blocking = false, cqueues = "cqueues", luv = "luv" }
local OF_LOOPS = { await = true, sleep = true } -- names of a loop's functions: this table is not a loop

return setmetatable({}, {
  __index = function(loops, name)
    if OF_LOOPS[name] then return nil end
    if NAMES[name] == nil then
      core.misuse(("there is no loop cpp.loop.%s: expected blocking, cqueues or luv"):format(tostring(name)))
    end
    local module = NAMES[name]
    local found, problem = true, nil
    if module then found, problem = pcall(require, module) end
    if not found then
      core.misuse(("cpp.loop.%s needs the module %s (Debian: lua-%s; elsewhere: luarocks install %s): %s"):format(
        name, module, module, module, tostring(problem):match "^[^\n]*":gsub(":$", "")))
    end
    local loop = require("cpp.loop." .. name)
    loops[name] = loop
    return loop
  end,
})
