-- A bearer token from a file: one that something else keeps fresh, or that is piped in.
--
-- There is no option for the token itself, nor for a secret: every user of the machine can read a command
-- line. A file is read again when the service refuses the token, so a long wait survives its renewal.

local function read(stream)
  local text = stream:read("a")
  return text and text:match("^%s*(.-)%s*$")
end

local function read_file(name)
  local file, problem = io.open(name, "r")
  if not file then return nil, problem end
  local text, failure = file:read("a")
  file:close()
  return text and text:match("^%s*(.-)%s*$"), failure and name .. ": " .. failure
end

--- Makes a token function for cpp.client.
-- @param name string: name of a file; "-" is standard input, which is read once
-- @return function that returns the token, without the white space around it; or nil and why not
local function token_file(name)
  if name ~= "-" then return function() return read_file(name) end end
  local token
  return function()
    token = token or read(io.stdin)
    return token
  end
end

return token_file
