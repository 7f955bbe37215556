-- Takes secrets and e-mail addresses out of text that comes from outside and goes into an error, a
-- log line or a progress line: a service may well echo what it was sent.
--
-- A secret is found however frameworks spell it where they echo it: in a URL or a form, in JSON, in
-- HTML, and in one of these within another. Every step is linear in the length of the text.

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
  { at = "%2540", characters = "^[%w%.%%_+~\x80-\xff-]*" },
  { at = "\\u0040", characters = "^[%w%.%%_+~\x80-\xff-]*" },
  { at = "&#64;", characters = "^[%w%.%%_+~\x80-\xff-]*" },
}
local DOMAIN = "^[%w%.%%\\\x80-\xff-]+"
local LONGEST_NAME = 320 -- bytes before the `@`: 64 characters (RFC 5321, section 4.5.3.1.1), escaped
local LONGEST_TEXT = 64 * 1024 -- bytes of a text that are looked at, and kept: no error needs more
local LONGEST_SPELLING = 14 -- bytes of a character: &amp;#x00fc;

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
    -- Looked for behind a name only: what is looked at is passed then, so the whole stays linear.
    local stop = name ~= "" and select(2, text:find(DOMAIN, last + 1))
    if stop then
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

local HTML = { ["&"] = "amp", ["<"] = "lt", [">"] = "gt", ['"'] = "quot", ["'"] = "apos" }

-- A pattern for a number in hexadecimal digits of either case.
local function digits(format, number)
  return (format:format(number):gsub("%l", function(c) return "[" .. c .. c:upper() .. "]" end))
end

-- The patterns of a character that frameworks escape, the character itself last. Each allows for one
-- more layer around it: `\\"` in JSON within JSON, `%252F`, `&amp;quot;`.
local function spellings(character)
  local code = utf8.len(character) == 1 and utf8.codepoint(character) or character:byte()
  local list = {
    (character:gsub(".", function(c) return "%%2?5?" .. digits("%02x", c:byte()) end)),
    "\\+u" .. digits("%04x", code),
    "&a?m?p?;?#0*" .. code .. ";",
    "&a?m?p?;?#[xX]0*" .. digits("%x", code) .. ";",
  }
  if HTML[character] then list[#list + 1] = "&a?m?p?;?" .. HTML[character] .. ";" end
  if character == " " then list[#list + 1] = "%+" end
  list[#list + 1] = "\\?\\?\\?\\?\\?\\?\\?" .. character:gsub("%p", "%%%0")
  for i, pattern in ipairs(list) do list[i] = "^" .. pattern .. "()" end
  return list
end

-- A secret as a list of plain strings, letters and digits, and of lists of patterns between them.
local function parts_of(secret)
  local parts = {}
  local place = 1
  while place <= #secret do
    local run = secret:match("^%w+", place) or secret:match("^[\xc2-\xf4][\x80-\xbf]+", place)
      or secret:sub(place, place)
    parts[#parts + 1] = run:find("^%w") and run or spellings(run)
    place = place + #run
  end
  return parts
end

-- Where a part that stands at `place` ends; nil when it does not stand there.
local function end_of(text, part, place)
  if type(part) == "string" then
    return text:sub(place, place + #part - 1) == part and place + #part or nil
  end
  for _, pattern in ipairs(part) do
    local stop = text:match(pattern, place)
    if stop then return stop end
  end
  return nil
end

-- The first place, from `from` on, where a part may begin.
local function next_place(text, part, from)
  if type(part) == "string" then return text:find(part, from, true) end
  return text:find("[^%w]", from)
end

local function hide_spelled(text, secret)
  local parts = parts_of(secret)
  local pieces = {}
  local from, place = 1, next_place(text, parts[1], 1)
  while place do
    local stop = place
    for _, part in ipairs(parts) do
      stop = end_of(text, part, stop)
      if not stop then break end
    end
    if stop then
      pieces[#pieces + 1] = text:sub(from, place - 1)
      pieces[#pieces + 1] = HIDDEN
      from = stop
    end
    place = next_place(text, parts[1], stop or place + 1)
  end
  pieces[#pieces + 1] = text:sub(from)
  return table.concat(pieces)
end

--- All that must not be seen: what a call was given, and what else is known. The list may be given as `more` instead
-- of both: a caller that redacts several texts makes it once.
-- @return list of strings, the longest first
function redact.secrets(options, more)
  if type(more) == "table" and more.complete then return more end
  local secrets = { complete = true }
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
  if #secrets > 1 then table.sort(secrets, function(a, b) return #a > #b end) end
  return secrets
end

-- The beginning of a text that is too long, and what takes the end off its redacted form, where
-- a secret may have been cut in two.
local function shorten(text, secrets)
  if #text <= LONGEST_TEXT then return text, text.sub end
  local longest = secrets[1] and #secrets[1] or 0
  return text:sub(1, LONGEST_TEXT), function(redacted)
    return redacted:sub(1, math.max(0, #redacted - longest * LONGEST_SPELLING))
  end
end

--- Takes secrets out of a text.
-- @param text string, or anything else, which is returned as it is. Of a very long one the beginning
--   is kept
-- @param options table of the call's options, or nil: its secrets and addresses are replaced, and
--   whatever looks like a bearer token or an e-mail address
-- @param more string, list of strings or nil: further secrets, such as the bearer token that was sent
-- @return the text with "[redacted]" in their place
function redact.text(text, options, more)
  if type(text) ~= "string" then return text end
  local secrets = redact.secrets(options, more)
  local finish
  text, finish = shorten(text, secrets)
  local escapes = text:find("[\\%%&+]") ~= nil
  for _, secret in ipairs(secrets) do
    text = hide(text, secret)
    if escapes then text = hide_spelled(text, secret) end
  end
  -- Looking for a word first is much quicker than a pattern, and most texts have none of them.
  if text:find("eyJ", 1, true) or text:lower():find("bearer", 1, true) then
    for _, pattern in ipairs(TOKEN_PATTERNS) do text = text:gsub(pattern, HIDDEN) end
  end
  for _, form in ipairs(ADDRESS_FORMS) do text = hide_addresses(text, form) end
  return finish(text, 1)
end

-- What moves the cursor, or turns the text after it around: control characters of ASCII and of Latin 1
-- (U+009B is what `ESC [` is short for), line and paragraph separators, embeddings and isolates of
-- bidirectional text.
local MOVERS = { "[%c%s]+", "\xc2[\x80-\x9f]", "\xe2\x80[\xa8-\xae]", "\xe2\x81[\xa6-\xa9]" }

--- The same, as one line for people: what could move a terminal's cursor becomes blanks, what is no UTF-8
--- question marks, and `limit` bytes are kept.
function redact.line(text, limit, options, more)
  text = redact.text(text, options, more)
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", "?") end
  if text:find("%c") or text:find("  ", 1, true) or text:find("[\x80-\xff]") then
    for _, pattern in ipairs(MOVERS) do text = text:gsub(pattern, " ") end
  end
  return text:sub(1, limit)
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
