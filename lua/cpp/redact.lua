-- Text of the service, made fit to be shown: all of its text that leaves a decoded document passes here.
-- It becomes printable, on one line, and without secrets and e-mail addresses: see csrc/redact.h.

local core = require "cpp.core"

local redact = {}

local LONGEST_TEXT = 8192 -- bytes that are kept of a text without a limit of its own: as many as a URL has
local LONGEST_DOCUMENT = 8192 -- bytes that are searched in all texts of a document

--- A text as it may be shown.
-- @param text string, or anything else, which is returned as it is
-- @param limit integer: bytes that are kept; less than 1: none, as in a column beyond the edge of a terminal
-- @param secrets list or nil: what is replaced besides whatever looks like a bearer token or an e-mail address. Those
--   of a call: auth.secrets. What is no string in it is skipped; its field `emails` holds addresses, as the option does
-- @return printable text in one line, with "[redacted]" in their place
function redact.line(text, limit, secrets)
  if type(text) ~= "string" then return text end
  if limit < 1 then return "" end
  return core.redact(text, limit, secrets)
end

--- A copy of a decoded document as it may be shown, in its values and in its names.
function redact.document(value, secrets)
  return core.redact(value, LONGEST_DOCUMENT, secrets)
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

-- redact(text, secrets): the usual case.
return setmetatable(redact, {
  __call = function(_, text, secrets) return redact.line(text, LONGEST_TEXT, secrets) end,
})
