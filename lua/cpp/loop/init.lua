-- The loops that come with the package, each loaded when it is first named: cpp.loop.blocking,
-- cpp.loop.cqueues, cpp.loop.luv. doc/loops.md tells how to write another.

local core = require "cpp.core"

local NAMES = { blocking = true, cqueues = true, luv = true }
local OF_LOOPS = { await = true, sleep = true } -- what a loop is asked for: this table is none

return setmetatable({}, {
  __index = function(loops, name)
    if OF_LOOPS[name] then return nil end
    if not NAMES[name] then
      core.misuse(("there is no loop cpp.loop.%s: expected blocking, cqueues or luv"):format(tostring(name)))
    end
    local loop = require("cpp.loop." .. name)
    loops[name] = loop
    return loop
  end,
})
