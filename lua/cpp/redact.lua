-- Text of the service, made fit to be shown: all of its text that leaves a decoded document passes here.
-- It becomes printable, on one line, and without secrets and e-mail addresses: see csrc/redact.h.

local core = require "cpp.core"

local redact = {}

local LONGEST_TEXT = 8192 -- bytes that are kept of a text without a limit of its own: as many as a URL has
local LONGEST_DOCUMENT = 64 * 1024 -- bytes that are kept of all texts of a document

--- All that must not be seen: what a call was given, and what else is known. The list may be given as `more` instead
-- of both: a caller that redacts several texts makes it once.
-- @return list of strings: the tokens and secrets first, since the number that is looked for is bounded
function redact.secrets(options, more)
  if type(more) == "table" and more.complete then return more end
  local secrets = { complete = true }
  local function add(secret)
    if type(secret) == "string" then secrets[#secrets + 1] = secret end
  end
  for _, secret in ipairs(type(more) == "table" and more or { more }) do add(secret) end
  if options then
    add(options.client_secret)
    add(options.token)
    local emails = options.emails
    for _, address in ipairs(type(emails) == "table" and emails or { emails }) do
      if type(address) == "string" then
        for one in address:gmatch "[^,]+" do add(one:match "^%s*(.-)%s*$") end
      end
    end
  end
  return secrets
end

--- A text as it may be shown.
-- @param text string, or anything else, which is returned as it is
-- @param limit integer: bytes that are kept
-- @param options table of the call's options, or nil: its secrets and addresses are replaced, and
--   whatever looks like a bearer token or an e-mail address
-- @param more string, list of strings or nil: further secrets, such as the bearer token that was sent
-- @return printable text in one line, with "[redacted]" in their place
function redact.line(text, limit, options, more)
  if type(text) ~= "string" then return text end
  return core.redact(text, limit, redact.secrets(options, more))
end

--- A copy of a decoded document as it may be shown, in its values and in its names.
function redact.document(value, options, more)
  return core.redact(value, LONGEST_DOCUMENT, redact.secrets(options, more))
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
return setmetatable(redact, {
  __call = function(_, text, options, more) return redact.line(text, LONGEST_TEXT, options, more) end,
})
