-- Cases of answers that are cut short, malformed, too large, or only look odd.

local expect = require "spec.faults.cases.expect"

local OK = "HTTP/1.1 200 OK\r\n"
local JSON = { "Content-Type", "application/json" }
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"
local BODY = '{"status":"running"}'
local MALFORMED, CUT = expect.unclear("protocol", 200), expect.unclear "protocol"

local function gzip(command)
  local shell = io.popen(command .. " | gzip -9 -c", "r")
  local data = shell:read("a")
  shell:close()
  return data
end

local GZIPPED = gzip [[printf '{"status":"running","padding":"%s"}' "$(seq -s, 2000)"]]
local HALF = GZIPPED:sub(1, #GZIPPED // 2)

local cases = {}

local function add(fault, name, transport, steps, calls)
  cases[#cases + 1] = { fault = fault, name = name, [transport] = steps, calls = calls }
end

-- The bytes of an answer, after which the connection ends.
local function bytes(fault, rows, calls)
  for _, row in ipairs(rows) do
    add(fault, row[1], "any", { { "send", row[2] }, { "close" } }, row.calls or calls)
  end
end

-- A whole answer with this body.
local function bodies(fault, rows, calls)
  for _, row in ipairs(rows) do
    add(fault, row[1], "any", { { "answer", 200, row.headers or { JSON }, row[2] } }, row.calls or calls)
  end
end

bytes("response ends within its headers", {
  { "ends within the status line", "HTTP/1.1 20", calls = expect.unclear "network" },
  { "ends after the status line", OK },
  { "ends within its headers", OK .. "X-Request: 1\r\nContent-Le" },
  { "ends after a header, without the empty line", OK .. "Content-Length: 0\r\n" },
  { "is an interim answer and then ends", "HTTP/1.1 100 Continue\r\n\r\n", calls = expect.unclear "network" },
  { "is the last interim status there is, and then ends", "HTTP/1.1 199 Odd\r\n\r\n", calls = expect.unclear "network" },
  { "ends within the headers after an interim answer", "HTTP/1.1 100 Continue\r\n\r\n" .. OK .. "Content-Le" },
  { "ends within headers in small letters after an interim answer",
    "HTTP/1.1 100 Continue\r\n\r\nhttp/1.1 200 ok\r\nContent-Le" },
}, CUT)

-- Each end of the connection; a reset would overtake what was sent before it.
for _, ending in ipairs { "close", "cut", "reset" } do
  add("response ends within its body", ("ends within its body (%s)"):format(ending), "any", {
    { "head", 200, { JSON, { "Content-Length", "21" } } }, { "body", '{"status":"ru' }, { "taken" }, { ending },
  }, MALFORMED)
end

bytes("response ends within its body", {
  { "ends before its body", OK .. "Content-Length: 21\r\n\r\n" },
  { "ends within a chunk", CHUNKED .. '15\r\n{"status"' },
  { "ends within the length of a chunk", CHUNKED .. "1" },
  { "ends before the last chunk", CHUNKED .. "14\r\n" .. BODY .. "\r\n" },
}, MALFORMED)

for _, ending in ipairs { "close", "cut", "reset" } do
  add("response delimited by close is truncated", ("is JSON that ends with the connection, cut (%s)"):format(ending), "any", {
    { "head", 200, { JSON } }, { "body", '{"status":"runn' }, { "taken" }, { ending },
  }, MALFORMED)
end
add("response delimited by close is truncated", "is compressed and cut, by a connection that ends", "any", {
  { "head", 200, { JSON, { "Content-Encoding", "gzip" } } }, { "body", HALF }, { "close" },
}, MALFORMED)
bodies("response delimited by close is truncated", {
  { "is compressed and cut", HALF, headers = { JSON, { "Content-Encoding", "gzip" } } },
}, MALFORMED)

bodies("response has another encoding than it declares", {
  { "says it is compressed and is not", BODY, headers = { JSON, { "Content-Encoding", "gzip" } } },
  { "has an unknown content coding that was not requested", BODY, headers = { JSON, { "Content-Encoding", "x-unknown" } } },
  { "is compressed and does not say so", GZIPPED },
  { "is compressed, although no coding was requested", GZIPPED, headers = { JSON, { "Content-Encoding", "gzip" } } },
}, MALFORMED)

bytes("response is not HTTP", {
  { "has no status line (HTTP/0.9)", BODY },
  { "has a status line of another protocol", "ICY 200 OK\r\n\r\n" },
  { "is of a mail server", "220 mail.invalid ESMTP\r\n" },
  { "has a version that there is not", "HTTP/7.3 200 OK\r\nContent-Length: 0\r\n\r\n" },
  { "has a status that is no number", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n" },
  { "has a status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n" },
  { "has a NUL in a header", OK .. "X-Nul: a\0b\r\nContent-Length: 0\r\n\r\n" },
  { "has a status line without version and status", "HTTP/yes\r\nContent-Length: 0\r\n\r\n" },
  { "has a status line in small letters", "http/1.1 404 not found\r\nContent-Length: 0\r\n\r\n" },
  { "has a status line of a slash", "HTTP/\r\nContent-Length: 0\r\n\r\n" },
  { "is of bytes at random", "\0\1\2\xff\xfe\x80 \r\n\r\n" },
}, CUT)
bytes("response is not HTTP", {
  { "has a second status line, without a colon", "HTTP/1.1 500 Broken\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" },
  { "has a status line of another version behind the headers of an interim answer",
    "HTTP/1.1 100 Continue\r\nHTTP/1.1 301: Moved\r\n\r\nHTTP/0.1 103 Early\r\n\r\n" },
  { "has a status line within the headers of an interim answer, and ends",
    "HTTP/1.1 100 Continue\r\nHTTP/1.1 202: Accepted\r\nContent-Length: 0\r\n\r\n" },
  { "has headers that look like a status line",
    CHUNKED:gsub("\r\n$", "HTTP/1.1 102: x\r\n\r\n") .. "14\r\n" .. BODY .. "\r\n0\r\n\r\n" },
  { "has a trailer that looks like a status line", CHUNKED .. "14\r\n" .. BODY .. "\r\n0\r\nHTTP/1.1 500: x\r\n\r\n" },
}, CUT)
bytes("response is not HTTP", {
  { "has a chunk of a length that is no number", CHUNKED .. "xyz\r\n{}\r\n0\r\n\r\n" },
  { "has a chunk of an enormous length", CHUNKED .. "fffffffffffffffff\r\n{}\r\n0\r\n\r\n" },
  { "has a chunk longer than its length", CHUNKED .. "2\r\n" .. BODY .. "\r\n0\r\n\r\n" },
}, CUT)

bytes("response has an invalid length", {
  { "has a length of nothing", OK .. "Content-Length:\n\r\n" .. BODY },
  { "has a length of blanks", OK .. "Content-Length: \t \r\n\r\n" .. BODY },
  { "has a length in an interim answer", "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n" .. OK .. "Content-Length: 0\r\n\r\n" },
}, CUT)
for _, row in ipairs {
  { "has two lengths", { { "Content-Length", "20" }, { "Content-Length", "10" } }, CUT },
  { "has three lengths, the last of them another",
    { { "Content-Length", "20" }, { "Content-Length", "20" }, { "Content-Length", "19" } },
    CUT },
  { "has a length beyond 64 bits twice",
    { { "Content-Length", "9223372036854775808" }, { "Content-Length", "9223372036854775808" } },
    CUT },
  { "has a negative length", { { "Content-Length", "-1" } }, CUT },
  { "has a length that is no number", { { "Content-Length", "many" } }, CUT },
  { "has a length beyond 64 bits", { { "Content-Length", "99999999999999999999" } }, CUT },
} do
  add("response has an invalid length", row[1], "any", { { "head", 200, row[2] }, { "body", BODY } }, row[3])
end

bodies("response is not the expected JSON", {
  { "is not UTF-8", '{"status":"\xff\xfe"}' },
  { "holds a surrogate in UTF-8", '{"status":"\xed\xa0\x80"}' },
  { "holds an overlong form of UTF-8", '{"status":"\xc0\xaf"}' },
  { "begins with a byte order mark", "\xef\xbb\xbf" .. BODY },
  { "holds NaN", '{"status":NaN}' },
  { "holds Infinity", '{"status":-Infinity}' },
  { "holds a number beyond any", '{"status":1e999}' },
  { "holds a hexadecimal number", '{"status":0x10}' },
  { "is nested 1001 deep", ("["):rep(1001) .. ("]"):rep(1001) },
  { "is nested 100000 deep", ("["):rep(100000) .. ("]"):rep(100000) },
  { "has something behind its JSON", BODY .. "}" },
  { "has a NUL behind its JSON", BODY .. "\0" },
  { "is a web page", "<html>", headers = { { "Content-Type", "text/html" } } },
  { "is cut, though its length is right", BODY:sub(1, -3) },
}, MALFORMED)
add("response is not the expected JSON", "has no type and is no JSON, beside a location", "any", {
  { "answer", 202, { { "Location", "/op" } }, "<html>" },
}, { cancel = expect.unclear("protocol", 202).cancel })
-- An empty body says nothing of an offer, and is fine for a cancellation.
bodies("response is not the expected JSON", {
  { "is empty", "", calls = { offer_status = MALFORMED.offer_status, cancel = expect.canceled(200).cancel } },
})

-- What is more than anybody can want: not tried again.
local LONG_LINE = { "X-Long", ("x"):rep(200000) }
for _, row in ipairs {
  { "has a long header line", { { "head", 200, { LONG_LINE } } } },
  { "has a header line without an end", { { "send", OK .. "X-Long: " }, { "pour", ("x"):rep(60000) } } },
  { "has headers without an end", { { "send", OK }, { "pour", "X-Flood: " .. ("x"):rep(1000) .. "\r\n" } } },
  { "has interim answers without an end", { { "pour", "HTTP/1.1 102 Processing\r\nX-Interim: 1\r\n\r\n" } } },
} do
  add("response has too many headers", row[1], "any", row[2], expect.hopeless "protocol")
end

for _, row in ipairs {
  { "announces a huge body", "any", {
    { "head", 200, { { "Content-Length", "9223372036854775807" } } }, { "pour", ("x"):rep(60000) } } },
  { "has a body without an end", "any", { { "head", 200, { JSON } }, { "pour", ("x"):rep(60000) } } },
  { "has chunks without an end", "any", {
    { "send", CHUNKED }, { "pour", "ea60\r\n" .. ("x"):rep(60000) .. "\r\n" } } },
} do
  add("response has too large a body", row[1], row[2], row[3], expect.hopeless("protocol", 200))
end
add("response has too large a body", "is an error, and endless", "any", {
  { "head", 403, {} }, { "pour", ("x"):rep(60000) },
}, { cancel = {
  kind = "http", status = 403, ambiguous = false, retryable = false, attempts = 1, requests = 1, body = ("x"):rep(2048),
} })
cases[#cases + 1] = {
  fault = "response has too large a body", name = "is one and a half times as large as it may be", max_response_bytes = 100000,
  any = { { "answer", 200, { JSON }, ("x"):rep(150000) } }, calls = expect.hopeless("protocol", 200),
}
for size, calls in pairs { [#BODY] = expect.accepted(), [#BODY - 1] = expect.hopeless("protocol", 200) } do
  cases[#cases + 1] = {
    fault = "response has too large a body", name = ("has %d bytes, and %d are allowed"):format(#BODY, size),
    any = { { "answer", 200, { JSON }, BODY } }, max_response_bytes = size, calls = calls,
  }
end

local function head(...) return { "send", table.concat { ... } } end

local INTERIM = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
local WHOLE = ("Content-Length: %d\r\n\r\n%s"):format(#BODY, BODY)
for _, row in ipairs {
  { "comes after a few interim answers", head(INTERIM:rep(3), OK, WHOLE) },
  { "has a folded header", head(OK, "X-Folded: one\r\n two\r\n\tthree\r\n", WHOLE) },
  { "has the same length twice", head(OK, "Content-Length: 20\r\n", WHOLE) },
  { "has the same length twice, with zeros in front", head(OK, ("Content-Length: %040d\r\n"):format(20), WHOLE) },
  { "has no reason phrase", head("HTTP/1.1 200\r\n", WHOLE) },
  { "has lines that end with LF alone", head((OK .. WHOLE):gsub("\r\n", "\n"), nil) },
  { "has chunks with extensions and a trailer", head(CHUNKED, "14;a=b\r\n", BODY, "\r\n0\r\nX-Trailer: 1\r\n\r\n") },
  { "is of HTTP/1.0", head("HTTP/1.0 200 OK\r\n", WHOLE), { "close" } },
  { "ends with the connection", head(OK, "\r\n", BODY), { "close" } },
} do
  add("response is unusual but valid", row[1], "any", { table.unpack(row, 2) }, expect.accepted())
end
bodies("response is unusual but valid", {
  { "has a key twice", '{"status":"failed","status":"running"}' },
  { "has blanks around its JSON", '\r\n {"status" : "running"}\n' },
  { "is JSON of another type", BODY, headers = { { "Content-Type", "text/plain" } } },
}, expect.accepted())
bodies("response holds integers above 2^53", {
  { "holds large integers", [[{"status":"running","version":636576975611768314,"least":-9223372036854775808,
    "most":9223372036854775807,"small":1,"half":0.5,"odd":9007199254740993}]] },
}, expect.accepted {
  version = 636576975611768314, least = math.mininteger, most = math.maxinteger, small = 1, half = 0.5,
  odd = 9007199254740993,
})

-- An error's status says enough, also where its body is cut.
for status, calls in pairs {
  [400] = expect.refused("http", 400, 1), [409] = expect.refused("http", 409, 1),
  [500] = expect.unclear("http", 500), [502] = expect.unclear("http", 502), [504] = expect.unclear("http", 504),
} do
  for _, expected in pairs(calls) do expected.body = "<html>cut" end
  add("response is an error", ("is an error %d and cut short"):format(status), "any", {
    { "head", status, { { "Content-Length", "1000" } } }, { "body", "<html>cut" }, { "taken" }, { "close" },
  }, calls)
end
for status, calls in pairs {
  [400] = expect.refused("http", 400, 1), [401] = expect.refused("http", 401, 1), [403] = expect.refused("http", 403, 1),
  [404] = expect.refused("http", 404, 1), [409] = expect.refused("http", 409, 1), [412] = expect.refused("http", 412, 1),
  [408] = expect.unclear("http", 408), [500] = expect.unclear("http", 500), [502] = expect.unclear("http", 502),
  [503] = expect.unclear("http", 503), [504] = expect.unclear("http", 504),
  [509] = expect.unclear("http", 509), [520] = expect.unclear("http", 520), [524] = expect.unclear("http", 524),
  [599] = expect.unclear("http", 599), -- unknown: the same as 500
  [429] = expect.unprocessed("http", 429, 1),
} do
  add("response is an error", ("has status %d"):format(status), "any", { { "answer", status, {}, "" } }, calls)
end
for _, status in ipairs { 501, 505, 506, 507, 508, 510, 511 } do
  add("response is an error", ("has status %d"):format(status), "any", { { "answer", status, {}, "" } }, {
    cancel = expect.refused("http", status, 1).cancel, offer_status = expect.unclear("http", status).offer_status,
  })
end
add("response is an error", "has status 503 and says when to come back", "any", {
  { "answer", 503, { { "Retry-After", "1" } }, "" },
}, expect.unprocessed("http", 503, 1))

return cases
