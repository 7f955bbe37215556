-- Makes text of the service safe to show: printable, on one line, and without secrets and e-mail addresses (see
-- csrc/redact.h). All text that leaves a decoded document passes here.

local core = require "cpp.core"

local LONGEST_TEXT = 8192 -- bytes that are kept of a text without a limit of its own: as many as a URL has
local LONGEST_DOCUMENT = 8192 -- bytes that are searched in all texts of a document

local redact = {
  --- Makes a text safe to show.
  -- @param text string, or nil, which is returned
  -- @param limit integer: the bytes to keep
  -- @param secrets list or nil: texts to replace, in addition to bearer tokens and e-mail addresses; see auth.secrets.
  --   Values that are not strings are skipped; the field `emails` holds addresses, like the option
  -- @return printable text on one line, with "[redacted]" for each secret
  line = core.redact,
}

--- A copy of a decoded document, with its names and values made safe to show.
function redact.document(value, secrets)
  return core.redact(value, LONGEST_DOCUMENT, secrets)
end

-- [document] = list of the secrets in the request to which it is the response.
local known = setmetatable({}, { __mode = "k" })

--- Remembers the secrets to remove from a document when it is shown, as long as the document lives.
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
