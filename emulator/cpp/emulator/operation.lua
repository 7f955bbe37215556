-- One operation of an offer (a publish or a go live), and its state at a given time. The state is computed from the
-- times of its start, its steps and its cancellation; nothing runs in the background.

local steps = require "cpp.emulator.steps"

local operation = {}
operation.__index = operation

--- The effect of a cancellation, by the cancel mode of the offer: how the operation ends, and whether its steps stop
-- until then.
local CANCEL_MODES = {
    accepted = { state = "canceled", freezes = true },
    synchronous = { state = "canceled", freezes = true, at_once = true },
    fails = { state = "failed", freezes = true },
    -- The same, with a separate cancellation operation: it fails, and the publish continues.
    fails_alone = { fails = true },
    -- The publish completes before the cancellation takes effect.
    lost_race = {},
}

--- The names of the cancel modes.
operation.CANCEL_MODES = { "accepted", "synchronous", "lost_race", "fails", "fails_alone" }

--- Makes an operation.
-- @param fields id, kind ("publish" or "golive"), began (time of the clock), steps, ends ("completed" or "failed"),
--   publishing_version, slot, emails
function operation.new(fields)
    local self = setmetatable(fields, operation)
    self.duration, self.natural_end = steps.outcome(self.steps, self.ends)
    return self
end

--- Requests the cancellation. A further request changes nothing.
-- @param mode one of CANCEL_MODES
-- @param seconds how long the cancellation takes
function operation:cancel(mode, seconds, now)
    if not self.cancellation then
        local effect = CANCEL_MODES[mode]
        self.cancellation = { requested = now, ends = effect.at_once and now or now + seconds, effect = effect }
    end
end

--- The state of the operation: not_started, running, completed, failed or canceled.
-- @return the state, and since when (time of the clock)
function operation:state(now)
    local cancellation = self.cancellation
    if cancellation and cancellation.effect.freezes then
        if now >= cancellation.ends then
            return cancellation.effect.state, cancellation.ends
        end
        return "running", cancellation.requested
    elseif self.released and now >= self.released then
        return "completed", self.released
    elseif now < self.began then
        return "not_started", self.began
    elseif now >= self.began + self.duration then
        return self.natural_end, self.began + self.duration
    end
    return "running", self.began
end

--- Whether the operation has not ended yet.
function operation:active(now)
    local state = self:state(now)
    return state == "running" or state == "not_started"
end

--- Whether it waits for the publisher's sign-off.
function operation:is_waiting(now)
    local last = self.steps[#self.steps]
    if last ~= steps.SIGNOFF or self:state(now) ~= "running" then
        return false
    end
    local progress = self:progress(now)
    return progress[#progress].state == last.hold
end

--- The publisher has signed it off: go live.
function operation:release(now)
    self.released = now
end

--- The progress of the steps: see steps.progress.
function operation:progress(now)
    local cancellation = self.cancellation
    if cancellation and cancellation.effect.freezes then
        local elapsed = cancellation.requested - self.began
        return steps.progress(self.steps, elapsed, elapsed < 0 and "not_started" or self:state(now))
    end
    return steps.progress(self.steps, now - self.began, (self:state(now)))
end

return operation
