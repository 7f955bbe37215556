-- The steps of an operation: what they are called, how long they take, and how far they are at a given time.

local options = require "cpp.emulator.options"

local steps = {}

-- Names, descriptions and time frames as in the samples of the service's documentation.
-- A minute in all, so that a demonstration is short; the real ones take days.
local PUBLISH = {
    { id = "displaydummycertify", name = "Validate Pre-Requisites", estimated = "< 15 min", seconds = 8,
        description = "Offer settings provided are validated." },
    { id = "displaycertify", name = "Certification", estimated = "~2-3 days", seconds = 20,
        description = "Your offer is analyzed by our certification systems for issues." },
    { id = "displayprovision", name = "Provisioning", estimated = "< 1 day", seconds = 20,
        description = "Your virtual machine is being replicated in our production systems." },
    { id = "displaypackage", name = "Packaging and Lead Generation Registration", estimated = "< 1 hour", seconds = 12,
        description = "Your virtual machine is packaged for being shown to your customers." },
}
-- No time frame: the samples have none for the step that waits for the publisher, so a client has to do without.
local GO_LIVE = {
    { id = "publisher-signoff", name = "Publisher signoff", seconds = 0,
        description = "Offer is available to preview. Ensure that everything looks good before making it live." },
    { id = "live", name = "Live", estimated = "~2-5 days", seconds = 30,
        description = "Offer is publicly visible and is available for purchase." },
}

--- The step at which a publish waits for the publisher, until go live.
steps.SIGNOFF = { id = "publisher-signoff", name = "Publisher signoff", hold = "waitingForPublisherReview",
    description = GO_LIVE[1].description }

--- The steps that an operation has when none are given.
steps.default = { publish = PUBLISH, golive = GO_LIVE }

local KNOWN = {
    id = "string", name = "string", description = "string", estimated = "string", seconds = "number",
    hold = "string", fails = "boolean", messages = "table",
}

--- Raises unless a list of steps, as given to the control interface, makes sense.
function steps.check(list, where)
    for index, step in ipairs(list) do
        local place = string.format("%s[%d]", where, index)
        options.check(step, KNOWN, place)
        if not step.name then
            error(place .. ": a step needs a name", 0)
        end
    end
    return list
end

--- The steps, followed by the sign-off.
function steps.with_signoff(list)
    local longer = {}
    for index, step in ipairs(list) do
        longer[index] = step
    end
    longer[#longer + 1] = steps.SIGNOFF
    return longer
end

--- When the steps end by themselves, in seconds after the operation began, and how.
-- @param ends how they end where no step fails: "completed" or "failed"
-- @return seconds (math.huge where a step holds for ever), "completed" or "failed"
function steps.outcome(list, ends)
    local seconds = 0
    for _, step in ipairs(list) do
        if step.hold then
            return math.huge, "running"
        end
        seconds = seconds + (step.seconds or 0)
        if step.fails then
            return seconds, "failed"
        end
    end
    return seconds, ends
end

--- How far each step is.
-- @param elapsed seconds since the operation began (negative: it is still queued)
-- @param state what has become of the operation: not_started, running, completed, failed or canceled
-- @return list of { step =, state =, progress =, at = }: `at` is when the state was reached, in seconds
function steps.progress(list, elapsed, state)
    local result, begun, current = {}, 0, state ~= "not_started"
    for index, step in ipairs(list) do
        local seconds = step.seconds or 0
        local entry = { step = step, state = "not_started", progress = 0, at = begun }
        if current then
            if step.hold then
                -- Given as it is to be sent, e.g. waitingForPublisherReview or blocked.
                entry.state, current = state == "running" and step.hold or state, false
            elseif elapsed >= begun + seconds and not (state == "failed" and (step.fails or index == #list)) then
                entry.state, entry.progress, entry.at = "complete", 100, begun + seconds
            else
                entry.state = state == "running" and "in_progress" or state
                entry.progress = seconds > 0 and math.min(99, math.floor(100 * (elapsed - begun) / seconds)) or 0
                current = false
            end
        end
        result[index] = entry
        begun = begun + seconds
    end
    return result
end

return steps
