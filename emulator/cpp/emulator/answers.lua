-- Responses: `{ status =, headers = { { name, value }, ... }, body = }`, made here and written by the server.

local json = require "cpp.emulator.json"

local answers = {}

--- A response with a JSON body.
function answers.json(status, document, headers)
    headers = headers or {}
    headers[#headers + 1] = { "Content-Type", "application/json; charset=utf-8" }
    return { status = status, headers = headers, body = json.encode(document) }
end

--- A response without a body.
function answers.empty(status, headers)
    return { status = status, headers = headers or {} }
end

--- An error of the service.
-- @param code one short word
-- @param message one sentence
function answers.failure(status, code, message, headers)
    return answers.json(status, { error = { code = code, message = message } }, headers)
end

--- An error of a token service: RFC 6749, section 5.2.
-- @param code one of the RFC's, or the service's own
-- @param description one sentence
function answers.refusal(status, code, description)
    return answers.json(status, { error = code, error_description = description })
end

--- Sets headers of a response in place of those with the same names.
-- @param changes name to value, or to a list of values for a header that comes several times; false removes
function answers.override(answer, changes)
    for name, values in pairs(changes) do
        for index = #answer.headers, 1, -1 do
            if answer.headers[index][1]:lower() == name:lower() then
                table.remove(answer.headers, index)
            end
        end
        for _, value in ipairs(type(values) == "table" and values or { values or nil }) do
            table.insert(answer.headers, { name, tostring(value) })
        end
    end
end

return answers
