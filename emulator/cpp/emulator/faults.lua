-- Faults: wrong, late or absent responses. This file decides which request a fault affects; the server applies it.

local answers = require "cpp.emulator.answers"
local json = require "cpp.emulator.json"
local options = require "cpp.emulator.options"
local random = require "cpp.emulator.random"

local faults = {}
faults.__index = faults

local KNOWN = {
    match = "table", times = "number", probability = "number", seed = "number",
    status = "number", headers = "table", body = "string|table", add_headers = "table",
    delay = "number", action = "string", act = "boolean",
}
local KNOWN_MATCH = { method = "string", path = "string", skip = "number" }
local ACTIONS = { "close", "reset", "stall", "truncate" }

-- The server computes these itself; a wrong value would break the connection instead of the response.
local FRAMING = { ["content-length"] = true, ["transfer-encoding"] = true }

local function check_headers(headers, where)
    for name, values in pairs(headers or {}) do
        for _, value in ipairs(type(values) == "table" and values or { values or nil }) do
            options.header(name, value, where)
        end
        if FRAMING[tostring(name):lower()] then
            error(where .. ": '" .. name .. "' cannot be set", 0)
        end
    end
end

local function check(fault, where)
    options.check(fault, KNOWN, where)
    options.check(fault.match or {}, KNOWN_MATCH, where .. ".match")
    check_headers(fault.headers, where .. ".headers")
    check_headers(fault.add_headers, where .. ".add_headers")
    if fault.action then
        options.one_of(fault.action, ACTIONS, where .. ".action")
    end
    if fault.status and not (fault.status >= 200 and fault.status <= 599) then
        error(where .. ".status: a number from 200 to 599 is needed", 0)
    elseif (fault.body or fault.headers) and not fault.status then
        error(where .. ": 'body' and 'headers' need a 'status'", 0)
    elseif not (fault.status or fault.delay or fault.action or fault.add_headers) then
        error(where .. ": one of 'status', 'delay', 'action' and 'add_headers' is needed", 0)
    end
    local valid, problem = pcall(string.find, "", fault.match and fault.match.path or "")
    if not valid then
        error(where .. ".match.path: " .. problem, 0)
    end
end

--- Makes an empty list of faults.
function faults.new()
    return setmetatable({ list = {} }, faults)
end

--- Appends faults. If one of them is not valid, raises an error and appends none.
function faults:add(list)
    for index, fault in ipairs(list) do
        check(fault, string.format("faults[%d]", index))
    end
    for _, fault in ipairs(list) do
        table.insert(self.list, {
            fault = fault,
            match = fault.match or {},
            seen = 0,
            -- By default, a fault with a probability has no limit, and any other affects one request.
            left = fault.times or (fault.probability and -1 or 1),
            generator = fault.probability and random.new(fault.seed or 1),
        })
    end
end

--- Forgets all faults.
function faults:clear()
    self.list = {}
end

--- The faults that are still active, with the number of requests that each has matched and may still affect.
function faults:remaining()
    local list = {}
    for index, entry in ipairs(self.list) do
        list[index] = { fault = entry.fault, seen = entry.seen, left = entry.left }
    end
    return list
end

local function matches(match, method, path)
    return (not match.method or match.method:upper() == method) and (not match.path or path:find(match.path) ~= nil)
end

--- The fault for a request, or nil: the first of the list that is due. Later faults do not count the request.
-- @param path the decoded path, without the query
function faults:take(method, path)
    for index, entry in ipairs(self.list) do
        if matches(entry.match, method, path) then
            entry.seen = entry.seen + 1
            local due = entry.seen > (entry.match.skip or 0)
            if due and (not entry.generator or entry.generator:fraction() < entry.fault.probability) then
                entry.left = entry.left - 1
                if entry.left == 0 then
                    table.remove(self.list, index)
                end
                return entry.fault
            end
        end
    end
end

-- The response that a fault defines, or nil.
local function own_answer(fault)
    if not fault.status then
        return nil
    end
    local answer = answers.empty(fault.status)
    if fault.body then
        answer.body = type(fault.body) == "table" and json.encode(fault.body) or fault.body
        answer.headers[1] = { "Content-Type", "application/json; charset=utf-8" }
    end
    return answer
end

--- The response to a request with a fault, or nil for none. The service acts on the request if the fault has `act`, or
-- if a response is needed and the fault defines none.
-- @param act function that lets the service act, and returns its response
function faults.answer(fault, act)
    local own = own_answer(fault)
    local silent = fault.action and fault.action ~= "truncate"
    local genuine = (fault.act or not own and not silent) and act() or nil
    return own or genuine
end

--- Sets the headers that a fault defines, in place of those of the response.
function faults.set_headers(fault, answer)
    answers.override(answer, fault.headers or {})
    answers.override(answer, fault.add_headers or {})
end

--- One word for the journal.
function faults.name(fault)
    return fault.action or fault.status and "status" or fault.delay and "delay" or "headers"
end

return faults
