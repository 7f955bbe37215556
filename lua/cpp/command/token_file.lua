-- A bearer token from a file: one that something else keeps fresh, or that is piped in.
--
-- There is no option for the token itself, nor for a secret: every user of the machine can read a command
-- line. A file is read again when the service refuses the token, so a long wait survives its renewal.

local core = require "cpp.core"
local environment = require "cpp.environment"

local function read(name)
  if name == "-" then return io.stdin:read "a" end
  local file <close>, problem = io.open(name, "r")
  if not file then return nil, problem end
  local text, failure = file:read "a"
  return text, failure and name .. ": " .. failure
end

-- The token: all of the text, but for one newline at its end; or nil and why there is none.
local function token_in(name)
  local place = name == "-" and "standard input" or name
  local text, problem = read(name)
  if not text then return nil, problem or place .. " cannot be read" end
  local token = text:gsub("\r?\n$", "")
  if not token:find "%S" then return nil, place .. " is empty" end
  if not pcall(core.check, "call", { token = token }) then
    return nil, place .. " does not hold a valid token" .. environment.advice_for(token)
  end
  return token
end

--- Makes a token function for cpp.client. The token stays as it is where the file cannot be read again, as a pipe.
-- @param name string: name of a file; "-" is standard input
-- @return function that returns the token; or nil and why there is none
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
