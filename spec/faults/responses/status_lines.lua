-- Responses whose status line is not one: HTTP/1.0 or HTTP/1.1, one SP, three digits, then the end or SP and reason.

local rows = require "spec.faults.responses.rows"

local list = rows.list "status line"
local REST = "\r\n" .. rows.LENGTH .. "\r\n\r\n" .. rows.BODY

for _, line in ipairs {
  "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 \t200 OK", "HTTP/1.1200 OK", "HTTP/1.1:200 OK",
  "HTTP/2 200", "HTTP/2.0 200 OK", "HTTP/3 200", "HTTP/1.2 200 OK", "HTTP/1.3 200 OK", "HTTP/0.9 200 OK", "HTTP/7.3 200 OK",
  "HTTP/1 200 OK", "HTTP/1. 200 OK", "HTTP/.1 200 OK", "HTTP/01.1 200 OK", "HTTP/1.01 200 OK", "HTTP/1.1.1 200 OK",
  "HTTP/1,1 200 OK", "HTTP /1.1 200 OK", "HTTP/ 1.1 200 OK", "HTTP/-1.1 200 OK", "HTTP/\xef\xbc\x91.1 200 OK",
  "http/1.1 200 OK", "Http/1.1 200 OK", "HTTPS/1.1 200 OK", "HTTP-1.1 200 OK", "HTTP\\1.1 200 OK",
  "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 OK", "HTTP/1.1 2", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 02000", "HTTP/1.1 200OK",
  "HTTP/1.1 200\tOK", "HTTP/1.1 200:OK", "HTTP/1.1 200.1 OK", "HTTP/1.1 20x OK", "HTTP/1.1 x20 OK", "HTTP/1.1 0xC8 OK",
  "HTTP/1.1 +20 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 2 0 OK", "HTTP/1.1 2e2 OK", "HTTP/1.1 \xef\xbc\x9200 OK",
  "HTTP/", "HTTP/yes", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 999 OK",
  "ICY 200 OK", "RTSP/1.0 200 OK", "SIP/2.0 200 OK", "200 OK", "220 mail.invalid ESMTP", "SSH-2.0-OpenSSH_9.2",
  " HTTP/1.1 200 OK", "\tHTTP/1.1 200 OK", "\xef\xbb\xbfHTTP/1.1 200 OK", "\0HTTP/1.1 200 OK",
  "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 OK\r", "HTTP/1.1 200\0",
} do
  list:add(rows.shown(line), line .. REST, rows.REFUSED)
end

for name, before in pairs {
  ["a blank line before it"] = "\r\n", ["a LF before it"] = "\n", ["four blank lines before it"] = ("\r\n"):rep(4),
  ["a line of text before it"] = "hello\r\n", ["a header line before it"] = "X-Early: 1\r\n",
  ["a blank line after an interim response"] = "HTTP/1.1 100 Continue\r\n\r\n\r\n",
  ["a stray byte after an interim response"] = "HTTP/1.1 100 Continue\r\n\r\nx",
} do
  list:add(name, before .. "HTTP/1.1 200 OK" .. REST, rows.REFUSED)
end

list:add("of small letters after an interim response", "HTTP/1.1 103 Early Hints\r\n\r\nhttp/1.1 200 OK" .. REST, rows.REFUSED)
list:add("of HTTP/2 after an interim response", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/2 200 OK" .. REST, rows.REFUSED)
list:add("malformed in an interim response", "HTTP/1.1 0100 Continue\r\n\r\nHTTP/1.1 200 OK" .. REST, rows.REFUSED)
list:add("twice", "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK" .. REST, rows.REFUSED)
list:add("twice, the second with a colon", "HTTP/1.1 404 Not Found\r\nHTTP/1.1 200: OK" .. REST, rows.REFUSED)
list:add("absent, JSON only", rows.BODY .. "\r\n", rows.REFUSED)
list:add("absent, bytes that are no text", "\21\3\3\0\2\2\40\r\n\r\n", rows.REFUSED)

for _, status in ipairs { 404, 429, 503 } do
  for _, form in ipairs { "HTTP/1.1  %d Status", "HTTP/2 %d", "http/1.1 %d Status", "HTTP/1.1 %d\tStatus" } do
    local line = form:format(status)
    list:add(rows.shown(line), line .. "\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", rows.REFUSED)
  end
end

return list
