-- Token functions, like the credentials of azure-identity: cpp.credentials.default(), environment(),
-- workload_identity(), managed_identity() and azure_cli(). Each uses a chain of links: see cpp.credentials.chain.

local Chain = require "cpp.credentials.chain"
local core = require "cpp.core"

local credentials = {}

-- Gets a token for a caller that is not a client. It blocks.
local function alone(token_function)
  local client <close> = require "cpp.client".new { token = token_function }
  local token, detail = require "cpp.auth".ask_chain(client, token_function)
  if token then return token, detail end
  return nil, detail.message
end

for name in pairs(Chain.LINKS) do
  credentials[name] = function(...)
    if select("#", ...) > 0 then core.misuse(("credentials.%s: expected no arguments"):format(name)) end
    local function token_function() return alone(token_function) end
    return Chain.behind(token_function, name)
  end
end

return credentials
