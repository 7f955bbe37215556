-- Takes secrets and e-mail addresses out of text that comes from outside and goes into an error, a
-- log line or a progress line: a service may well echo what it was sent.
--
-- Every step is linear in the length of the text: it may be a body of megabytes, made by nobody's friend.

local redact = {}

local HIDDEN = "[redacted]"

-- A JSON Web Token, or any bearer token behind its scheme, whosever it is.
local TOKEN_PATTERNS = {
  "[Bb][Ee][Aa][Rr][Ee][Rr]%s+[%w%-%._~%+/]+=*",
  "[Bb][Ee][Aa][Rr][Ee][Rr]%%20[%w%-%._~%+/%%]+=*",
  "eyJ[%w_%-%.]+",
}

-- The spellings of an address's `@`, with the characters before it that belong to the address.
local ADDRESS_FORMS = {
  { at = "@", characters = "^[^%s<>,;:\"'()%[%]@]*" },
  { at = "%40", characters = "^[%w%.%%_+~\x80-\xff-]*" },
  { at = "\\u0040", characters = "^[%w%.%%_+~\x80-\xff-]*" },
  { at = "&#64;", characters = "^[%w%.%%_+~\x80-\xff-]*" },
}
local DOMAIN = "^[%w%.%%\x80-\xff-]+"
local LONGEST_NAME = 320 -- bytes before the `@`: 64 characters (RFC 5321, section 4.5.3.1.1), escaped

local function hide(text, secret)
  local from = 1
  local parts = {}
  while true do
    local first, last = text:find(secret, from, true)
    if not first then break end
    parts[#parts + 1] = text:sub(from, first - 1)
    parts[#parts + 1] = HIDDEN
    from = last + 1
  end
  if from == 1 then return text end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

local function hide_addresses(text, form)
  local from = 1 -- what stands before is done
  local search = 1
  local parts = {}
  while true do
    local first, last = text:find(form.at, search, true)
    if not first then break end
    local before = text:sub(math.max(from, first - LONGEST_NAME), first - 1)
    local name = before:reverse():match(form.characters)
    local _, stop = text:find(DOMAIN, last + 1)
    if name ~= "" and stop then
      parts[#parts + 1] = text:sub(from, first - 1 - #name)
      parts[#parts + 1] = HIDDEN
      from = stop + 1
    end
    search = math.max(from, last + 1)
  end
  if from == 1 then return text end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

local HTML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- How a secret may be spelled where it is echoed: as it is; in a URL or a form (libcurl's way, and
-- with every other character escaped); in JSON, the plain way and .NET's; in HTML.
local function spellings(secret)
  local list, known = {}, {}
  local function add(text)
    if not known[text] then
      known[text] = true
      list[#list + 1] = text
    end
  end
  local function add_escaped(characters, format)
    for _, digits in ipairs { "%02X", "%02x" } do
      local text = secret:gsub(characters, function(c) return format .. digits:format(c:byte()) end)
      add(text)
      add((text:gsub("%%20", "+")))
    end
  end
  add(secret)
  add_escaped("[^%w%-%._~]", "%")
  add_escaped("[^%w]", "%")
  add_escaped("[\"\\&'+<>`=/]", "\\u00")
  add_escaped("[\"\\&'+<>`]", "\\u00")
  local json = secret:gsub('["\\]', "\\%0")
  add(json)
  add((json:gsub("/", "\\/")))
  add((secret:gsub("[&<>\"']", HTML)))
  return list
end

-- Everything that must not be seen: what a call was given, and what else is known.
local function secrets_of(options, more)
  local secrets = {}
  local function add(secret)
    -- Replacing every "a" because somebody's secret is "a" would hide nothing and break all.
    if type(secret) == "string" and #secret >= 4 then secrets[#secrets + 1] = secret end
  end
  for _, secret in ipairs(type(more) == "table" and more or { more }) do add(secret) end
  if options then
    add(options.client_secret)
    add(options.token)
    local emails = options.emails
    for _, address in ipairs(type(emails) == "table" and emails or { emails }) do
      if type(address) == "string" then
        for one in address:gmatch("[^,]+") do add(one:match("^%s*(.-)%s*$")) end
      end
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
-- @param more string, list of strings or nil: further secrets, such as the bearer token that was sent
-- @return the text with "[redacted]" in their place
function redact.text(text, options, more)
  if type(text) ~= "string" then return text end
  for _, secret in ipairs(secrets_of(options, more)) do
    for _, spelling in ipairs(spellings(secret)) do text = hide(text, spelling) end
  end
  for _, pattern in ipairs(TOKEN_PATTERNS) do text = text:gsub(pattern, HIDDEN) end
  for _, form in ipairs(ADDRESS_FORMS) do text = hide_addresses(text, form) end
  return text
end

--- The same, as one line for people: control characters become blanks, and `limit` bytes are kept.
function redact.line(text, limit, options, more)
  return (redact.text(text, options, more):gsub("[%c%s]+", " "):sub(1, limit))
end

--- A copy of a decoded document without secrets, in its values and in its names.
function redact.document(value, options, more)
  if type(value) ~= "table" then return redact.text(value, options, more) end
  local copy = {}
  for name, inner in pairs(value) do
    copy[redact.text(name, options, more)] = redact.document(inner, options, more)
  end
  return copy
end

-- [document] = list of secrets that the service was sent when it answered with it.
local known = setmetatable({}, { __mode = "k" })

--- Remembers, as long as a document lives, which secrets it must not be shown with.
function redact.remember(document, secrets)
  known[document] = secrets
end

--- The secrets remembered with a document, or nil.
function redact.remembered(document)
  return known[document]
end

-- redact(text, options, more): the usual case.
return setmetatable(redact, { __call = function(_, ...) return redact.text(...) end })
