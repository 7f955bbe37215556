-- Takes secrets and e-mail addresses out of text that comes from outside and goes into an error or
-- a log line: a service may well echo what it was sent.

-- A JSON Web Token, or any bearer token behind its scheme, whosever it is.
local TOKEN_PATTERNS = { "[Bb]earer%s+[%w%-%._~%+/]+=*", "eyJ[%w_-]+%.[%w_-]+%.?[%w_-]*" }

-- The characters of an address around its `@`, which may be percent-encoded or escaped.
local ADDRESS_PATTERNS = {
  "[^%s<>,;:\"'()%[%]]+@[%w%.-]+",
  "[%w%.%%_+-]+%%40[%w%.-]+",
  "[%w%.%%_+-]+\\u0040[%w%.-]+",
}

local function replace_plain(text, secret)
  local from = 1
  local parts = {}
  while true do
    local first, last = text:find(secret, from, true)
    if not first then break end
    parts[#parts + 1] = text:sub(from, first - 1)
    parts[#parts + 1] = "[redacted]"
    from = last + 1
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

-- Everything that must not be seen in the text of `options`: what this call was given.
local function secrets_of(options, token)
  local secrets = {}
  local function add(secret)
    -- Replacing every "a" because somebody's secret is "a" would hide nothing and break all.
    if type(secret) == "string" and #secret >= 4 then secrets[#secrets + 1] = secret end
  end
  add(token)
  if options then
    add(options.client_secret)
    if type(options.token) == "string" then add(options.token) end
    local emails = options.emails
    if type(emails) == "string" then
      for address in emails:gmatch("[^,%s]+") do add(address) end
    elseif type(emails) == "table" then
      for _, address in ipairs(emails) do add(address) end
    end
  end
  -- The longest first: one may be part of another.
  table.sort(secrets, function(a, b) return #a > #b end)
  return secrets
end

--- Takes secrets out of a text.
-- @param text string, or anything else, which is returned as it is
-- @param options table of the call's options, or nil: its secrets and addresses are replaced, and
--   whatever looks like a bearer token or an e-mail address
-- @param token string or nil: the bearer token that was sent
-- @return the text with "[redacted]" in their place
local function redact(text, options, token)
  if type(text) ~= "string" then return text end
  for _, secret in ipairs(secrets_of(options, token)) do
    text = replace_plain(text, secret)
    local escaped = secret:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
    if escaped ~= secret then text = replace_plain(text, escaped) end
  end
  for _, pattern in ipairs(TOKEN_PATTERNS) do text = text:gsub(pattern, "[redacted]") end
  for _, pattern in ipairs(ADDRESS_PATTERNS) do text = text:gsub(pattern, "[redacted]") end
  return text
end

return redact
