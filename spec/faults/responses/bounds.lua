-- Responses without an end, or with more than the bounds allow: they end as `protocol` within a second.
-- Header lines: 256 KiB. What arrives: max_response_bytes + 256 KiB.

local rows = require "spec.faults.responses.rows"

local KIB = 1024
local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. rows.CHUNKED .. "\r\n\r\n"
local LAST_CHUNK = CHUNKED .. "14\r\n" .. rows.BODY .. "\r\n0"

local list = rows.list "bound"

local function endless(name, head, repeated, expected, max)
  list:add("endless " .. name, { { send = head }, { endless = repeated } }, expected or rows.MALFORMED,
    { max_response_bytes = max or 64 * KIB })
end

endless("interim responses", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
endless("header lines", OK, "X-Flood: " .. ("x"):rep(100) .. "\r\n")
endless("header lines of one letter", OK, "X:\r\n")
endless("header lines of an interim response", "HTTP/1.1 103 Early Hints\r\n", "X-Flood: 1\r\n")
endless("header line", OK .. "X-Long: ", "x")
endless("header line of blanks", OK .. "X-Long:", " ")
endless("header name", OK .. "X", "x")
endless("folded lines", OK .. "X-Folded: 1\r\n", " folded\r\n")
endless("reason phrase", "HTTP/1.1 200 ", "OK ")
endless("blank lines first", "", "\r\n")
endless("text without a line end", "", "x")
endless("zeros in a length", OK .. "Content-Length: ", "0")
endless("same lengths", OK, rows.LENGTH .. "\r\n")

endless("chunk extension", CHUNKED .. "14;a=", "x")
endless("chunk extensions", CHUNKED, "1;" .. ("x"):rep(2000) .. "\r\n \r\n")
endless("zeros in a chunk size", CHUNKED, "0")
endless("blanks behind a chunk size", CHUNKED .. "14", " ")
endless("chunks of one byte", CHUNKED, "1\r\n \r\n")
endless("trailers", LAST_CHUNK .. "\r\n", "X-Trailer: 1\r\n")
endless("trailer", LAST_CHUNK .. "\r\nX-Trailer: ", "x")
endless("extension of the last chunk", LAST_CHUNK .. ";a=", "x")
-- A stored deflate block without a byte: RFC 1951, section 3.2.4.
endless("empty gzip blocks", OK .. "Content-Encoding: gzip\r\n\r\n\x1f\x8b\8\0\0\0\0\0\0\3", "\0\0\0\xff\xff")

local LARGE = { kind = "protocol", status = 200, closed = true }
endless("body that the connection delimits", OK .. "\r\n", "x", LARGE)
endless("body of the largest length", OK .. "Content-Length: 9223372036854775807\r\n\r\n", "x", LARGE)
endless("body in chunks", CHUNKED, "1000\r\n" .. ("x"):rep(4096) .. "\r\n", LARGE)
endless("body, with the default bound", OK .. "\r\n", ("x"):rep(8192), LARGE, 4 * KIB * KIB)
endless("body of an error", "HTTP/1.1 403 Forbidden\r\n\r\n", "x", rows.http(403, false))

-- Around the bounds.
for size, expected in pairs { [1000] = rows.SOUND, [1001] = rows.protocol(200) } do
  list:add(("a body of %d bytes, of which 1000 are allowed"):format(size), rows.respond(200, { "Content-Length: " .. size },
    rows.BODY .. (" "):rep(size - #rows.BODY)), expected, { max_response_bytes = 1000 })
end

local function lines_of(size)
  return (("X-Line: " .. ("x"):rep(1014) .. "\r\n"):rep(size // KIB)) -- of 1 KiB each
end
local tail = rows.LENGTH .. "\r\n\r\n" .. rows.BODY
list:add("header lines of 200 KiB", OK .. lines_of(200 * KIB) .. tail, rows.SOUND)
list:add("header lines of 257 KiB", OK .. lines_of(257 * KIB) .. tail, rows.MALFORMED)
list:add("header lines of 300 KiB in three interim responses",
  ("HTTP/1.1 103 Early Hints\r\n" .. lines_of(100 * KIB) .. "\r\n"):rep(3) .. OK .. tail, rows.MALFORMED)
list:add("header lines of 200 KiB and trailers of 100 KiB", OK .. lines_of(200 * KIB) .. rows.CHUNKED .. "\r\n\r\n14\r\n"
  .. rows.BODY .. "\r\n0\r\n" .. lines_of(100 * KIB) .. "\r\n", rows.MALFORMED)
list:add("trailers of one letter, one too many with the header lines", CHUNKED .. "14\r\n" .. rows.BODY .. "\r\n0\r\n"
  .. ("X:\r\n"):rep(998) .. "\r\n", rows.MALFORMED)

return list
