-- Responses whose status line is not one: HTTP/1.0 or HTTP/1.1, one SP, three digits, then the end or SP and reason.

local rows = require "spec.faults.responses.rows"

local list = rows.list "status line"
local REST = "\r\n" .. rows.LENGTH .. "\r\n\r\n" .. rows.BODY

list:each("", {
  "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1200 OK", "HTTP/1.1:200 OK", "HTTP/2 200", "HTTP/2.0 200 OK",
  "HTTP/1.2 200 OK", "HTTP/0.9 200 OK", "HTTP/1 200 OK", "HTTP/1. 200 OK", "HTTP/01.1 200 OK", "HTTP/1.1.1 200 OK",
  "HTTP/1,1 200 OK", "HTTP /1.1 200 OK", "HTTP/-1.1 200 OK", "HTTP/\xef\xbc\x91.1 200 OK", "http/1.1 200 OK",
  "HTTPS/1.1 200 OK", "HTTP-1.1 200 OK", "HTTP/1.1", "HTTP/1.1 OK", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 02000",
  "HTTP/1.1 200OK", "HTTP/1.1 200\tOK", "HTTP/1.1 20x OK", "HTTP/1.1 x20 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 +20 OK",
  "HTTP/1.1 \xef\xbc\x9200 OK", "HTTP/", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "ICY 200 OK",
  "200 OK", "220 mail.invalid ESMTP", "SSH-2.0-OpenSSH_9.2", " HTTP/1.1 200 OK", "\xef\xbb\xbfHTTP/1.1 200 OK",
  "\0HTTP/1.1 200 OK", "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 OK\r", "HTTP/1.1 200\0",
  -- of a response that would be retried
  "HTTP/1.1  429 Status\r\nRetry-After: 0", "HTTP/2 503\r\nRetry-After: 0", "http/1.1 503 Status\r\nRetry-After: 0",
}, function(line) return line .. REST end, rows.REFUSED)

local EARLY = "HTTP/1.1 103 Early Hints\r\n\r\n"
list:each("after ", {
  "\r\n", "\n", "hello\r\n", "X-Early: 1\r\n", EARLY .. "\r\n", EARLY .. "x", "HTTP/1.1 0100 Continue\r\n\r\n",
  "HTTP/1.1 200 OK\r\n",
}, function(before) return before .. "HTTP/1.1 200 OK" .. REST end, rows.REFUSED)
list:each("", {
  EARLY .. "http/1.1 200 OK" .. REST, EARLY .. "HTTP/2 200 OK" .. REST, rows.BODY .. "\r\n", "\21\3\3\0\2\2\40\r\n\r\n",
}, function(bytes) return bytes end, rows.REFUSED)

return list
