-- Cases of HTTP/2: a stream that was certainly not processed may be sent again, within our own count; any
-- other end without an answer is ambiguous; and an answer that is whole counts, however its stream ended.

local expect = require "spec.faults.cases.expect"

local BODY = '{"status":"running"}'
local HEAD = { "head", 200, { { "Content-Type", "application/json" }, { "Content-Length", tostring(#BODY) } } }
local HEAD_WITHOUT_LENGTH = { "head", 200, { { "Content-Type", "application/json" } } }
local HALF = { "body", BODY:sub(1, 10) }
local ANSWER = { "answer", 200, {}, BODY }
local NO_ERROR = { "reset_stream", "NO_ERROR" }
local TAKEN = { "taken" } -- what follows comes in a packet of its own
local UNCLEAR = expect.unclear "network"

local cases = {}

local function add(fault, name, steps, calls, more)
  local row = { fault = fault, name = name, http2 = steps, calls = calls }
  for field, value in pairs(more or {}) do row[field] = value end
  cases[#cases + 1] = row
end

-- Of those that promise that the request was not processed (`either`), libcurl lets us see it on a new
-- connection only: on a kept one, which the second attempt is on, it could have died as well. Then it is
-- ambiguous, to be safe.
local ENDINGS = {
  { "GOAWAY that leaves the request out", { { "goaway", "before" }, { "close" } }, either = true },
  { "GOAWAY that covers the request", { { "goaway", "covering" }, { "close" } } },
  { "RST_STREAM REFUSED_STREAM", { { "reset_stream", "REFUSED_STREAM" } }, either = true },
  { "RST_STREAM INTERNAL_ERROR", { { "reset_stream", "INTERNAL_ERROR" } } },
  { "RST_STREAM CANCEL", { { "reset_stream", "CANCEL" } } },
  { "RST_STREAM ENHANCE_YOUR_CALM", { { "reset_stream", "ENHANCE_YOUR_CALM" } } },
  { "RST_STREAM NO_ERROR", { NO_ERROR } },
  { "RST_STREAM HTTP_1_1_REQUIRED", { { "reset_stream", "HTTP_1_1_REQUIRED" } }, either = true },
  { "headers, half a body and RST_STREAM NO_ERROR at once", { HEAD_WITHOUT_LENGTH, HALF, NO_ERROR } },
}
for _, row in ipairs(ENDINGS) do
  local once = { kind = "network", ambiguous = true, retryable = false, attempts = 1, requests = 1 }
  local fault = "GOAWAY, RST_STREAM, REFUSED_STREAM"
  add(fault, row[1], row[2], row.either and { cancel = { kind = "network", either = true } } or UNCLEAR)
  add(fault, row[1] .. ", on a kept connection", row[2], { cancel = once }, { kept = true })
end

add("answer complete, stream reset", "the answer is whole, then RST_STREAM NO_ERROR", { ANSWER, NO_ERROR },
    expect.accepted())
add("answer complete, stream reset", "the answer is whole, then RST_STREAM CANCEL",
    { ANSWER, { "reset_stream", "CANCEL" } }, expect.accepted())
add("answer complete, stream reset", "the body is whole without END_STREAM, then RST_STREAM NO_ERROR",
    { HEAD, { "body", BODY }, TAKEN, NO_ERROR }, expect.accepted())
add("answer complete, stream reset", "the body is whole, and the stream never ends",
    { HEAD, { "body", BODY } }, expect.accepted())
add("answer complete, stream reset", "the answer is whole, and GOAWAY covers it",
    { { "goaway", "covering" }, ANSWER, TAKEN, { "close" } }, expect.accepted())
-- No length, so that nothing was announced; and the place to poll has come.
for _, code in ipairs { "NO_ERROR", "CANCEL" } do
  add("answer complete, stream reset", ("the headers are whole without a length, then RST_STREAM %s"):format(code),
      { { "head", 202, { { "Location", "/op" } } }, TAKEN, { "reset_stream", code } }, expect.canceled())
end
-- The client may have seen the answer, or only that it cannot send the body: both are honest.
add("answer complete, stream reset", "the answer comes before the body was read", {
  { "head", 202, { { "Content-Length", "0" } } }, { "end" }, NO_ERROR,
}, { cancel = { kind = "network", status = nil, ambiguous = true, retryable = false, attempts = 1, requests = 1,
                or_result = { status = 202 } } }, { unread = true })
add("is delimited by close, and cut", "the body is cut by RST_STREAM NO_ERROR",
    { HEAD_WITHOUT_LENGTH, HALF, TAKEN, NO_ERROR }, expect.unclear("protocol", 200))
add("ends within the body", "the body is shorter than its length, and the stream ends",
    { HEAD, TAKEN, HALF, { "end" } }, expect.unclear("protocol", 200))
add("ends within the body", "the body is longer than its length",
    { HEAD, TAKEN, { "body", BODY .. BODY }, { "end" } }, expect.unclear("protocol", 200))
for _, code in ipairs { "NO_ERROR", "CANCEL", "INTERNAL_ERROR" } do
  add("ends within the body", ("the headers, and RST_STREAM %s instead of the body"):format(code),
      { HEAD, TAKEN, { "reset_stream", code } }, expect.unclear("protocol", 200))
  add("ends within the body", ("half of the body, and RST_STREAM %s"):format(code),
      { HEAD, HALF, TAKEN, { "reset_stream", code } }, expect.unclear("protocol", 200))
end

local function frame(kind, flags, stream, payload)
  return { "send", string.pack(">I3BBI4", #payload, kind, flags, stream) .. payload }
end

local DATA, HEADERS, SETTINGS, PING, CONTINUATION = 0, 1, 4, 6, 9
add("is no HTTP", "what comes is HTTP/1.1 on an HTTP/2 connection", { { "send", "HTTP/1.1 200 OK\r\n\r\n" }, { "stall" } },
    UNCLEAR)
add("is no HTTP", "a DATA frame comes for stream 0", { frame(DATA, 0, 0, "x"), { "stall" } }, UNCLEAR)
add("is no HTTP", "a SETTINGS frame has a length that cannot be", { frame(SETTINGS, 0, 0, "xyz"), { "stall" } }, UNCLEAR)
add("is no HTTP", "a PING frame has a length that cannot be", { frame(PING, 0, 0, "xyz"), { "stall" } }, UNCLEAR)
add("is no HTTP", "a CONTINUATION comes without HEADERS", { frame(CONTINUATION, 4, 1, ""), { "stall" } }, UNCLEAR)
add("is no HTTP", "a frame is larger than any may be", { { "send", "\xff\xff\xff\0\0\0\0\0\1" }, { "stall" } }, UNCLEAR)
add("is no HTTP", "the answer has no status", { { "headers", { { "x-no-status", "1" } } } }, UNCLEAR)
add("is no HTTP", "a header's name is in capitals", { { "headers", { { ":status", "200" }, { "X-Capitals", "1" } } } },
    UNCLEAR)

-- An answer with a header block as HPACK has it (RFC 7541): `:status 200` of its table, then one literal
-- field. In as many frames as it needs.
local function long_header(length)
  local rest, digits = length - 127, {}
  while rest >= 128 do
    digits[#digits + 1] = string.char(rest % 128 + 128)
    rest = rest // 128
  end
  local block = "\x88\0\6x-long\x7f" .. table.concat(digits) .. string.char(rest) .. ("x"):rep(length)
  local frames = {}
  for start = 1, #block, 16000 do
    local last = start + 16000 > #block
    frames[#frames + 1] = frame(start == 1 and HEADERS or CONTINUATION, last and 4 or 0, 1, block:sub(start, start + 15999))
  end
  frames[#frames + 1] = frame(DATA, 1, 1, BODY)
  return frames
end

add("has too many headers", "a header that is longer than any may be", long_header(110000), UNCLEAR)
add("is odd but sound", "a header that is long, yet not too long", long_header(60000), expect.accepted())
add("has too many headers", "headers without an end, in CONTINUATION frames", {
  frame(HEADERS, 0, 1, "\x88"), { "pour", frame(CONTINUATION, 0, 1, ("\0\1x\1y"):rep(100))[2] },
}, { cancel = UNCLEAR.cancel })

return cases
