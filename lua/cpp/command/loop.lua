-- The loop of the command: waits as the blocking loop does, and calls a function ten times a second and at each signal.

local blocking = require "cpp.loop.blocking"
local core = require "cpp.core"

local SLICE = 0.1 -- seconds

--- Makes a loop.
-- @param between function() -> boolean: true makes a batch continue at once
-- @return loop: see doc/loops.md
local function new(between)
  local loop = {}

  function loop.await(core_client, request)
    local of_batch = type(request) ~= "userdata"
    blocking.await(core_client, { done = function() return between() and of_batch or request:done() end })
  end

  function loop.sleep(core_client, seconds)
    local deadline = core.monotonic() + seconds
    repeat
      if between() or not core_client:usable() then return end
      local left = deadline - core.monotonic()
      blocking.sleep(core_client, math.min(left, SLICE))
    until left <= SLICE
  end

  return loop
end

return new
