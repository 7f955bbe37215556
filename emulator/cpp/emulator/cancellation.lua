-- The operation of a cancellation, where the service makes one: what its location names is then not the publish.
-- It has the methods of an operation that documents are made with.

local cancellation = {}
cancellation.__index = cancellation

--- Makes one.
-- @param fields id, target (the operation that is cancelled, or nil where nothing runs), created (time of the clock),
--   lost ("completed" or "failed": how it ends where the publish gets through), publishing_version, slot
function cancellation.new(fields)
    fields.kind, fields.steps, fields.began = "cancel", {}, fields.created
    return setmetatable(fields, cancellation)
end

--- What has become of it: running, completed or failed; and since when.
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
        return self.lost, asked.ends -- the publish has come to the publisher's sign-off, where it stays
    end
    return "running", self.created
end

--- Whether it has not ended yet.
function cancellation:active(now)
    return self:state(now) == "running"
end

--- How far its steps are: it has none.
function cancellation.progress()
    return {}
end

return cancellation
