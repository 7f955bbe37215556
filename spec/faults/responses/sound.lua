-- Odd responses that are sound, and have to be accepted.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local BODY, LENGTH, CHUNKED = rows.BODY, rows.LENGTH, rows.CHUNKED
local OK = "HTTP/1.1 200 OK\r\n"
local TAIL = LENGTH .. "\r\n\r\n" .. BODY
local INTERIM = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

local list = rows.list "sound"

local function accept(name, bytes) list:add(name, bytes, rows.SOUND) end

accept("nothing odd", OK .. TAIL)
accept("an interim response", "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. TAIL)
accept("six interim responses", INTERIM:rep(3) .. OK .. TAIL)
accept("an interim response of HTTP/1.0", "HTTP/1.0 100 Continue\r\n\r\n" .. OK .. TAIL)
accept("interim responses in writes of their own", { { send = INTERIM }, { pause = 0.005 }, { send = INTERIM },
  { pause = 0.005 }, { send = OK .. TAIL } })
accept("a folded header", OK .. "X-Folded: one\r\n two\r\n\tthree\r\n" .. TAIL)
accept("a folded header of an interim response", "HTTP/1.1 103 Early Hints\r\nLink: </a>,\r\n </b>\r\n\r\n" .. OK .. TAIL)
accept("a folded header after Content-Length", OK .. LENGTH .. "\r\nX-Folded: one\r\n two\r\n\r\n" .. BODY)
accept("a folded line that looks like Content-Length", OK .. "X-Folded: one\r\n Content-Length: 5\r\n" .. TAIL)
accept("a folded line that looks like Transfer-Encoding", OK .. "X-Folded: one\r\n\tTransfer-Encoding: chunked\r\n" .. TAIL)
accept("the same length twice", OK .. LENGTH .. "\r\n" .. TAIL)
accept("the same length twice, with zeros in front", OK .. ("Content-Length: %040d\r\n"):format(20) .. TAIL)
accept("the same length three times, other lines between",
  OK .. LENGTH .. "\r\nX-A: 1\r\n" .. LENGTH:lower() .. "\r\nX-B: 1\r\n" .. TAIL)
accept("a length with zeros in front", OK .. "Content-Length: 00020\r\n\r\n" .. BODY)
accept("HTTP/1.0 with a length", { { send = "HTTP/1.0 200 OK\r\n" .. TAIL }, { close = true } })
accept("HTTP/1.0 without a length", { { send = "HTTP/1.0 200 OK\r\n\r\n" .. BODY }, { close = true } })
accept("HTTP/1.0 that keeps the connection", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" .. TAIL)
accept("lines that end with LF", ((OK .. TAIL):gsub("\r\n", "\n")))
accept("some lines that end with LF", OK .. "X-A: 1\nX-B: 2\r\n" .. TAIL)
accept("no reason phrase", "HTTP/1.1 200\r\n" .. TAIL)
accept("an empty reason phrase", "HTTP/1.1 200 \r\n" .. TAIL)
accept("a reason phrase that begins with a blank", "HTTP/1.1 200  OK\r\n" .. TAIL)
accept("a reason phrase with HTAB", "HTTP/1.1 200 a\tb\r\n" .. TAIL)
accept("a reason phrase of bytes above 127", "HTTP/1.1 200 \xc3\xa4\xff\x80\r\n" .. TAIL)
accept("a reason phrase of 8 KiB", "HTTP/1.1 200 " .. ("OK "):rep(2730) .. "\r\n" .. TAIL)
accept("header names in small letters", OK .. "content-type: application/json\r\n" .. LENGTH:lower() .. "\r\n\r\n" .. BODY)
accept("header names in capitals", OK .. LENGTH:upper() .. "\r\n\r\n" .. BODY)
for name, value in pairs { ["no blank"] = "20", ["blanks"] = "   20  ", ["HTAB"] = "\t20\t", ["both"] = " \t 20 \t" } do
  accept("a length with " .. name .. " around it", OK .. "Content-Length:" .. value .. "\r\n\r\n" .. BODY)
end
accept("a header with an empty value", OK .. "X-Empty:\r\n" .. TAIL)
accept("a header with HTAB in its value", OK .. "X-Tab: a\tb\r\n" .. TAIL)
accept("a header with bytes above 127", OK .. "X-Text: \x80\xc3\xa4\xff\r\n" .. TAIL)
accept("a header with all characters of a token", OK .. "!#$%&'*+-.^_`|~09azAZ: 1\r\n" .. TAIL)
accept("a header with colons in its value", OK .. "X-Colons: :a::b:\r\n" .. TAIL)
accept("a header line of 60 KB", OK .. "X-Long: " .. ("x"):rep(60000) .. "\r\n" .. TAIL)
accept("a first header line of 40 KB of blanks", OK .. "X-Long: a" .. (" "):rep(40000) .. "b\r\n" .. TAIL)
accept("500 header lines", OK .. ("X-Many: 1\r\n"):rep(500) .. TAIL)
accept("headers that look like Content-Length and Transfer-Encoding",
  OK .. "Content_Length: 5\r\nX-Content-Length: 6\r\nTransfer_Encoding: chunked\r\nContent-Lengths: 7\r\n" .. TAIL)
accept("a header that is named like a status line", OK .. "HTTP: 1.1 404 Not Found\r\n" .. TAIL)
accept("delimited by the connection", { { send = OK .. "\r\n" .. BODY }, { close = true } })
accept("delimited by the connection, with Connection: close", { { send = OK .. "Connection: close\r\n\r\n" .. BODY },
  { close = true } })
accept("delimited by the connection, in three writes", { { send = OK }, { send = "\r\n" .. BODY:sub(1, 9) },
  { pause = 0.005 }, { send = BODY:sub(10) },
  { close = true } })
accept("a length, and the connection ends", { { send = OK .. "Connection: close\r\n" .. TAIL }, { close = true } })
accept("a length, and the connection does not end", OK .. "Connection: close\r\n" .. TAIL)

local function chunked(name, chunks, coding)
  accept("chunks: " .. name, OK .. (coding or CHUNKED) .. "\r\n\r\n" .. chunks)
end
chunked("one", rows.chunks(BODY))
chunked("of one byte each", BODY:gsub(".", "1\r\n%0\r\n") .. "0\r\n\r\n")
chunked("extensions", "14;a=b;c=\"d e\"\r\n" .. BODY .. "\r\n0;last\r\n\r\n")
chunked("trailers", "14\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n")
chunked("a trailer that looks like Content-Length", "14\r\n" .. BODY .. "\r\n0\r\nContent-Length: 1\r\n\r\n")
chunked("a size in capitals", "0014\r\n" .. BODY .. "\r\n000\r\n\r\n")
chunked("sizes with letters", ("A\r\n%s\r\na\r\n%s\r\n0\r\n\r\n"):format(BODY:sub(1, 10), BODY:sub(11)))
chunked("sizes of 16 digits", ("0"):rep(14) .. "14\r\n" .. BODY .. "\r\n" .. ("0"):rep(16) .. "\r\n\r\n")
chunked("zeros in front", "00000014\r\n" .. BODY .. "\r\n00000000\r\n\r\n")
chunked("the coding in capitals", rows.chunks(BODY), CHUNKED:upper())
chunked("the coding between blanks", rows.chunks(BODY), "Transfer-Encoding: \t chunked \t")
chunked("a folded header beside", rows.chunks(BODY), "X-A: 1\r\n 2\r\n" .. CHUNKED .. "\r\nX-B: 1\r\n 2")

accept("the coding identity", respond(200, { "Content-Encoding: identity", LENGTH }, BODY))

-- The writes do not matter.
local whole = respond(200, { "X-A: 1", LENGTH }, BODY)
accept("byte by byte", { { each = whole } })
accept("chunks byte by byte", { { each = respond(200, { CHUNKED }, "14;a=b\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1\r\n\r\n") } })
accept("an interim response byte by byte", { { each = INTERIM .. whole } })
for name, place in pairs {
  ["in the status line"] = 10, ["in its CRLF"] = 16, ["behind it"] = 17, ["in Content-Length"] = whole:find("20\r", 1, true),
  ["in the blank line"] = whole:find("\r\n\r\n", 1, true) + 2, ["before the body"] = #whole - #BODY, ["in the body"] = #whole - 5,
} do
  accept("two writes, cut " .. name, { { send = whole:sub(1, place) }, { pause = 0.005 }, { send = whole:sub(place + 1) } })
end

local function post(name, bytes, expected) list:add(name, bytes, { POST = expected }) end
local LOCATION = "Location: " .. rows.location "row"
post("a 202 with a folded request id", respond(202, { LOCATION, "x-ms-request-id: first", " second", "Content-Length: 0" }),
  { result = { status = 202, operation_id = "row", request_id = "first second" } })
post("a 202 with Location", respond(202, { LOCATION, "Content-Length: 0" }), rows.ACCEPTED)
post("a 202 with Operation-Location", respond(202, { "Operation-" .. LOCATION, "Content-Length: 0" }), rows.ACCEPTED)
post("a 202 with Location and JSON", respond(202, { LOCATION, LENGTH }, BODY), rows.ACCEPTED)
post("a 202 without Location", respond(202, { "Content-Length: 0" }), { result = { status = 202 }, absent = { "location" } })
post("a 202 in chunks", respond(202, { LOCATION, CHUNKED }, rows.chunks(BODY)), rows.ACCEPTED)
post("a 202 of HTTP/1.0", { { send = rows.response("HTTP/1.0 202 Accepted", { LOCATION }) }, { close = true } }, rows.ACCEPTED)
post("a 201 with Location", respond(201, { LOCATION, "Content-Length: 0" }), { result = { status = 201, operation_id = "row" } })
post("a 204 with length 0", respond(204, { "Content-Length: 0" }), { result = { status = 204 } })
return list
