-- The environment variables that are settings of a client and of its tokens, and the texts in them and in their files.

local environment = {}

--- The value of a variable; nil where it is absent or empty.
function environment.variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local variable = environment.variable

--- A text without one newline at its end: it comes from a file.
function environment.without_newline(text)
  return (text:gsub("\r?\n$", ""))
end

--- AZURE_TOKEN without a newline at its end, or nil.
function environment.token()
  local value = environment.without_newline(variable "AZURE_TOKEN" or "")
  return value ~= "" and value or nil
end

-- Mistakes in texts that are not tokens, in the order of the search.
local SURPLUS = {
  { "^\xef\xbb\xbf", "a byte order mark" }, { "^\xff\xfe", "a byte order mark, in ASCII" },
  { "^\xfe\xff", "a byte order mark, in ASCII" },
  { "^%s*[Bb][Ee][Aa][Rr][Ee][Rr]%s", '"Bearer " before it' }, { '^%s*[{"]', "JSON around it" },
  { "^[A-Za-z0-9_ ]+=[^=]", "a name before it" }, { "%s", "white space" },
  { "[^A-Za-z0-9%-%._~%+/=]", "characters that no token has" },
}

--- The probable mistake in a text that is not a valid token.
-- @return string that follows "does not hold a valid token": empty if no reason is known
function environment.advice_for(text)
  for _, row in ipairs(SURPLUS) do
    if text:find(row[1]) then
      return ": expected a token without " .. row[2]
        .. ", as `az account get-access-token --query accessToken --output tsv` prints it"
    end
  end
  return ""
end

--- The URL of the token service, from AZURE_AUTHORITY_HOST, or nil. Azure's own tools take the host of another cloud
-- with and without a scheme.
function environment.authority_url()
  local host = variable "AZURE_AUTHORITY_HOST"
  return host and (host:find "://" and host or "https://" .. host)
end

--- The URL of the service, from CPP_BASE_URL, or nil.
function environment.base_url()
  return variable "CPP_BASE_URL"
end

--- The names of the variables that are not set, as a text; nil if all are set.
-- @param names list of strings
-- @return string such as "A and B are not set"; and whether any is set
function environment.missing(names)
  local missing = {}
  for _, name in ipairs(names) do
    if not variable(name) then missing[#missing + 1] = name end
  end
  local some, last = #missing < #names, table.remove(missing)
  if not last then return nil, some end
  if #missing == 0 then return last .. " is not set", some end
  return table.concat(missing, ", ") .. " and " .. last .. " are not set", some
end

return environment
