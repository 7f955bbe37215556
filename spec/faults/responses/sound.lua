-- Odd responses that are sound, and have to be accepted.

local rows = require "spec.faults.responses.rows"

local respond, shown = rows.respond, rows.shown
local BODY, LENGTH, CHUNKED = rows.BODY, rows.LENGTH, rows.CHUNKED
local OK = "HTTP/1.1 200 OK\r\n"
local TAIL = LENGTH .. "\r\n\r\n" .. BODY
local INTERIM = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>,\r\n </b>\r\n\r\n"

local list = rows.list "sound"

local function accept(name, bytes) list:add(name, bytes, rows.SOUND) end

accept("nothing odd", OK .. TAIL)
accept("an interim response of HTTP/1.0", "HTTP/1.0 100 Continue\r\n\r\n" .. OK .. TAIL)
accept("six interim responses", INTERIM:rep(3) .. OK .. TAIL)
accept("interim responses in writes of their own", { { send = INTERIM }, { pause = 0.005 }, { send = INTERIM },
  { pause = 0.005 }, { send = OK .. TAIL } })
accept("the same length twice, with zeros in front", OK .. ("Content-Length: %040d\r\n"):format(20) .. TAIL)
accept("the same length three times, other lines between",
  OK .. LENGTH .. "\r\nX-A: 1\r\n" .. LENGTH:lower() .. "\r\nX-B: 1\r\n" .. TAIL)
accept("HTTP/1.0 without a length", { { send = "HTTP/1.0 200 OK\r\n\r\n" .. BODY }, { close = true } })
accept("HTTP/1.0 that keeps the connection", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" .. TAIL)
accept("lines that end with LF", ((OK .. TAIL):gsub("\r\n", "\n")))
accept("some lines that end with LF", OK .. "X-A: 1\nX-B: 2\r\n" .. TAIL)
list:each("a reason phrase: ", { "", " ", "  OK", " a\tb", " \xc3\xa4\xff\x80", " " .. ("OK "):rep(2730) },
  function(reason) return "HTTP/1.1 200" .. reason .. "\r\n" .. TAIL end, rows.SOUND)
local LINES = {
  "X-Folded: one\r\n two\r\n\tthree", "X-Folded: one\r\n Content-Length: 5",
  "X-Folded: one\r\n\tTransfer-Encoding: chunked", "X-Empty:", "X-Tab: a\tb", "X-Text: \x80\xc3\xa4\xff",
  "!#$%&'*+-.^_`|~09azAZ: 1", "X-Colons: :a::b:", "X-Long: " .. ("x"):rep(60000),
  "X-Long: a" .. (" "):rep(40000) .. "b", ("X-Many: 1\r\n"):rep(499) .. "X-Many: 1", "HTTP: 1.1 404 Not Found",
  "Content_Length: 5\r\nX-Content-Length: 6\r\nTransfer_Encoding: chunked\r\nContent-Lengths: 7", "Connection: close",
  "Content-Encoding: identity",
}
list:each("a header line: ", LINES, function(line) return OK .. line .. "\r\n" .. TAIL end, rows.SOUND)
list:each("behind Content-Length, a header line: ", LINES, function(line) return rows.ok(LENGTH, line) end, rows.SOUND)
list:each("a length: ", { LENGTH:upper(), "Content-Length: 00020", "Content-Length:20", "Content-Length: \t 20 \t" },
  function(line) return OK .. line .. "\r\n\r\n" .. BODY end, rows.SOUND)
accept("delimited by the connection, in three writes", { { send = OK }, { send = "\r\n" .. BODY:sub(1, 9) },
  { pause = 0.005 }, { send = BODY:sub(10) }, { close = true } })
accept("a length, and the connection ends", { { send = OK .. "Connection: close\r\n" .. TAIL }, { close = true } })

local function chunked(chunks, coding) accept("chunks: " .. shown(chunks), OK .. (coding or CHUNKED) .. "\r\n\r\n" .. chunks) end
chunked(BODY:gsub(".", "1\r\n%0\r\n") .. "0\r\n\r\n")
chunked("14;a=b;c=\"d e\"\r\n" .. BODY .. "\r\n0;last\r\n\r\n")
chunked("14\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1\r\nContent-Length: 1\r\n\r\n")
chunked(("A\r\n%s\r\na \r\n%s\r\n000\r\n\r\n"):format(BODY:sub(1, 10), BODY:sub(11)))
chunked(("0"):rep(14) .. "14\r\n" .. BODY .. "\r\n" .. ("0"):rep(16) .. "\r\n\r\n")
chunked(rows.chunks(BODY), CHUNKED:upper())
chunked(rows.chunks(BODY), "X-A: 1\r\n 2\r\nTransfer-Encoding: \t chunked \t\r\nX-B: 1\r\n 2")

-- The writes do not matter.
local whole = respond(200, { "X-A: 1", LENGTH }, BODY)
accept("chunks byte by byte", { { each = respond(200, { CHUNKED }, "14;a=b\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1\r\n\r\n") } })
accept("an interim response byte by byte", { { each = INTERIM .. whole } })
local length, blank_line = whole:find("20\r", 1, true), whole:find("\r\n\r\n", 1, true) + 2
for _, place in ipairs { 10, 16, 17, length, blank_line, #whole - #BODY, #whole - 5 } do
  accept("two writes, the first of " .. place,
    { { send = whole:sub(1, place) }, { pause = 0.005 }, { send = whole:sub(place + 1) } })
end

local function post(name, bytes, expected) list:add(name, bytes, { POST = expected }) end
local LOCATION = "Location: " .. rows.location "row"
post("a 202 with a folded request id", respond(202, { LOCATION, "x-ms-request-id: first", " second", "Content-Length: 0" }),
  { result = { status = 202, operation_id = "row", request_id = "first second" } })
post("a 202 with Operation-Location", respond(202, { "Operation-" .. LOCATION, "Content-Length: 0" }), rows.ACCEPTED)
post("a 202 with Location and JSON", respond(202, { LOCATION, LENGTH }, BODY), rows.ACCEPTED)
post("a 202 without Location", respond(202, { "Content-Length: 0" }), { result = { status = 202 }, absent = { "location" } })
post("a 202 of HTTP/1.0", { { send = rows.response("HTTP/1.0 202 Accepted", { LOCATION }) }, { close = true } }, rows.ACCEPTED)
post("a 201 with Location", respond(201, { LOCATION, "Content-Length: 0" }), { result = { status = 201, operation_id = "row" } })
post("a 204 with length 0", respond(204, { "Content-Length: 0" }), { result = { status = 204 } })

return list
