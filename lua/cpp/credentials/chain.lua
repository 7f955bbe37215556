-- A chain of links: see cpp.credentials.

local errors = require "cpp.error"

local chain = {
  -- The advice if no link of the default chain has a token. The command has its own advice.
  advice = "give `token`, set AZURE_TOKEN, or run az login",
  -- The name of the link that gave the last token, for the command's message about a refused token.
  last = nil,
}

-- The err of a configured link that failed. Later links are not tried: they would use an identity that was not
-- configured.
local function failed(err, links, place)
  if err.kind ~= "auth" then return err end -- the client was closed, or its batch is being stopped
  local others = table.concat({ table.unpack(links, place + 1) }, ", ")
  err.message = links[place] .. ": " .. err.message .. (others ~= "" and "; not tried: " .. others or "")
  return err
end

--- Makes a chain.
-- @param names list of strings: its links, files of this folder
-- @param is_default whether it is the chain that is used where nothing is given
-- @return function(request) -> token, seconds; or nil, err
function chain.new(names, is_default)
  local links, only = {}, nil
  for place, name in ipairs(names) do links[place] = require("cpp.credentials." .. name) end
  return function(request)
    local reasons = {}
    for place, name in ipairs(names) do
      if not only or only == place then
        local token, detail = links[place](request)
        if token then
          only, chain.last = place, name
          return token, detail
        end
        if type(detail) ~= "string" then return nil, failed(detail, names, place) end
        reasons[#reasons + 1] = name .. ": " .. detail
      end
    end
    local advice = is_default and ": " .. chain.advice or ""
    return nil, errors.new("auth", ("no token available%s (%s)"):format(advice, table.concat(reasons, "; ")))
  end
end

return chain
