-- Responses without an end, or with more than the bounds allow: they end as `protocol` within a second.
-- Header lines: 256 KiB. What arrives: max_response_bytes + 256 KiB.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local KIB = 1024
local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. rows.CHUNKED .. "\r\n\r\n"
local GZIP = OK .. "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
local MAGIC = "\x1f\x8b\8"
local EMPTY_BLOCK = "\0\0\0\xff\xff" -- a stored deflate block without a byte: RFC 1951, section 3.2.4

local list = rows.list "bound"

local function endless(name, head, repeated, expected, more)
  local own = { max_response_bytes = 64 * KIB }
  for key, value in pairs(more or {}) do own[key] = value end
  list:add("endless " .. name, { { send = head }, { endless = repeated } }, expected or rows.MALFORMED, own)
end

endless("interim responses", "", "HTTP/1.1 102 Processing\r\n\r\n")
endless("interim responses with headers", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Interim: 1\r\n\r\n")
endless("header lines", OK, "X-Flood: " .. ("x"):rep(100) .. "\r\n")
endless("header lines of one letter", OK, "X:\r\n")
endless("header lines of an interim response", "HTTP/1.1 103 Early Hints\r\n", "X-Flood: 1\r\n")
endless("header line", OK .. "X-Long: ", "x")
endless("header line of blanks", OK .. "X-Long:", " ")
endless("header name", OK .. "X", "x")
endless("folded lines", OK .. "X-Folded: 1\r\n", " folded\r\n")
endless("folded blank lines", OK .. "X-Folded: 1\r\n", " \r\n")
endless("reason phrase", "HTTP/1.1 200 ", "OK ")
endless("status digits", "HTTP/1.1 2", "0")
endless("blank lines first", "", "\r\n")
endless("LF first", "", "\n")
endless("text without a line end", "", "x")
endless("zeros in a length", OK .. "Content-Length: ", "0")
endless("same lengths", OK, rows.LENGTH .. "\r\n")

endless("chunk extension", CHUNKED .. "14;a=", "x")
endless("chunk extensions", CHUNKED, "1;" .. ("x"):rep(2000) .. "\r\n \r\n")
endless("zeros in a chunk size", CHUNKED, "0")
endless("blanks behind a chunk size", CHUNKED .. "14", " ")
endless("chunks of one byte", CHUNKED, "1\r\n \r\n")
endless("trailers", CHUNKED .. "14\r\n" .. rows.BODY .. "\r\n0\r\n", "X-Trailer: 1\r\n")
endless("trailer", CHUNKED .. "14\r\n" .. rows.BODY .. "\r\n0\r\nX-Trailer: ", "x")
endless("extension of the last chunk", CHUNKED .. "14\r\n" .. rows.BODY .. "\r\n0;a=", "x")

endless("gzip file name", GZIP .. MAGIC .. "\8\0\0\0\0\0\3", "x")
endless("gzip comment", GZIP .. MAGIC .. "\16\0\0\0\0\0\3", "x")
endless("empty deflate blocks", GZIP .. MAGIC .. "\0\0\0\0\0\0\3", EMPTY_BLOCK)
endless("empty deflate blocks of a zlib stream", OK .. "Content-Encoding: deflate\r\n\r\n\x78\x9c", EMPTY_BLOCK)
endless("empty gzip members", GZIP, rows.gzip "")
endless("gzip file name in chunks", OK .. "Content-Encoding: gzip\r\n" .. rows.CHUNKED .. "\r\n\r\na\r\n" .. MAGIC
  .. "\8\0\0\0\0\0\3\r\n", "400\r\n" .. ("x"):rep(1024) .. "\r\n")
endless("empty deflate blocks in chunks", OK .. "Content-Encoding: gzip\r\n" .. rows.CHUNKED .. "\r\n\r\na\r\n" .. MAGIC
  .. "\0\0\0\0\0\0\3\r\n", "500\r\n" .. EMPTY_BLOCK:rep(256) .. "\r\n")
endless("gzip file name in a body of a large length", OK .. "Content-Encoding: gzip\r\nContent-Length: 9000000000\r\n\r\n" .. MAGIC
  .. "\8\0\0\0\0\0\3", "x")

local LARGE = { kind = "protocol", status = 200, closed = true }
endless("body that the connection delimits", OK .. "\r\n", "x", LARGE)
endless("body of the largest length", OK .. "Content-Length: 9223372036854775807\r\n\r\n", "x", LARGE)
endless("body in chunks", CHUNKED, "1000\r\n" .. ("x"):rep(4096) .. "\r\n", LARGE)
endless("blanks as JSON", OK .. "Content-Type: application/json\r\n\r\n", " ", LARGE)
endless("body, with the default bound", OK .. "\r\n", ("x"):rep(8192), LARGE, { max_response_bytes = 4 * 1024 * KIB })
endless("body of an error", "HTTP/1.1 403 Forbidden\r\n\r\n", "x", { kind = "http", status = 403, ambiguous = false })

-- Around the bounds.
local function body_of(size, max)
  return respond(200, { "Content-Length: " .. size }, rows.BODY .. (" "):rep(size - #rows.BODY)),
    { max_response_bytes = max }
end
local fits, more = body_of(1000, 1000)
list:add("a body of max_response_bytes", fits, rows.SOUND, more)
fits, more = body_of(1001, 1000)
list:add("a body of one byte more", fits, { kind = "protocol", status = 200 }, more)

local function lines_of(size)
  return (("X-Line: " .. ("x"):rep(1014) .. "\r\n"):rep(size // KIB)) -- of 1 KiB each
end
local tail = rows.LENGTH .. "\r\n\r\n" .. rows.BODY
list:add("header lines of 200 KiB", OK .. lines_of(200 * KIB) .. tail, rows.SOUND)
list:add("header lines of 257 KiB", OK .. lines_of(257 * KIB) .. tail, rows.MALFORMED)
list:add("header lines of 300 KiB in three interim responses",
  ("HTTP/1.1 103 Early Hints\r\n" .. lines_of(100 * KIB) .. "\r\n"):rep(3) .. OK .. tail, rows.MALFORMED)
list:add("header lines of 200 KiB and trailers of 100 KiB",
  OK .. lines_of(200 * KIB) .. rows.CHUNKED .. "\r\n\r\n14\r\n" .. rows.BODY
  .. "\r\n0\r\n" .. lines_of(100 * KIB) .. "\r\n", rows.MALFORMED)
list:add("trailers of 257 KiB", CHUNKED .. "14\r\n" .. rows.BODY .. "\r\n0\r\n" .. lines_of(257 * KIB) .. "\r\n", rows.MALFORMED)

return list
