-- Cases of connections that cannot be made, end or stall: what may have been processed is ambiguous, what
-- certainly was not may be sent again, and nothing is sent twice behind the caller's back.

local expect = require "spec.faults.cases.expect"

local LATE = 0.2 -- seconds: the deadline of what stalls

local cases = {}

local function add(fault, name, row)
  row.fault, row.name = fault, name
  cases[#cases + 1] = row
end

add("name does not exist", "the name does not exist", {
  https = {}, base_url = "S://nope.invalid", retries = 0, timeout = 5,
  -- A name server that does not answer must not hold the deadline up.
  calls = { cancel = { kind = "network", or_kind = "timeout", ambiguous = false, retryable = true, requests = 0 } },
})
add("connection refused", "nothing listens at the port", {
  any = {}, base_url = "S://127.0.0.1:$CLOSED", calls = expect.unprocessed "network",
})
add("connection refused", "the queue of connections is full", {
  any = {}, base_url = "S://127.0.0.1:$FULL", calls = expect.late_unsent(), connect_timeout = LATE,
})

-- Which of both it is depends on whether the reset comes before the request has left.
add("connection reset before the request is sent", "the connection is reset as soon as it is made", {
  http = {}, accept = { { "reset" } }, calls = { cancel = { kind = "network", either = true, requests = 0 } },
})
add("connection reset before the request is sent", "the connection is closed as soon as it is made", {
  http = {}, accept = { { "close" } }, calls = { cancel = { kind = "network", either = true, requests = 0 } },
})
for _, how in ipairs { "reset", "close" } do
  -- A reset may be there before libcurl takes the connection for made: then it is the network's.
  local calls = expect.unprocessed "tls"
  calls.cancel.or_kind = how == "reset" and "network" or nil
  add("connection reset before the request is sent", ("the TLS handshake ends before it begins (%s)"):format(how), {
    https = {}, accept = { { how } }, calls = calls,
  })
end
add("connection reset before the request is sent", "the TLS handshake is answered with something else", {
  https = {}, accept = { { "send", "SSH-2.0-OpenSSH_9.2\r\n" }, { "close" } }, calls = expect.unprocessed "tls",
})

for _, how in ipairs { "close", "cut", "reset" } do
  local words = ({ close = "is closed", cut = "is cut off", reset = "is reset" })[how]
  add("connection ends after the request was read", "the connection " .. words .. " without an answer", {
    any = { { how } }, calls = expect.unclear "network",
  })
  add("reused connection ends after the request was read", "a kept connection " .. words .. " without an answer", {
    any = { { how } }, kept = true, calls = { cancel = expect.unclear("network").cancel },
  })
  add("reused connection ends after the request was read", "a kept connection " .. words .. ", and there is no body", {
    any = { { how } }, kept = true, calls = { cancel_without_emails = expect.unclear("network").cancel },
  })
  -- libcurl may go on with a new connection by itself only where we count it: here it must not.
  add("reused connection ends after the request was read", "a kept connection " .. words .. " at a GET", {
    any = { { how } }, kept = true, retries = 0,
    calls = { offer_status = { kind = "network", ambiguous = false, retryable = true, attempts = 1, requests = 1 } },
  })
  for _, transport in ipairs { "http", "https" } do
    add("connection ends while it is idle", ("an idle connection %s, over %s"):format(words, transport), {
      [transport] = {}, kept = true, idle = { { how } }, calls = expect.canceled(),
    })
  end
end

-- It must not be taken for the response to the next request.
add("unsolicited response on an idle connection", "an idle connection brings an answer, and goes on", {
  any = {}, kept = true, idle = { { "answer", 202, { { "Location", "/op/nobody" } }, "" } },
  calls = { cancel = { result = { status = 202, operation_id = "56615b67" } } },
})
add("unsolicited response on an idle connection", "an idle connection brings a 408, and ends", {
  any = {}, kept = true, idle = { { "answer", 408, { { "Connection", "close" } }, "" }, { "close" } },
  calls = { cancel = { result = { status = 202, operation_id = "56615b67" } } },
})

for name, steps in pairs {
  ["before the answer"] = {}, ["within the headers"] = { { "send", "HTTP/1.1 200 OK\r\nX-Unfinished: " } },
} do
  table.insert(steps, { "stall" })
  add("server stalls", "the answer stalls " .. name, { any = steps, timeout = LATE, calls = expect.late() })
end
add("server stalls", "the TLS handshake stalls", {
  https = {}, accept = { { "stall" } }, connect_timeout = LATE, calls = expect.late_unsent(),
})
add("server stalls", "the TLS handshake stalls beyond the deadline", {
  https = {}, accept = { { "stall" } }, timeout = LATE, calls = expect.late_unsent(),
})
add("server stalls", "the body drips", {
  any = { { "head", 200, { { "Content-Length", "1000" } } }, { "drip", ("x"):rep(1000), 0.01 } }, timeout = LATE,
  calls = expect.late(200),
})
add("response switches protocols", "is a switch of protocols that was not requested, and stalls", {
  any = { { "send", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" }, { "stall" } },
  calls = expect.unclear "protocol",
})

return cases
