-- Cases of answers that are cut short, malformed, too large, or only look odd: of each fault one that shows how its call
-- ends and is retried in each loop. spec/faults/responses has the many forms.

local expect = require "spec.faults.cases.expect"

local OK = "HTTP/1.1 200 OK\r\n"
local JSON = { "Content-Type", "application/json" }
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"
local BODY = '{"status":"running"}'
local MALFORMED, CUT = expect.unclear("protocol", 200), expect.unclear "protocol"

local cases = {}

local function add(fault, name, transport, steps, calls)
  cases[#cases + 1] = { fault = fault, name = name, [transport] = steps, calls = calls }
end

-- The bytes of an answer, after which the connection ends.
local function bytes(fault, name, data, calls)
  add(fault, name, "any", { { "send", data }, { "close" } }, calls)
end

-- A whole answer with this body, and more headers.
local function body(fault, name, data, calls, ...)
  add(fault, name, "any", { { "answer", 200, { JSON, ... }, data } }, calls)
end

bytes("response ends within its headers", "ends within the status line", "HTTP/1.1 20", expect.unclear "network")
bytes("response ends within its headers", "ends within its headers", OK .. "X-Request: 1\r\nContent-Le", CUT)
for _, ending in ipairs { "close", "cut" } do
  add("response ends within its body", ("ends within its body (%s)"):format(ending), "any", {
    { "head", 200, { JSON, { "Content-Length", "21" } } }, { "body", '{"status":"ru' }, { ending },
  }, MALFORMED)
end
bytes("response ends within its body", "ends within a chunk", CHUNKED .. '15\r\n{"status"', MALFORMED)
bytes("response delimited by close is truncated", "is JSON that ends with the connection, cut",
  OK .. '\r\n{"status":"runn', MALFORMED)
body("response has another encoding than it declares", "says it is compressed and is not", BODY, MALFORMED,
  { "Content-Encoding", "gzip" })
bytes("response is not HTTP", "is of a mail server", "220 mail.invalid ESMTP\r\n", CUT)
bytes("response is not HTTP", "has a chunk of a length that is no number", CHUNKED .. "xyz\r\n{}\r\n0\r\n\r\n", CUT)
bytes("response has an invalid length", "has two lengths", OK .. "Content-Length: 20\r\nContent-Length: 10\r\n\r\n" .. BODY, CUT)

body("response is not the expected JSON", "is a web page", "<html>", MALFORMED)
-- An empty body says nothing of an offer, and is fine for a cancellation.
body("response is not the expected JSON", "is empty", "",
  { offer_status = MALFORMED.offer_status, cancel = expect.canceled(200).cancel })

-- More than a caller can want: not tried again.
add("response has too many headers", "has headers without an end", "any", {
  { "send", OK }, { "pour", "X-Flood: " .. ("x"):rep(1000) .. "\r\n" },
}, expect.hopeless "protocol")
add("response has too large a body", "has a body without an end", "any", {
  { "head", 200, { JSON } }, { "pour", ("x"):rep(60000) },
}, expect.hopeless("protocol", 200))
add("response has too large a body", "is an error, and endless", "any", {
  { "head", 403, {} }, { "pour", ("x"):rep(60000) },
}, { cancel = {
  kind = "http", status = 403, ambiguous = false, retryable = false, attempts = 1, requests = 1, body = ("x"):rep(2048),
} })
for size, calls in pairs { [#BODY] = expect.accepted(), [#BODY - 1] = expect.hopeless("protocol", 200) } do
  cases[#cases + 1] = {
    fault = "response has too large a body", name = ("has %d bytes, and %d are allowed"):format(#BODY, size),
    any = { { "answer", 200, { JSON }, BODY } }, max_response_bytes = size, calls = calls,
  }
end

bytes("response is unusual but valid", "has interim answers, a folded header, chunks with extensions and a trailer",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" .. OK .. "X-Folded: one\r\n two\r\n"
  .. "Transfer-Encoding: chunked\r\n\r\n14;a=b\r\n" .. BODY .. "\r\n0\r\nX-Trailer: 1\r\n\r\n", expect.accepted())
bytes("response is unusual but valid", "is of HTTP/1.0, and ends with the connection",
  "HTTP/1.0 200 OK\r\n\r\n" .. BODY, expect.accepted())
body("response holds integers above 2^53", "holds large integers", [[{"status":"running","version":636576975611768314,
  "least":-9223372036854775808,"most":9223372036854775807,"small":1,"half":0.5,"odd":9007199254740993}]], expect.accepted {
  version = 636576975611768314, least = math.mininteger, most = math.maxinteger, small = 1, half = 0.5,
  odd = 9007199254740993,
})

-- An error's status says enough, also where its body is cut.
for status, calls in pairs { [409] = expect.refused("http", 409, 1), [500] = expect.unclear("http", 500) } do
  for _, expected in pairs(calls) do expected.body = "<html>cut" end
  add("response is an error", ("is an error %d and cut short"):format(status), "any", {
    { "head", status, { { "Content-Length", "1000" } } }, { "body", "<html>cut" }, { "close" },
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
