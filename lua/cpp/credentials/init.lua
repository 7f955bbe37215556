-- Token functions, as azure-identity has them: cpp.credentials.default(), environment(), workload_identity(),
-- managed_identity() and azure_cli().
--
-- Each is a chain of links. The first link that has a token gives it, and is the only one that is used from then on. A
-- link is a table: name; ask(request) -> token, seconds until it expires or nil; or nil and, as text, why it is not
-- configured; or nil and an err, if it is configured and failed. A request (of cpp.auth) has
--   scope, authority_url     as in the options, or nil
--   ending() -> why no more links are asked: an err; or nil
--   send(endpoint, options, names) -> token, seconds; or nil, err. `names`: the variables that options come from
-- https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential

local core = require "cpp.core"

local credentials = {}

-- In the order of azure-identity.
local CHAINS = {
  default = { "environment", "workload_identity", "managed_identity", "azure_cli" },
  environment = { "environment", "workload_identity" },
  workload_identity = { "workload_identity" },
  managed_identity = { "managed_identity" },
  azure_cli = { "azure_cli" },
}

-- [token function] = its chain: cpp.auth calls it instead of the function, with the client that needs the token.
local chains = setmetatable({}, { __mode = "k" })

--- What to call instead of a token function; nil for a function of the user.
-- @return function(request) -> token, seconds; or nil, err
function credentials.chain_of(token_function)
  return token_function and chains[token_function]
end

for name, links in pairs(CHAINS) do
  credentials[name] = function(...)
    if select("#", ...) > 0 then core.misuse(("credentials.%s: expected no arguments"):format(name)) end
    local chain = require "cpp.credentials.chain".new(links, name == "default")
    -- For a caller that is not a client: it blocks.
    local function token_function()
      return require "cpp.auth".alone(token_function)
    end
    chains[token_function] = chain
    return token_function
  end
end

return credentials
