-- A chain of links: see cpp.credentials.

local errors = require "cpp.error"

local chain = {
  -- The advice if no link of the default chain has a token. The command has its own advice.
  advice = "give `token`, set AZURE_TOKEN, or run az login",
  -- The name of the link that gave the last token, for the command's message about a refused token.
  last = nil,
}

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

-- The err of a call that is over before the next link, which may take long, is asked.
local function ended(err, names, place, reasons)
  if err.kind ~= "auth" then return err end
  err.message = ("%s (%s%s)"):format(err.message, table.concat(reasons, "; "), others_than(names, place))
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
        local ending = reasons[1] and request.ending()
        if ending then return nil, ended(ending, names, place - 1, reasons) end
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
