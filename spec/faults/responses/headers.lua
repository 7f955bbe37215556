-- Responses with a header line that is not one.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local LENGTH = rows.LENGTH
local list = rows.list "header line"

for name, line in pairs {
  ["no colon"] = "X-Broken", ["no colon, blanks"] = "X Broken 1", ["no colon, an equals sign"] = "X-Broken=1",
  ["a dot alone"] = ".",
  ["a blank before the colon"] = "X-Broken : 1", ["HTAB before the colon"] = "X-Broken\t: 1",
  ["an empty name"] = ": 1", ["a colon alone"] = ":", ["a blank in the name"] = "X Broken: 1",
  ["Content-Length with a blank before the colon"] = "Content-Length : 0",
  ["Content-Length with HTAB before the colon"] = "Content-Length\t: 0",
  ["Transfer-Encoding with a blank before the colon"] = "Transfer-Encoding : chunked",
  ["Transfer-Encoding with a vertical tab before the colon"] = "Transfer-Encoding\v: chunked",
  ["Location with a blank before the colon"] = "Location : /op",
  ["a name in UTF-8"] = "X-\xc3\xa9: 1", ["a name with a byte above 127"] = "X-\xff: 1",
  ["a web page"] = "<html>", ["a status line"] = "HTTP/1.1 200 OK", ["CR at its end"] = "X-Broken: 1\r",
} do
  list:add(name, rows.ok(line, LENGTH), rows.REFUSED)
end

for byte in ('(),/;<=>?@[\\]{}"'):gmatch "." do
  list:add("a name with " .. byte, rows.ok(("X%sBroken: 1"):format(byte), LENGTH), rows.REFUSED)
end

-- CR and LF make other lines of it: CR has rows of its own.
for _, code in ipairs { 0, 1, 7, 8, 11, 12, 27, 31, 127 } do
  local byte = string.char(code)
  list:add("a name with " .. rows.shown(byte), rows.ok(("X%sBroken: 1"):format(byte), LENGTH), rows.REFUSED)
  -- RFC 9110, section 5.5: NUL is refused; other control characters may stay where they are harmless.
  local expected = code == 0 and rows.REFUSED or rows.SOUND
  list:add("a value with " .. rows.shown(byte), rows.ok(("X-Broken: a%sb"):format(byte), LENGTH), expected)
  list:add("a value that begins with " .. rows.shown(byte), rows.ok(("X-Broken:%sb"):format(byte), LENGTH), expected)
end
list:add("a value with CR", rows.ok("X-Broken: a\rb", LENGTH), rows.REFUSED)
list:add("a value with CR and another header", rows.ok("X-Broken: a\rContent-Length: 0", LENGTH), rows.REFUSED)
list:add("a value of CR", rows.ok("X-Broken: \r", LENGTH), rows.REFUSED)
list:add("a name with CR", rows.ok("X\rBroken: 1", LENGTH), rows.REFUSED)
for _, code in ipairs { 0, 11, 13, 27 } do
  local byte = string.char(code)
  list:add("Content-Length with " .. rows.shown(byte) .. " behind it", rows.ok(LENGTH .. byte), rows.REFUSED)
  list:add("Content-Length with " .. rows.shown(byte) .. " before it", rows.ok(("Content-Length:%s20"):format(byte)), rows.REFUSED)
  list:add("Transfer-Encoding with " .. rows.shown(byte) .. " behind it",
    respond(200, { rows.CHUNKED .. byte }, rows.chunks(rows.BODY)), rows.REFUSED)
end
list:add("NUL in Location", respond(202, { "Location: /op\0/evil", "Content-Length: 0" }), rows.REFUSED)
list:add("ESC in Location", respond(202, { "Location: /op\27[2J", "Content-Length: 0" }),
  { POST = { result = { status = 202 }, absent = { "location" } } })
list:add("CR in Location", respond(202, { "Location: /op\r/evil", "Content-Length: 0" }), rows.REFUSED)

-- The first, the last, and those of an interim response.
list:add("the last without a colon", rows.ok(LENGTH, "X-Broken"), rows.REFUSED)
list:add("of an interim response, no colon", "HTTP/1.1 103 Early Hints\r\nX-Broken\r\n\r\n" .. rows.ok(LENGTH), rows.REFUSED)
list:add("of an interim response, NUL", "HTTP/1.1 103 Early Hints\r\nX: a\0b\r\n\r\n" .. rows.ok(LENGTH), rows.REFUSED)
list:add("of an interim response, a blank before the colon", "HTTP/1.1 100 Continue\r\nX : 1\r\n\r\n" .. rows.ok(LENGTH),
  rows.REFUSED)
list:add("of an interim response, a status line", "HTTP/1.1 100 Continue\r\nHTTP/1.1 301: Moved\r\n\r\nHTTP/0.1 103 Early\r\n\r\n",
  rows.REFUSED)
list:add("of an interim response, a status line that takes its place",
  "HTTP/1.1 100 Continue\r\nHTTP/1.1 202: Accepted\r\nContent-Length: 0\r\n\r\n", rows.REFUSED)
list:add("of an interim response, folded first", "HTTP/1.1 103 Early Hints\r\n X: 1\r\n\r\n" .. rows.ok(LENGTH), rows.REFUSED)

for name, fold in pairs {
  ["SP"] = " X-Folded: 1", ["HTAB"] = "\tX-Folded: 1", ["blanks only"] = "  ", ["a length"] = " Content-Length: 0",
} do
  list:add("folded first, " .. name, rows.ok(fold, LENGTH), rows.REFUSED)
end
list:add("folded with NUL", rows.ok("X-Folded: 1", " a\0b", LENGTH), rows.REFUSED)
list:add("folded with CR", rows.ok("X-Folded: 1", " a\rb", LENGTH), rows.REFUSED)

-- Trailers are header lines too.
local function trailers(name, line)
  list:add("a trailer with " .. name, respond(200, { rows.CHUNKED },
    ("14\r\n%s\r\n0\r\n%s\r\n\r\n"):format(rows.BODY, line)), rows.MALFORMED)
end
trailers("no colon", "X-Broken")
trailers("NUL", "X-Broken: a\0b")
trailers("a blank before the colon", "X-Broken : 1")
trailers("a status line", "HTTP/1.1 200 OK")
trailers("a status line with a colon", "HTTP/1.1 500: x")
trailers("a folded first line", " X-Folded: 1")

return list
