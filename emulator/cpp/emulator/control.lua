-- The control interface, with which a program sets the emulator up and reads its state: JSON over HTTP, under
-- /_portal/, without a token. doc/emulator.md describes the requests.

local answers = require "cpp.emulator.answers"
local json = require "cpp.emulator.json"
local options = require "cpp.emulator.options"

local control = {}

--- The prefix of the paths of the control interface.
control.PREFIX = "/_portal/"

-- One function for each method and path. Each gets the server, the decoded body and the fields of the query, and
-- returns the document of the response (default: an empty object), or raises a message.
local actions = {}

actions["POST reset"] = function(server)
    server:reset()
end

actions["POST stop"] = function(server)
    server:stop()
end

actions["POST configure"] = function(server, body)
    server.state:configure(body)
end

actions["POST offers"] = function(server, body)
    local reports = server.state:put_offers(body)
    return body[1] == nil and reports[1] or json.array(reports)
end
actions["PUT offers"] = actions["POST offers"]

actions["GET state"] = function(server, _, fields)
    local offer = server.state.service:find_offer(fields.publisher or "", fields.offer or "")
    if not offer then
        error("there is no such offer", 0)
    end
    return server.state:describe(offer)
end

actions["GET clock"] = function(server)
    local clock = server.state.clock
    return { kind = clock.kind, now = clock:now() }
end

actions["POST clock"] = function(server, body)
    options.check(body, { advance = "number" }, "clock")
    if not body.advance or body.advance < 0 then
        error("clock: 'advance' has to be a number of seconds, 0 or more", 0)
    end
    server.state.clock:advance(body.advance)
    return actions["GET clock"](server)
end

actions["GET faults"] = function(server)
    return json.array(server.state.faults:remaining())
end

actions["POST faults"] = function(server, body)
    server.state.faults:add(body[1] == nil and { body } or body)
end

actions["DELETE faults"] = function(server)
    server.state.faults:clear()
    server:release()
end

actions["GET journal"] = function(server)
    return json.array(server.state.journal:list())
end

actions["DELETE journal"] = function(server)
    server.state.journal:clear()
end

local function problem(status, message)
    return answers.json(status, { error = message })
end

--- Responds to a request whose path begins with the prefix.
function control.answer(server, request)
    local name = request.path:sub(#control.PREFIX + 1)
    local action = actions[request.method .. " " .. name]
    if not action then
        return problem(404, "the control interface has no " .. request.method .. " " .. request.path)
    end
    local body = {}
    if request.body ~= "" then
        local message
        body, message = json.decode(request.body)
        if type(body) ~= "table" then
            return problem(400, message or "the body has to be an object or an array")
        end
        json.without_nulls(body)
    end
    local ok, result = pcall(action, server, body, request.fields)
    if not ok then
        return problem(400, tostring(result))
    end
    return answers.json(200, result or {})
end

return control
