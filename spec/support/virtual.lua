-- A loop with a clock that is handed in: sleeping takes no time, and moves the emulator's clock too.
--
--     local virtual = require "spec.support.virtual"
--     local loop = virtual.new(portal)                    -- portal: see spec/support/emulator.lua; or nil
--     local client = cpp.client { base_url = portal.url, token = portal.TOKEN, loop = loop }
--     client:wait(result)                                 -- minutes of polling in milliseconds
--     assert.equal(120, loop.elapsed())
--
-- Requests are real: only the pauses between them are not.

local blocking = require "cpp.loop.blocking"

local virtual = {}

--- Where virtual clocks start. Only the difference of two readings means anything: a clock that started at 0 would hide
-- code that takes one reading for a duration.
virtual.START = 987654321

--- Makes a loop with a clock of its own.
-- @param portal a portal emulator with a manual clock that follows the loop's, or nil
-- @param inner the loop that waits for requests, or nil: the blocking one
-- @return loop; loop.sleeps lists the pauses in seconds, loop.elapsed() tells the seconds since the loop was made;
--   loop.on_sleep, when set, is called with these after each pause
function virtual.new(portal, inner)
  local elapsed = 0
  inner = inner or blocking
  local loop = { sleeps = {}, await = inner.await, release = inner.release }

  function loop.now()
    return virtual.START + elapsed
  end

  function loop.elapsed()
    return elapsed
  end

  function loop.sleep(_, seconds)
    loop.sleeps[#loop.sleeps + 1] = seconds
    elapsed = elapsed + seconds
    if portal then portal:advance(seconds) end
    if loop.on_sleep then loop.on_sleep(elapsed) end
  end

  return loop
end

return virtual
