-- --debug: prints requests and responses on standard error, without secrets and addresses.

local core = require "cpp.core"
local encode = require "cpp.command.json"

-- Fields of a response or a failure to print before its body, in this order.
local FIELDS = { "kind", "message", "location", "operation_id", "retry_after", "request_id" }

-- The calls of the service. Requests to token services and their responses are secret.
local SHOWN = { location = true }
for _, endpoint in ipairs(core.endpoints) do SHOWN[endpoint.name] = true end

local function say_request(session, endpoint, options, request, answer)
  local method, url = request:url()
  session.screen:say(("> %s %s"):format(method, url or "-"))
  if not SHOWN[endpoint] then return session.screen:say "> [credentials]" end
  local sent = { client_request_id = answer.client_request_id }
  for name, value in pairs(options) do sent[name] = sent[name] or value end
  local _, _, lines, body = session.client.core:describe(endpoint, sent)
  for line in lines:gmatch "[^\n]+" do session.screen:say("> " .. line) end
  session.screen:say "> Authorization: [token]"
  if body ~= "" then session.screen:say("> " .. body) end
end

local function say_response(session, endpoint, answer)
  session.screen:say("< " .. (answer.status or "no response"))
  for _, name in ipairs(FIELDS) do
    if answer[name] ~= nil then session.screen:say(("< %s: %s"):format(name, answer[name])) end
  end
  local body = answer.body
  if body == nil then return end
  local failed = answer.status and answer.status >= 300
  if not SHOWN[endpoint] and not failed then return session.screen:say "< [token]" end
  session.screen:say("< " .. (type(body) == "string" and body or encode(body)))
end

--- Makes the function that is called after each attempt to send a request: see cpp/retry.lua.
-- @param session the session (cpp/command/session.lua)
local function debug(session)
  return function(endpoint, options, request, answer)
    if session.client.core:usable() then say_request(session, endpoint, options, request, answer) end
    say_response(session, endpoint, answer)
  end
end

return debug
