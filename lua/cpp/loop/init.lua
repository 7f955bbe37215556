-- The loops that come with the package, each loaded when it is first named: cpp.loop.blocking,
-- cpp.loop.cqueues, cpp.loop.luv. doc/loops.md tells how to write another.

return setmetatable({}, {
  __index = function(loops, name)
    local loop = require("cpp.loop." .. name)
    loops[name] = loop
    return loop
  end,
})
