-- What the rows of spec/faults/responses share: the expectations, and the list that a file of rows fills.
--
--   local list = rows.list "framing"                       -- the class of its rows
--   list:add("a name", "HTTP/1.1 200 OK\r\n...", rows.REFUSED)
--
-- The bytes of a row are one string, which is sent at once, or a list of steps: tables with one of these keys. One `send` is
-- one TLS record (up to 8 KiB). After the last step the server reads the next request of the connection.
--
--   send = bytes                 pause = seconds
--   each = bytes, every = seconds (default 0)              one write for each byte
--   endless = bytes              the same bytes until the client has gone
--   returned = true              waits until the caller has its result
--   close = true                 ends the connection (over TLS after a close_notify)
--   cut = true, reset = true     ends it with FIN alone, or with RST
--
-- An expectation of a failure:
--   kind, or_kind   of the err; `or_kind` where either is right
--   status          of the err; "none": it has no status; absent: not checked
--   ambiguous       of a POST (default true; "either": not checked). For a GET it is always false
--   body            of the err
--   closed          true: the client closes the connection at once and does not use it again
-- An expectation of a success:
--   result          fields of the result, by name
--   absent          list of fields that the result does not have
--   never           fields that do not have this value
--   or_kind         true: an err of any kind is right too

local rows = {}

--- Framing that cannot be trusted: the status means nothing, and the connection is closed.
rows.REFUSED = { kind = "protocol", status = "none", closed = true }

--- Malformed behind the headers, or more than the bounds allow: the status may be kept.
rows.MALFORMED = { kind = "protocol", closed = true }

--- The connection ends before a status line; and in the status line.
rows.NOTHING = { kind = "network", status = "none" }
rows.PART_OF_STATUS_LINE = { kind = "network", or_kind = "protocol", status = "none" }

--- The connection ends in the headers.
rows.CUT_HEADERS = { kind = "protocol", status = "none" }

--- The response ends too early, or its body is not what it has to be.
function rows.protocol(status)
  return { kind = "protocol", status = status }
end

--- An error status.
function rows.http(status, ambiguous)
  return { kind = "http", status = status, ambiguous = ambiguous }
end

--- The deadline passes.
function rows.late(status)
  return { kind = "timeout", status = status, closed = true }
end

--- The body of a sound response. A cancel that gets it is not canceled yet, which is checked in outcomes.lua.
rows.BODY = '{"status":"running"}'
rows.RUNNING = { result = { state = "running" } }
rows.NOT_CANCELED = { result = { status = 200 }, never = { state = "canceled" } }
rows.SOUND = { POST = { result = { status = 200 } }, GET = rows.RUNNING }
rows.CANCELED = { result = { status = 200, state = "canceled" } }

--- Where an operation is.
function rows.location(id)
  return ("/api/publishers/contoso/offers/contoso-vm/operations/%s?api-version=2017-10-31"):format(id)
end

--- A cancel that is accepted, and names the operation "row".
rows.ACCEPTED = { result = { status = 202, operation_id = "row" } }

--- A response.
-- @param start its status line
-- @param headers list of header lines
-- @param body (may be absent)
function rows.response(start, headers, body)
  local lines = { start, table.unpack(headers) }
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

--- A response of HTTP/1.1 with this status.
function rows.respond(status, headers, body)
  return rows.response(("HTTP/1.1 %d Status"):format(status), headers, body)
end

--- A response with status 200, the body above and these header lines.
function rows.ok(...)
  return rows.respond(200, { ... }, rows.BODY)
end

rows.LENGTH = "Content-Length: " .. #rows.BODY
rows.CHUNKED = "Transfer-Encoding: chunked"

--- A body in one chunk, and the last chunk.
function rows.chunks(body)
  return ("%x\r\n%s\r\n0\r\n\r\n"):format(#body, body)
end

--- A text as the name of a row shows it.
function rows.shown(text)
  return (text:gsub("[%c\x7f-\xff]", function(byte) return ("<%02X>"):format(byte:byte()) end))
end

local List = {}
List.__index = List

--- Adds a row.
-- @param bytes string, or list of steps
-- @param expected of both methods; or table with POST, GET (either may be absent)
-- @param more (may be absent) table of further keys: timeout, max_response_bytes,
--   kept (true: a good request goes before, over the same connection),
--   idle ("stepped" or "untouched": the script goes on when the call has returned), rest (seconds without a call after it),
--   reused (whether the next request goes over the same connection)
function List:add(name, bytes, expected, more)
  local row = { class = self.class, name = name, steps = type(bytes) == "table" and bytes or { { send = bytes } } }
  for key, value in pairs(more or {}) do row[key] = value end
  row.expected = (expected.POST or expected.GET) and expected or { POST = expected, GET = expected }
  self[#self + 1] = row
end

--- Adds a row for each of some texts.
-- @param prefix of the names, before the text
-- @param make function(text) -> bytes
function List:each(prefix, texts, make, expected, more)
  for _, text in ipairs(texts) do self:add(prefix .. rows.shown(text):sub(1, 100), make(text), expected, more) end
end

--- Makes a list of rows.
function rows.list(class)
  return setmetatable({ class = class }, List)
end

return rows
