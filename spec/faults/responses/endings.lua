-- Responses that end too early, that stall, and whose chunks are malformed.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local BODY, LENGTH = rows.BODY, rows.LENGTH
local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. rows.CHUNKED .. "\r\n\r\n"
local LATE = 0.25 -- seconds: the deadline of what stalls

local list = rows.list "truncated"

local function and_closes(bytes) return { { send = bytes }, { close = true } } end
local function ends(name, bytes, expected) list:add(name, and_closes(bytes), expected) end

for _, how in ipairs { "close", "cut", "reset" } do
  list:add("before its first byte, " .. how, { { [how] = true } }, rows.NOTHING)
  list:add("before its first byte, on a kept connection, " .. how, { { [how] = true } }, rows.NOTHING, { kept = true })
end
list:each("in the status line: ", {
  "H", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 200", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r", "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 199 Odd\r\n\r\n",
}, and_closes, rows.PART_OF_STATUS_LINE)
list:each("in the headers: ", {
  OK, OK .. "Content-Le", OK .. "Content-Length:", OK .. "Content-Length: 2", OK .. LENGTH .. "\r",
  OK .. "Content-Length: 0\r\n", OK .. "Content-Length: 0\r\n\r",
  "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. "X-A: 1\r\n", "HTTP/1.1 202 Accepted\r\nLocation: /op\r\n",
  "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n",
}, and_closes, rows.CUT_HEADERS)

for _, how in ipairs { "close", "cut", "reset" } do
  for name, bytes in pairs {
    ["before its body"] = OK .. LENGTH .. "\r\n\r\n", ["in its body"] = OK .. LENGTH .. "\r\n\r\n" .. BODY:sub(1, -2),
    ["in a chunk"] = CHUNKED .. "14\r\n" .. BODY:sub(1, 10), ["before the last chunk"] = CHUNKED .. "14\r\n" .. BODY .. "\r\n",
    ["in JSON that the connection delimits"] = OK .. "\r\n" .. BODY:sub(1, 10),
  } do
    -- The client reads what was sent before a reset arrives: one turn of the loop is enough.
    list:add(name .. ", " .. how, { { send = bytes }, { pause = 0.002 }, { [how] = true } }, rows.protocol(200))
  end
end
list:each("in its chunks: ", {
  "", "1", "14\r\n", "14;a=", "14\r\n" .. BODY .. "\r", "14\r\n" .. BODY .. "\r\n0", "14\r\n" .. BODY .. "\r\n0\r\n",
  "14\r\n" .. BODY .. "\r\n0\r\n\r",
}, function(bytes) return and_closes(CHUNKED .. bytes) end, rows.protocol(200))
ends("in a trailer", CHUNKED .. "14\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1", rows.protocol())
ends("no chunk of an accepted cancel", respond(202, { "Location: /op", rows.CHUNKED }), { POST = rows.protocol(202) })
ends("in the body of an accepted cancel", respond(202, { "Location: /op", LENGTH }, "{"), { POST = rows.protocol(202) })
-- Without a length, an empty body cannot be told from one that was cut (RFC 9112, section 9.8).
for _, how in ipairs { "close", "cut" } do
  list:add("an empty body that the connection delimits, " .. how,
    { { send = OK .. "\r\n" }, { pause = 0.002 }, { [how] = true } }, rows.protocol(200))
end

for status, ambiguous in pairs { [400] = false, [403] = false, [409] = false, [500] = true, [502] = true } do
  for name, row in pairs { ["length"] = { "Content-Length: 1000", "<html>" }, ["chunks"] = { rows.CHUNKED, "ff\r\n<html>" } } do
    local expected = rows.http(status, ambiguous)
    expected.body = "<html>"
    ends(("the body of status %d, %s"):format(status, name), respond(status, { row[1] }, row[2]), expected)
  end
end

list.class = "stall"

-- Mostly of a POST: each waits until its deadline, which no handshake takes time of.
local STALLED = { timeout = LATE, kept = true }
local function as_is(bytes) return bytes end
list:each("", {
  "", "HTTP/1.1 2", OK .. "Content-Le", OK .. "Content-Length: 0\r\n", OK .. "Content-Length: 0\r\n\r",
  "HTTP/1.1 100 Continue\r\n\r\n",
}, as_is, { POST = rows.late "none" }, STALLED)
list:each("", {
  OK .. LENGTH .. "\r\n\r\n", OK .. LENGTH .. "\r\n\r\n" .. BODY:sub(1, -2), CHUNKED, CHUNKED .. "14\r\n" .. BODY:sub(1, 5),
  CHUNKED .. "14\r\n" .. BODY .. "\r\n0\r\n", OK .. "\r\n" .. BODY,
}, as_is, { POST = rows.late(200) }, STALLED)
list:add("in the body of a GET", respond(200, { LENGTH }, "{"), { GET = rows.late(200) }, STALLED)
for name, row in pairs {
  ["header drips"] = { OK .. "X-Drip: ", ("x"):rep(100), "none" },
  ["body drips"] = { OK .. "Content-Length: 100\r\n\r\n", (" "):rep(100), 200 },
  ["interim responses drip"] = { "", ("HTTP/1.1 102 Processing\r\n\r\n"):rep(4), "none" },
} do
  list:add("the " .. name, { { send = row[1] }, { each = row[2], every = 0.01 } }, { POST = rows.late(row[3]) }, STALLED)
end

list.class = "chunk"

list:each("", {
  "xyz\r\n{}", "\r\n{}", "-14\r\n" .. BODY, "+14\r\n" .. BODY, "0x14\r\n" .. BODY, " 14\r\n" .. BODY, '"14"\r\n' .. BODY,
  "10000000000000014\r\n" .. BODY, "ffffffffffffffff\r\n" .. BODY, "14 garbage\r\n" .. BODY, "14xyz\r\n" .. BODY,
  "2\r\n" .. BODY, "16\r\n" .. BODY, "14\r" .. BODY, "14\0\r\n" .. BODY, "14\r\n" .. BODY .. "\r\n-0\r\n\r\n",
  "14\r\n" .. BODY .. "0\r\n\r\n", BODY, "0x",
}, function(bytes)
  local last = bytes:find "\r\n\r\n$" and "" or "\r\n0\r\n\r\n"
  return { { send = CHUNKED .. bytes .. last }, { pause = 0.05 }, { close = true } }
end, { kind = "protocol" })

return list
