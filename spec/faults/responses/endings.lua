-- Responses that end too early, that stall, and whose chunks are malformed.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local BODY, LENGTH = rows.BODY, rows.LENGTH
local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. rows.CHUNKED .. "\r\n\r\n"
local GZIPPED = rows.gzip(BODY)
local LATE = 0.25 -- seconds: the deadline of what stalls

local cut = rows.list "truncated"

local function ends(name, bytes, expected, more)
  cut:add(name, { { send = bytes }, { close = true } }, expected, more)
end

for _, how in ipairs { "close", "cut", "reset" } do
  cut:add("before its first byte, " .. how, { { [how] = true } }, rows.NOTHING)
  cut:add("before its first byte, on a kept connection, " .. how, { { [how] = true } }, rows.NOTHING, { kept = true })
end
for _, line in ipairs {
  "H", "HTTP", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 200", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r",
} do
  ends("in the status line: " .. rows.shown(line), line, rows.PART_OF_STATUS_LINE)
end
ends("after an interim response", "HTTP/1.1 100 Continue\r\n\r\n", rows.PART_OF_STATUS_LINE)
ends("after the last interim status that there is", "HTTP/1.1 199 Odd\r\n\r\n", rows.PART_OF_STATUS_LINE)
ends("after three interim responses", ("HTTP/1.1 102 Processing\r\n\r\n"):rep(3), rows.PART_OF_STATUS_LINE)
for name, bytes in pairs {
  ["after the status line"] = OK, ["in a header name"] = OK .. "Content-Le", ["after a header name"] = OK .. "Content-Length:",
  ["in Content-Length"] = OK .. "Content-Length: 2", ["in the line end of a header"] = OK .. LENGTH .. "\r",
  ["after a header line"] = OK .. "Content-Length: 0\r\n", ["in the blank line"] = OK .. "Content-Length: 0\r\n\r",
  ["in the headers of the response after an interim one"] = "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. "X-A: 1\r\n",
  ["after Location"] = "HTTP/1.1 202 Accepted\r\nLocation: /op\r\n",
} do
  ends(name, bytes, rows.CUT_HEADERS)
