-- The text that `print` shows for a client, a result or an operation: one line, without secrets.

local auth = require "cpp.auth"
local private = require "cpp.private"
local redact = require "cpp.redact"

local show = {}

local LONGEST = 1024 -- bytes of a line
local BASE_URL = "https://cloudpartner.azure.com" -- as csrc/lua_client.c has it

-- The secrets to remove from a document of the service; nil if the client was closed: they are no longer known.
local function secrets_of(known, document)
  local held = known.secrets[1]
  if redact.remembered(document) or not held then return redact.remembered(document) end
  local list = {}
  local function add(from)
    for _, name in ipairs { "token", "client_secret", "previous", "secret" } do list[#list + 1] = from[name] end
  end
  add(held.options)
  for _, entry in pairs(held.tokens) do add(entry) end
  return list
end

-- A line of the parts that are texts or numbers. Texts of the service come last, and only if the secrets are known.
local function line(kind, known, document, chosen, ...)
  local words = {}
  local function add(part)
    if type(part) == "string" or math.type(part) then words[#words + 1] = part end
  end
  for i = 1, select("#", ...) do add((select(i, ...))) end
  local secrets = secrets_of(known, document)
  if secrets then add(chosen) end
  return redact.line("cpp." .. kind .. ": " .. table.concat(words, ", "), LONGEST, secrets)
end

local function offer_of(document, call)
  local publisher, offer = document.publisher, document.offer
  local name = type(publisher) == "string" and type(offer) == "string" and publisher .. "/" .. offer or nil
  return name and type(call) == "string" and call .. " " .. name or name
end

--- The metatables of results and operations, made once for each client. They hold nothing of a result.
-- @param known table: of cpp.private
-- @return table: result, operation
function show.classes(known)
  return {
    result = { __name = "cpp.result", __tostring = function(result)
      return line("result", known, result, result.location, offer_of(result, result.call), result.status, result.state,
                  result.outcome)
    end },
    operation = { __name = "cpp.operation", __tostring = function(operation)
      local progress = math.type(operation.progress) and operation.progress .. " %" or nil
      local outcome = type(operation.outcome) == "string" and "outcome " .. operation.outcome or nil
      return line("operation", known, operation, operation.location, offer_of(operation), operation.state, progress,
                  outcome)
    end },
  }
end

--- Lets `print` show a result or an operation.
-- @param client the client that returns it
-- @param kind string: "result" or "operation"
-- @param options table of the call's options; secrets in them are remembered with the document
-- @return the document
function show.as(client, kind, document, options)
  if options.token or options.client_secret then redact.remember(document, auth.secrets(client, options)) end
  return setmetatable(document, private[client].classes[kind])
end

--- The line of a client: where its requests go, and where its tokens come from.
function show.client(client)
  local own, state = private[client].options, tostring(client.core):match "%((.*)%)"
  if state == "closed" then return "cpp.client: closed" end
  local tokens = type(own.token) == "function" and "a token function" or own.token and "a token"
    or "client " .. tostring(own.client_id)
  return line("client", private[client], client, nil, own.base_url or BASE_URL, tokens, state)
end

return show
