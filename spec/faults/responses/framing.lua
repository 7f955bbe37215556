-- Responses whose end cannot be told for certain: Content-Length and Transfer-Encoding.
-- https://www.rfc-editor.org/rfc/rfc9112#section-6.3

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local BODY, LENGTH, CHUNKED = rows.BODY, rows.LENGTH, rows.CHUNKED
local list = rows.list "framing"

for _, value in ipairs {
  "+20", "-20", "-1", "-0", "0x14", "0X14", "20abc", "abc", "20.0", "2e1", "20,", ",20", "20, 20", "20,20", "20 20", "2 0",
  "20;", "20; q=1", "20\t20", "20, 0", "0, 20", "0, 0", "20 bytes", '"20"', "'20'", "20%", "{20}", "1_0",
  "\xef\xbc\x92\xef\xbc\x90",
  "99999999999999999999", "9223372036854775808", "18446744073709551616", "18446744073709551636", ("9"):rep(100),
  "1" .. ("0"):rep(300),
} do
  list:add("Content-Length: " .. rows.shown(value), rows.ok("Content-Length: " .. value), rows.REFUSED)
end
list:add("Content-Length without a value", rows.ok "Content-Length:", rows.REFUSED)
list:add("Content-Length of blanks", rows.ok "Content-Length: \t ", rows.REFUSED)

for _, lengths in ipairs {
  { 20, 10 }, { 10, 20 }, { 0, 20 }, { 20, 0 }, { 20, 20, 19 }, { 20, "" }, { "", 20 }, { 20, "x" }, { 20, "20, 20" },
  { "9223372036854775808", "9223372036854775808" },
} do
  local lines = {}
  for i, length in ipairs(lengths) do lines[i] = (i == 2 and "content-length: " or "Content-Length: ") .. length end
  list:add("Content-Length repeated: " .. table.concat(lengths, "; "), rows.ok(table.unpack(lines)), rows.REFUSED)
end
list:add("Content-Length repeated with other lines between", rows.ok("Content-Length: 20", "X-A: 1", "X-B: 2", "Content-Length: 0"),
  rows.REFUSED)

local chunks = rows.chunks(BODY)
for _, value in ipairs {
  "gzip", "gzip, chunked", "gzip,chunked", "chunked, gzip", "chunked, chunked", "chunked,chunked", "chunked,", ",chunked",
  "chunked;q=1",
  "chunked; a=b", "identity", "identity, chunked", "xchunked", "chunkedx", "chunk", "chunked chunked", '"chunked"', "x", "deflate",
  "chunked\xa0", "\xc2\xa0chunked", "",
} do
  list:add("Transfer-Encoding: " .. rows.shown(value),
    respond(200, { "Transfer-Encoding: " .. value }, chunks), rows.REFUSED)
end

local function chunked(name, start, headers)
  list:add(name, rows.response(start, headers, chunks), rows.REFUSED)
end
chunked("Transfer-Encoding repeated", "HTTP/1.1 200 OK", { CHUNKED, CHUNKED })
chunked("Transfer-Encoding repeated, in small letters", "HTTP/1.1 200 OK", { CHUNKED, "X-A: 1", CHUNKED:lower() })
chunked("Transfer-Encoding repeated, gzip first", "HTTP/1.1 200 OK", { "Transfer-Encoding: gzip", CHUNKED })
chunked("Transfer-Encoding repeated, identity last", "HTTP/1.1 200 OK", { CHUNKED, "Transfer-Encoding: identity" })
chunked("Transfer-Encoding of HTTP/1.0", "HTTP/1.0 200 OK", { CHUNKED })
chunked("Transfer-Encoding of HTTP/1.0, and close", "HTTP/1.0 200 OK", { CHUNKED, "Connection: close" })
list:add("Transfer-Encoding of HTTP/1.0, and a length", rows.response("HTTP/1.0 200 OK", { CHUNKED, LENGTH }, BODY), rows.REFUSED)

