-- Cases that real servers make: nginx as it is configured, openssl's s_server by its arguments.

local expect = require "spec.faults.cases.expect"

local cases = {}

-- nginx: what stands in its server block. $CLOSED and $FULL are ports at which nothing listens, or accepts.
for _, row in ipairs {
  { "connection ends after the request was read", "nginx closes the connection without a response",
    "location / { return 444; }", expect.unclear "network" },
  { "response is an error", "nginx finds no server behind it", "location / { proxy_pass http://127.0.0.1:$CLOSED; }",
    expect.unclear("http", 502) },
  { "response is an error", "nginx gets no response from the server behind it",
    "proxy_connect_timeout 100ms; location / { proxy_pass http://127.0.0.1:$FULL; }",
    { cancel = expect.unclear("http", 504).cancel } },
  { "response is an error", "nginx refuses the size of the body", "client_max_body_size 10; location / { return 202; }",
    { cancel = expect.refused("http", 413, 1).cancel } },
  { "redirect", "nginx redirects to another port", "location / { return 308 http://127.0.0.1:$CANARY$request_uri; }",
    { offer_status = expect.refused("protocol", 308, 1).offer_status } },
  { "response is not the expected JSON", "nginx shows a page", "default_type text/html; location / { return 200 '<html>'; }",
    { offer_status = expect.unclear("protocol", 200).offer_status } },
  { "response is unusual but valid", "nginx ends each connection after one response",
    "keepalive_requests 1; default_type application/json; location / { return 200 '{\"status\":\"running\"}'; }",
    expect.accepted() },
} do
  cases[#cases + 1] = { fault = row[1], name = row[2], any = {}, nginx = row[3], calls = row[4] }
end

for _, row in ipairs {
  { "openssl s_server speaks TLS 1.0 only", { "-tls1", "-cipher", "ALL:@SECLEVEL=0" } },
  { "openssl s_server speaks TLS 1.1 only", { "-tls1_1", "-cipher", "ALL:@SECLEVEL=0" } },
  { "openssl s_server has no cipher with authentication", { "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0" } },
  { "openssl s_server has no cipher in common", { "-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0" } },
} do
  cases[#cases + 1] = {
    fault = "TLS 1.0, 1.1, no cipher", name = row[1], https = {}, s_server = row[2],
    calls = { cancel = { kind = "tls", ambiguous = false, requests = 0 } },
  }
end
return cases
