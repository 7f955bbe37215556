-- A loop with a clock that is handed in: sleeping takes no time, and moves the emulator's clock too.
--
--     local virtual = require "spec.support.virtual"
--     local loop = virtual.new(portal)                    -- portal: see spec/portal/client.lua; or nil
--     local client = cpp.client { base_url = portal.url, token = portal.TOKEN, loop = loop }
--     client:wait(result)                                 -- minutes of polling in milliseconds
--     assert.equal(120, loop.now())
--
-- Requests are real: only the pauses between them are not.

local blocking = require "cpp.loop.blocking"

local virtual = {}

--- Makes a loop whose clock starts at 0.
-- @param portal a portal emulator with a manual clock that follows the loop's, or nil
-- @param inner the loop that waits for requests, or nil: the blocking one
-- @return loop; loop.sleeps lists the pauses in seconds, loop.now() tells the time; loop.on_sleep, when
--   set, is called with the time after each pause
function virtual.new(portal, inner)
  local time = 0
  inner = inner or blocking
  local loop = { sleeps = {}, await = inner.await, release = inner.release }

  function loop.now()
    return time
  end

  function loop.sleep(_, seconds)
    loop.sleeps[#loop.sleeps + 1] = seconds
    time = time + seconds
    if portal then portal:advance(seconds) end
    if loop.on_sleep then loop.on_sleep(time) end
  end

  return loop
end

return virtual
