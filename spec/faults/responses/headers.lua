-- Responses with a header line that is not one.

local rows = require "spec.faults.responses.rows"

local respond, shown = rows.respond, rows.shown
local LENGTH = rows.LENGTH
local list = rows.list "header line"

list:each("", {
  "X-Broken", "X Broken 1", ".", "X-Broken : 1", "X-Broken\t: 1", ": 1", "X Broken: 1", "Content-Length : 0",
  "Transfer-Encoding\v: chunked", "Location : /op", "X-\xc3\xa9: 1", "<html>", "HTTP/1.1 200 OK", "X-Broken: 1\r",
  "X-Broken: a\rb", "X-Broken: a\rContent-Length: 0", "X\rBroken: 1", "X\0Broken: 1", "X-Broken: a\0b", "X-Broken:\0b",
  " X-Folded: 1", "\tX-Folded: 1", " Content-Length: 0", "X-Folded: 1\r\n a\0b", "X-Folded: 1\r\n a\rb",
}, function(line) return rows.ok(line, LENGTH) end, rows.REFUSED)
list:add("no colon, the last", rows.ok(LENGTH, "X-Broken"), rows.REFUSED)
list:each("a name ", { "(", ")", ",", "/", ";", "<", "=", ">", "?", "@", "[", "\\", "]", "{", "}", '"', "\1", "\127" },
  function(byte) return rows.ok(("X%sBroken: 1"):format(byte), LENGTH) end, rows.REFUSED)

-- RFC 9110, section 5.5: control characters may stay where they are harmless.
for _, byte in ipairs { "\1", "\8", "\v", "\27", "\127" } do
  list:add("a value with " .. shown(byte), rows.ok(("X-Broken: a%sb"):format(byte), LENGTH), rows.SOUND)
  list:add("a value that begins with " .. shown(byte), rows.ok(("X-Broken:%sb"):format(byte), LENGTH), rows.SOUND)
end
for _, byte in ipairs { "\0", "\v", "\r", "\27" } do
  list:add("Content-Length with " .. shown(byte) .. " behind it", rows.ok(LENGTH .. byte), rows.REFUSED)
  list:add("Content-Length with " .. shown(byte) .. " before it", rows.ok(("Content-Length:%s20"):format(byte)), rows.REFUSED)
  list:add("Transfer-Encoding with " .. shown(byte) .. " behind it",
    respond(200, { rows.CHUNKED .. byte }, rows.chunks(rows.BODY)), rows.REFUSED)
end
for _, byte in ipairs { "\0", "\r" } do
  list:add(shown(byte) .. " in Location", respond(202, { "Location: /op" .. byte .. "/evil", "Content-Length: 0" }), rows.REFUSED)
end
list:add("ESC in Location", respond(202, { "Location: /op\27[2J", "Content-Length: 0" }),
  { POST = { result = { status = 202 }, absent = { "location" } } })

list:each("of an interim response, ", {
  "X-Broken", "X: a\0b", "X : 1", " X: 1", "HTTP/1.1 301: Moved", "HTTP/1.1 202: Accepted\r\nContent-Length: 0",
}, function(line) return respond(103, { line }) .. rows.ok(LENGTH) end, rows.REFUSED)
list:each("a trailer ", { "X-Broken", "X-Broken: a\0b", "X-Broken : 1", "HTTP/1.1 500: x", " X-Folded: 1" }, function(line)
  return respond(200, { rows.CHUNKED }, ("14\r\n%s\r\n0\r\n%s\r\n\r\n"):format(rows.BODY, line))
end, rows.MALFORMED)

return list
