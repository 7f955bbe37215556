-- A bearer token from a file, which another program may renew, or from a pipe.
--
-- There is no option for the token itself or for a secret, because every user of the machine can read a command line.
-- The file is read again when the service refuses the token, so that a renewed token is used.

local core = require "cpp.core"
local environment = require "cpp.environment"

local LONGEST = 65536 -- bytes of a token, as in cpp.auth

-- The content of a file, up to the size that shows that it is too long.
local function read(file, place)
  local text, failure = file:read(LONGEST + 3) -- with a newline
  return not failure and (text or "") or nil, failure and place .. ": " .. failure
end

local function content(name, place)
  if name == "-" then return read(io.stdin, place) end
  local file <close>, problem = io.open(name)
  if not file then return nil, problem end
  return read(file, place)
end

-- The token: the text without one newline at its end; or nil and a reason.
local function token_in(name)
  local place = name == "-" and "standard input" or name
  local text, problem = content(name, place)
  if not text then return nil, problem end
  local token = environment.without_newline(text)
  if not token:find "%S" then return nil, place .. " is empty" end
  if #token > LONGEST then return nil, ("%s is too large for a token (more than %d bytes)"):format(place, LONGEST) end
  if not pcall(core.check, "call", { token = token }) then
    return nil, place .. " does not hold a valid token" .. environment.advice_for(token)
  end
  return token
end

--- Makes a token function for cpp.client. If the file cannot be read again, such as a pipe, it returns the same token.
-- @param name string: name of a file; "-" is standard input
-- @return function that returns the token; or nil and a reason
local function token_file(name)
  local token, problem = token_in(name)
  if not token then return nil, problem end
  local fresh = true
  return function()
    if not fresh then token = token_in(name) or token end
    fresh = false
    return token
  end
end

return token_file