end
ends("in the headers of an error", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", rows.CUT_HEADERS)

for _, how in ipairs { "close", "cut", "reset" } do
  for name, bytes in pairs {
    ["before its body"] = OK .. LENGTH .. "\r\n\r\n", ["in its body"] = OK .. LENGTH .. "\r\n\r\n" .. BODY:sub(1, 10),
    ["one byte before the end of its body"] = OK .. LENGTH .. "\r\n\r\n" .. BODY:sub(1, -2),
    ["in a chunk"] = CHUNKED .. "14\r\n" .. BODY:sub(1, 10), ["before the last chunk"] = CHUNKED .. "14\r\n" .. BODY .. "\r\n",
    ["in JSON that the connection delimits"] = OK .. "\r\n" .. BODY:sub(1, 10),
  } do
    -- The client reads what was sent before a reset arrives: one turn of the loop is enough.
    cut:add(name .. ", " .. how, { { send = bytes }, { pause = 0.002 }, { [how] = true } }, rows.protocol(200))
  end
end
for name, bytes in pairs {
  ["before the first chunk"] = "", ["in a chunk size"] = "1", ["after a chunk size"] = "14\r\n", ["in a chunk size line"] = "14;a=",
  ["in the CRLF of a chunk"] = "14\r\n" .. BODY .. "\r", ["in the last chunk"] = "14\r\n" .. BODY .. "\r\n0",
  ["after the last chunk"] = "14\r\n" .. BODY .. "\r\n0\r\n", ["in the blank line at the end"] = "14\r\n" .. BODY .. "\r\n0\r\n\r",
  ["in a trailer"] = "14\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1",
} do
  ends("chunks, " .. name, CHUNKED .. bytes, rows.protocol(name == "in a trailer" and nil or 200))
end
ends("no chunk of an accepted cancel", respond(202, { "Location: /op", rows.CHUNKED }), rows.protocol(202),
  { method = "POST" })
ends("in the body of an accepted cancel", respond(202, { "Location: /op", LENGTH }, "{"), rows.protocol(202),
  { method = "POST" })
for name, headers in pairs { ["a length"] = { "Content-Length: " .. #GZIPPED }, ["the connection"] = { "Connection: close" } } do
  ends("in gzip that " .. name .. " delimits", respond(200, { "Content-Encoding: gzip", table.unpack(headers) },
    GZIPPED:sub(1, 15)), rows.protocol(200))
end
ends("in gzip, all chunks there", respond(200, { "Content-Encoding: gzip", rows.CHUNKED }, rows.chunks(GZIPPED:sub(1, 15))),
  rows.protocol(200))
-- Without a length, an empty body cannot be told from one that was cut (RFC 9112, section 9.8).
for name, ending in pairs { ["close"] = "close", ["no close_notify"] = "cut" } do
  cut:add("an empty body that the connection delimits, " .. name,
    { { send = OK .. "\r\n" }, { pause = 0.002 }, { [ending] = true } }, rows.protocol(200))
end

local UNCLEAR = { [408] = true, [500] = true, [502] = true, [504] = true }
for _, status in ipairs { 400, 403, 404, 409, 500, 502, 504 } do
  for name, row in pairs { ["length"] = { "Content-Length: 1000", "<html>" }, ["chunks"] = { rows.CHUNKED, "ff\r\n<html>" } } do
    ends(("the body of status %d, %s"):format(status, name), respond(status, { row[1] }, row[2]),
      rows.http(status, UNCLEAR[status] or false))
  end
end

local late = rows.list "stall"

-- Mostly of a POST: each waits until its deadline.
local function stalls(name, bytes, status)
  late:add(name, { { send = bytes } }, rows.late(status), { timeout = LATE, method = "POST" })
end
stalls("before its first byte", "", "none")
stalls("in the status line", "HTTP/1.1 2", "none")
stalls("in a header line", OK .. "Content-Le", "none")
stalls("before the blank line", OK .. "Content-Length: 0\r\n", "none")
stalls("in the blank line", OK .. "Content-Length: 0\r\n\r", "none")
stalls("after an interim response", "HTTP/1.1 100 Continue\r\n\r\n", "none")
stalls("before its body", OK .. LENGTH .. "\r\n\r\n", 200)
stalls("one byte before the end", OK .. LENGTH .. "\r\n\r\n" .. BODY:sub(1, -2), 200)
stalls("before the first chunk", CHUNKED, 200)
stalls("in a chunk", CHUNKED .. "14\r\n" .. BODY:sub(1, 5), 200)
stalls("before the last chunk", CHUNKED .. "14\r\n" .. BODY .. "\r\n", 200)
stalls("in the blank line of the trailers", CHUNKED .. "14\r\n" .. BODY .. "\r\n0\r\n", 200)
stalls("where the connection delimits the body", OK .. "\r\n" .. BODY, 200)
stalls("in a gzip body", OK .. ("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"):format(#GZIPPED) .. GZIPPED:sub(1, 12), 200)
late:add("in the status line of a GET", "HTTP/1.1 2", rows.late "none", { timeout = LATE, method = "GET", transport = "http" })
late:add("in the body of a GET", respond(200, { LENGTH }, "{"), rows.late(200), { timeout = LATE, method = "GET" })
for name, row in pairs {
  ["header drips"] = { OK .. "X-Drip: ", ("x"):rep(100), "none" },
  ["body drips"] = { OK .. "Content-Length: 100\r\n\r\n", (" "):rep(100), 200 },
  ["interim responses drip"] = { "", ("HTTP/1.1 102 Processing\r\n\r\n"):rep(4), "none" },
} do
  late:add("the " .. name, { { send = row[1] }, { each = row[2], every = 0.01 } }, rows.late(row[3]),
    { timeout = LATE, method = "POST" })
end

local chunk = rows.list "chunk"

for name, bytes in pairs {
  ["size of no digit"] = "xyz\r\n{}\r\n0\r\n\r\n", ["empty size"] = "\r\n{}\r\n0\r\n\r\n",
  ["negative size"] = "-14\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["size with a plus"] = "+14\r\n" .. BODY .. "\r\n0\r\n\r\n", ["size 0x14"] = "0x14\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["size with a blank before it"] = " 14\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["size in quotes"] = '"14"\r\n' .. BODY .. "\r\n0\r\n\r\n",
  ["size above 64 bits"] = "10000000000000014\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["size of 64 bits"] = "ffffffffffffffff\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["size with text behind it"] = "14 garbage\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["size with letters behind it"] = "14xyz\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["longer than its size"] = "2\r\n" .. BODY .. "\r\n0\r\n\r\n", ["shorter than its size"] = "16\r\n" .. BODY .. "\r\n0\r\n\r\n",
  ["no CRLF behind it"] = "14\r\n" .. BODY .. "0\r\n\r\n", ["CR and no LF behind its size"] = "14\r" .. BODY .. "\r\n0\r\n\r\n",
  ["a NUL behind its size"] = "14\0\r\n" .. BODY .. "\r\n0\r\n\r\n", ["last chunk of -0"] = "14\r\n" .. BODY .. "\r\n-0\r\n\r\n",
  ["no chunks, but JSON"] = BODY, ["a last chunk 0x"] = "0x\r\n\r\n",
} do
  chunk:add(name, { { send = CHUNKED .. bytes }, { pause = 0.05 }, { close = true } }, { kind = "protocol" })
end

local all = {}
for _, list in ipairs { cut, late, chunk } do
  for _, row in ipairs(list) do all[#all + 1] = row end
end
return all
