-- Responses whose end cannot be told for certain: Content-Length and Transfer-Encoding.
-- https://www.rfc-editor.org/rfc/rfc9112#section-6.3

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local BODY, LENGTH, CHUNKED = rows.BODY, rows.LENGTH, rows.CHUNKED
local list = rows.list "framing"

list:each("Content-Length: ", {
  "+20", "-20", "-0", "0x14", "20abc", "abc", "20.0", "2e1", "20,", ",20", "20, 20", "20,20", "20 20", "20; q=1",
  "20\t20", "0, 20", '"20"', "\xef\xbc\x92\xef\xbc\x90", "9223372036854775808", "18446744073709551636",
  "1" .. ("0"):rep(300), "", "\t ",
}, function(value) return rows.ok("Content-Length: " .. value) end, rows.REFUSED)

for _, lengths in ipairs {
  { 20, 10 }, { 0, 20 }, { 20, 0 }, { 20, 20, 19 }, { 20, "" }, { "", 20 }, { 20, "20, 20" },
} do
  local lines = {}
  for i, length in ipairs(lengths) do lines[i] = (i == 2 and "content-length: " or "Content-Length: ") .. length end
  list:add("Content-Length repeated: " .. table.concat(lengths, "; "), rows.ok(table.unpack(lines)), rows.REFUSED)
end

local chunks = rows.chunks(BODY)
list:each("Transfer-Encoding: ", {
  "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "chunked;q=1", "identity", "xchunked",
  "chunkedx", "chunk", "chunked chunked", '"chunked"', "chunked\xa0", "",
}, function(value) return respond(200, { "Transfer-Encoding: " .. value }, chunks) end, rows.REFUSED)

list:add("Transfer-Encoding repeated", respond(200, { CHUNKED, CHUNKED:lower() }, chunks), rows.REFUSED)
list:add("Transfer-Encoding repeated, gzip first", respond(200, { "Transfer-Encoding: gzip", CHUNKED }, chunks), rows.REFUSED)
list:add("Transfer-Encoding of HTTP/1.0", rows.response("HTTP/1.0 200 OK", { CHUNKED }, chunks), rows.REFUSED)

-- Both, in each order, with a body that fits one of them.
for _, row in ipairs {
  { "that fits the chunks", 20, chunks }, { "that fits the length", 20, BODY }, { "that fits both", #chunks, chunks },
  { "of nothing", 0, "" }, { "of chunks, length 0", 0, chunks },
} do
  local length = "Content-Length: " .. row[2]
  list:add("both, and a body " .. row[1], respond(200, { length, CHUNKED }, row[3]), rows.REFUSED)
  list:add("both, Transfer-Encoding first, and a body " .. row[1], respond(200, { CHUNKED, length }, row[3]), rows.REFUSED)
end

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
list:add("both, byte by byte", { { each = respond(200, { "Content-Length: 0", CHUNKED }, chunks) } }, rows.REFUSED)

-- A folded line continues one of them. libcurl 8.23 joins the lines itself, so the value may be right then.
local JOINED = { POST = { result = { status = 200 }, or_kind = true }, GET = { result = { state = "running" }, or_kind = true } }
for lines, may_be_joined in pairs {
  ["Content-Length: 2\r\n 0"] = false, ["Content-Length:\r\n 20"] = true, ["Content-Length:\r\n\t20"] = true,
  ["Content-Length: 20\r\n , 20"] = false, ["Content-Length: 20\r\n "] = true, ["Content-Length: 20\r\n \r\n 0"] = false,
  ["Transfer-Encoding:\r\n chunked"] = true, ["Transfer-Encoding: gzip,\r\n chunked"] = false,
  ["Transfer-Encoding: chunked\r\n , identity"] = false, ["Transfer-Encoding: chunked\r\n\t"] = true,
  ["Transfer-Encoding: chun\r\n ked"] = false,
} do
  list:add("folded: " .. rows.shown(lines), respond(200, { lines }, lines:find "^C" and BODY or chunks),
    may_be_joined and JOINED or rows.REFUSED)
end

-- Of other statuses: none of them says anything, and no POST is sent again.
local WRONG = {
  ["both"] = { LENGTH, CHUNKED }, ["the length 5, 5"] = { "Content-Length: 5, 5" },
  ["two lengths"] = { LENGTH, "Content-Length: 5" },
  ["the length +5"] = { "Content-Length: +5" }, ["the coding gzip"] = { "Transfer-Encoding: gzip" },
  ["a line without a colon"] = { LENGTH, "X-Broken" },
}
for _, status in ipairs { 201, 202, 302, 400, 401, 408, 429, 500, 503 } do
  for name, lines in pairs(WRONG) do
    local headers = { "Location: " .. rows.location "row", "Retry-After: 0", table.unpack(lines) }
    list:add(("status %d with %s"):format(status, name), respond(status, headers, BODY), rows.REFUSED)
  end
end

-- Where there is no body, nothing may tell its length.
for _, row in ipairs {
  { "Content-Length: 1", "x" }, { LENGTH, "" }, { CHUNKED, "" }, { CHUNKED, chunks },
} do
  list:add(("204 with %s and %d bytes"):format(row[1], #row[2]), respond(204, { row[1] }, row[2]), rows.REFUSED)
end
for _, status in ipairs { 100, 102, 103 } do
  list:each(status .. " with ", { "Content-Length: 0", LENGTH, CHUNKED },
    function(line) return respond(status, { line }) .. rows.ok(LENGTH) end, rows.REFUSED)
end
list:each("101 and ", { "", rows.ok(LENGTH), "\0\1\2\3" },
  function(rest) return respond(101, { "Upgrade: x", "Connection: Upgrade" }) .. rest end, rows.REFUSED)

list:add("both, on a kept connection", rows.ok(LENGTH, CHUNKED), rows.REFUSED, { kept = true })

return list
