-- The emulator's clock: the one source of time for operations, tokens and dates.

local monotime = require "cqueues".monotime

local clock = {}
clock.__index = clock

-- The date of a manual clock at 0, 2017-11-01T00:00:00Z: a client must use the service's dates, not its own clock.
local MANUAL_EPOCH = 1509494400

--- Makes a clock at 0.
-- @param kind "real": seconds of the monotonic clock times `speed`; "manual": moves by `advance` only
-- @param speed how many seconds pass on a real clock in one real second (default 1)
function clock.new(kind, speed)
    local self = setmetatable({ kind = kind, speed = speed or 1 }, clock)
    self:reset()
    return self
end

--- Sets the clock back to 0.
function clock:reset()
    self.started = monotime()
    self.advanced = 0
    -- Dates in responses are this date plus the clock.
    self.epoch = self.kind == "manual" and MANUAL_EPOCH or os.time()
end

--- Seconds since the start or the last reset.
function clock:now()
    if self.kind == "manual" then
        return self.advanced
    end
    return (monotime() - self.started) * self.speed + self.advanced
end

--- Moves the clock forward; a real clock jumps and then runs on.
function clock:advance(seconds)
    self.advanced = self.advanced + seconds
end

--- The wall clock time, in seconds since 1970, that belongs to a time of this clock.
-- @param time a time of this clock (default: now)
function clock:wall(time)
    return self.epoch + (time or self:now())
end

return clock
