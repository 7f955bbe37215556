-- Chains of links: a chain returns the token of the first link that has one, and from then on uses only this link.
--
-- A link is a source of tokens: a function(request), in a file of this folder. It returns a token and the seconds until
-- it expires or nil; or nil and a text, if it is not configured; or nil and an err, if it is configured and failed. A
-- request (of cpp.auth) has
--   scope, authority_url     as in the options, or nil
--   advice                   the text for an err if no link of the default chain has a token
--   is_token(text)           whether a text can be a token
--   ending()                 the err of a call that has ended, so that no more links are tried; or nil
--   send(endpoint, options, names) -> token, seconds; or nil, err. `names`: the environment variables of the options
-- https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential

local errors = require "cpp.error"

local Chain = {
  -- The links of each chain, in the order of azure-identity.
  LINKS = {
    default = { "environment", "workload_identity", "managed_identity", "azure_cli" },
    environment = { "environment", "workload_identity" },
    workload_identity = { "workload_identity" },
    managed_identity = { "managed_identity" },
    azure_cli = { "azure_cli" },
  },
}
Chain.__index = Chain

-- [token function] = its chain.
local chains = setmetatable({}, { __mode = "k" })

-- Names the links after one, which are not tried.
local function others_than(names, place)
  local others = table.concat({ table.unpack(names, place + 1) }, ", ")
  return others ~= "" and "; not tried: " .. others or ""
end

-- The err of a configured link that failed. Later links are not tried: they would use an identity that was not
-- configured.
local function failed(err, names, place)
  if err.kind ~= "auth" then return err end -- the client was closed, or its batch is being stopped
  err.message = names[place] .. ": " .. err.message .. others_than(names, place)
  return err
end

-- The err of a call that has ended before the next link, which may take long, is tried.
local function ended(err, names, place, reasons)
  if err.kind ~= "auth" then return err end
  err.message = ("%s (%s%s)"):format(err.message, table.concat(reasons, "; "), others_than(names, place))
  return err
end

--- Gets a token.
-- @return token, seconds; or nil, err
function Chain:ask(request)
  local reasons, names = {}, self.names
  for place, name in ipairs(names) do
    if not self.link or self.link == name then
      local ending = reasons[1] and request.ending()
      if ending then return nil, ended(ending, names, place - 1, reasons) end
      local token, detail = self.links[place](request)
      if token then
        self.link = name -- the command shows it, too
        return token, detail
      end
      if type(detail) ~= "string" then return nil, failed(detail, names, place) end
      reasons[#reasons + 1] = name .. ": " .. detail
    end
  end
  local advice = self.is_default and ": " .. request.advice or ""
  return nil, errors.new("auth", ("no token available%s (%s)"):format(advice, table.concat(reasons, "; ")))
end

--- Makes a token function for a chain. Clients use the chain itself, instead of calling the function.
-- @param name string: of the chain
-- @return the token function
function Chain.behind(token_function, name)
  local names, links = Chain.LINKS[name], {}
  for place, link in ipairs(names) do links[place] = require("cpp.credentials." .. link) end
  chains[token_function] = setmetatable({ names = names, links = links, is_default = name == "default" }, Chain)
  return token_function
end

--- The chain behind a token function; nil for a function of the user.
function Chain.of(token_function)
  return token_function and chains[token_function]
end

return Chain
