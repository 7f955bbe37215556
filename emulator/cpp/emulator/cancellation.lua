-- A separate operation of a cancellation (the option `cancellation`): the location of the cancel names it, instead of
-- the publish. It has the methods of an operation that documents use.

local cancellation = {}
cancellation.__index = cancellation

--- Makes one.
-- @param fields id, target (the operation that is cancelled, or nil if nothing runs), created (time of the clock),
--   lost ("completed" or "failed": how it ends if the publish is not canceled), publishing_version, slot
function cancellation.new(fields)
    fields.kind, fields.steps, fields.began = "cancel", {}, fields.created
    return setmetatable(fields, cancellation)
end

--- Its state (running, completed or failed), and the time since which it has it.
function cancellation:state(now)
    if not self.target then
        return "completed", self.created
    end
    local asked = self.target.cancellation
    local state, since = self.target:state(now)
    if asked.effect.fails then
        return now >= asked.ends and "failed" or "running", math.min(now, asked.ends)
    elseif state == "canceled" then
        return "completed", since
    elseif state == "completed" or state == "failed" then
        return self.lost, since
    elseif not asked.effect.freezes and now >= asked.ends and self.target:is_waiting(now) then
        return self.lost, asked.ends -- the publish has reached the publisher's sign-off, and stays there
    end
    return "running", self.created
end

--- Whether it has not ended yet.
function cancellation:active(now)
    return self:state(now) == "running"
end

--- The progress of its steps: it has none.
function cancellation.progress()
    return {}
end

return cancellation