-- Both, in each order, with a body that fits one of them.
for _, row in ipairs {
  { "that fits the chunks", 20, chunks }, { "that fits the length", 20, BODY }, { "that fits both", #chunks, chunks },
  { "of nothing", 0, "" }, { "of chunks, length 0", 0, chunks },
} do
  local length = "Content-Length: " .. row[2]
  chunked("both, and a body " .. row[1], "HTTP/1.1 200 OK", { length, CHUNKED })
  list[#list].steps = { { send = respond(200, { length, CHUNKED }, row[3]) } }
  chunked("both, Transfer-Encoding first, and a body " .. row[1], "HTTP/1.1 200 OK", { CHUNKED, length })
  list[#list].steps = { { send = respond(200, { CHUNKED, length }, row[3]) } }
end
chunked("both, in small letters", "HTTP/1.1 200 OK", { "content-length: 20", "transfer-encoding: chunked" })
chunked("both, with other lines between", "HTTP/1.1 200 OK", { LENGTH, "X-A: 1", "X-B: 2", CHUNKED })
chunked("both, Transfer-Encoding: identity", "HTTP/1.1 200 OK", { LENGTH, "Transfer-Encoding: identity" })
chunked("both, Transfer-Encoding without a value", "HTTP/1.1 200 OK", { LENGTH, "Transfer-Encoding:" })

-- The part that tells comes later: no early end.
for _, row in ipairs {
  { "both, the body later", { "Content-Length: 0", CHUNKED }, chunks },
  { "the lengths 0, 20, the body later", { "Content-Length: 0, 20" }, BODY },
  { "two lengths, the body later", { "Content-Length: 0", LENGTH }, BODY },
} do
  for _, status in ipairs { 200, 202 } do
    local head = respond(status, row[2])
    list:add(("%s, status %d"):format(row[1], status), { { send = head }, { pause = 0.2 }, { send = row[3] } }, rows.REFUSED)
  end
end
list:add("both, Transfer-Encoding later", { { send = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" }, { pause = 0.02 },
  { send = CHUNKED .. "\r\n\r\n" .. chunks } }, rows.REFUSED)
list:add("a length of two parts in two writes", { { send = "HTTP/1.1 200 OK\r\nContent-Length: 20" }, { pause = 0.02 },
  { send = ", 0\r\n\r\n" .. BODY } }, rows.REFUSED)
list:add("both, byte by byte", { { each = respond(200, { "Content-Length: 0", CHUNKED }, chunks) } }, rows.REFUSED)

-- A folded line continues one of them. libcurl 8.23 joins the lines itself, so the value may be right then.
local JOINED = { POST = { result = { status = 200 }, or_kind = true }, GET = { result = { state = "running" }, or_kind = true } }
local MAY_BE_JOINED = { ["Content-Length, all"] = true, ["Content-Length, all, HTAB"] = true, ["Content-Length, a blank"] = true,
                        ["Transfer-Encoding, all"] = true, ["Transfer-Encoding, all, HTAB"] = true,
                        ["Transfer-Encoding, a blank"] = true }
for name, lines in pairs {
  ["Content-Length, digits"] = "Content-Length: 2\r\n 0\r\n", ["Content-Length, all"] = "Content-Length:\r\n 20\r\n",
  ["Content-Length, all, HTAB"] = "Content-Length:\r\n\t20\r\n", ["Content-Length, a list"] = "Content-Length: 20\r\n , 20\r\n",
  ["Content-Length, a blank"] = "Content-Length: 20\r\n \r\n",
  ["Content-Length, a second fold"] = "Content-Length: 20\r\n \r\n 0\r\n",
  ["content-length, digits"] = "content-length: 2\r\n 0\r\n",
} do
  list:add("folded: " .. name, "HTTP/1.1 200 OK\r\n" .. lines .. "\r\n" .. BODY, MAY_BE_JOINED[name] and JOINED or rows.REFUSED)
end
for name, lines in pairs {
  ["Transfer-Encoding, all"] = "Transfer-Encoding:\r\n chunked\r\n",
  ["Transfer-Encoding, all, HTAB"] = "Transfer-Encoding:\r\n\tchunked\r\n",
  ["Transfer-Encoding, a list"] = "Transfer-Encoding: gzip,\r\n chunked\r\n",
  ["Transfer-Encoding, a second coding"] = "Transfer-Encoding: chunked\r\n , identity\r\n",
  ["Transfer-Encoding, a blank"] = "Transfer-Encoding: chunked\r\n\t\r\n",
  ["Transfer-Encoding, letters"] = "Transfer-Encoding: chun\r\n ked\r\n",
} do
  list:add("folded: " .. name, "HTTP/1.1 200 OK\r\n" .. lines .. "\r\n" .. chunks, MAY_BE_JOINED[name] and JOINED or rows.REFUSED)
end

-- Of other statuses: none of them says anything, and no POST is sent again.
local WRONG = {
  ["both"] = { LENGTH, CHUNKED }, ["the length 5, 5"] = { "Content-Length: 5, 5" },
  ["two lengths"] = { LENGTH, "Content-Length: 5" },
  ["the length +5"] = { "Content-Length: +5" }, ["the coding gzip"] = { "Transfer-Encoding: gzip" },
  ["a line without a colon"] = { LENGTH, "X-Broken" }, ["a blank before a colon"] = { LENGTH, "X-Broken : 1" },
}
for _, status in ipairs { 201, 202, 302, 400, 401, 404, 408, 409, 429, 500, 502, 503, 504 } do
  for name, lines in pairs(WRONG) do
    local headers = { "Location: " .. rows.location "row", "Retry-After: 0", table.unpack(lines) }
    list:add(("status %d with %s"):format(status, name), respond(status, headers, BODY), rows.REFUSED)
  end
end

-- Where there is no body, nothing may tell its length.
for _, row in ipairs {
  { "Content-Length: 1", "x" }, { LENGTH, BODY }, { LENGTH, "" }, { CHUNKED, "0\r\n\r\n" }, { CHUNKED, "" }, { CHUNKED, chunks },
  { "Content-Length: 0, 0", "" }, { "Content-Length: x", "" }, { "Transfer-Encoding: identity", "" },
} do
  list:add(("204 with %s and %d bytes"):format(row[1], #row[2]), respond(204, { row[1] }, row[2]), rows.REFUSED)
end
for _, status in ipairs { 100, 102, 103 } do
  for _, line in ipairs { "Content-Length: 0", LENGTH, CHUNKED } do
    list:add(("%d with %s"):format(status, line),
      respond(status, { line }) .. rows.ok(LENGTH), rows.REFUSED)
  end
end
for _, rest in ipairs { "", rows.ok(LENGTH), "\0\1\2\3" } do
  list:add(("101 and %d bytes"):format(#rest),
    respond(101, { "Upgrade: x", "Connection: Upgrade" }) .. rest, rows.REFUSED)
end
list:add("101 after 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", rows.REFUSED)

-- On a connection that was used before.
for _, row in ipairs {
  { "both", { LENGTH, CHUNKED } }, { "the lengths 0, 20", { "Content-Length: 0, 20" } },
  { "a line without a colon", { LENGTH, "X" } },
  { "the coding gzip, chunked", { "Transfer-Encoding: gzip, chunked" } },
} do
  list:add("on a kept connection: " .. row[1], rows.ok(table.unpack(row[2])), rows.REFUSED, { kept = true })
end

return list
