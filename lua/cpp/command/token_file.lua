-- A bearer token from a file: one that something else keeps fresh, or that is piped in.
--
-- There is no option for the token itself, nor for a secret: every user of the machine can read a command
-- line. A file is read again when the service refuses the token, so a long wait survives its renewal.

-- The token in a text: all of it, but for one newline at its end.
local function token_in(text, name)
  local token = text:gsub("\r?\n$", "")
  if token:find "^%S+$" then return token end
  return nil, name .. ": expected a token on one line, without blanks"
end

local function read(file, name)
  local text, problem = file:read "a"
  if not text then return nil, name .. ": " .. problem end
  return token_in(text, name)
end

local function read_file(name)
  local file, problem = io.open(name)
  if not file then return nil, problem end
  local token, failure = read(file, name)
  file:close()
  return token, failure
end

--- Makes a token function for cpp.client.
-- @param name string: name of a file; "-" is standard input, which is read once
-- @return function that returns the token; or nil and why not
local function token_file(name)
  if name ~= "-" then return function() return read_file(name) end end
  local token, problem
  return function()
    if not token and not problem then token, problem = read(io.stdin, "standard input") end
    return token, problem
  end
end

return token_file
