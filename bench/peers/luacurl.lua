-- luacurl, Debian's package lua-curl, on Lua 5.1: one call after another on one easy handle, with the options of
-- raw/common.c that it knows. It cannot restrict the protocols, and it uses the libcurl that is built with GnuTLS.

local binding = require "bench.peers.binding"
local curl = require "curl"

local TLS_1_2 = 6 -- CURL_SSLVERSION_TLSv1_2, which it does not name

local easy = curl.easy_init()
easy:setopt(curl.OPT_HTTP_VERSION, curl.HTTP_VERSION_1_1)
easy:setopt(curl.OPT_SSLVERSION, TLS_1_2)
easy:setopt(curl.OPT_SSL_VERIFYPEER, 1)
easy:setopt(curl.OPT_SSL_VERIFYHOST, 2)
easy:setopt(curl.OPT_ACCEPT_ENCODING, "gzip")
easy:setopt(curl.OPT_USERAGENT, "bench")
easy:setopt(curl.OPT_NOSIGNAL, 1)
easy:setopt(curl.OPT_TIMEOUT_MS, 300000)
easy:setopt(curl.OPT_CONNECTTIMEOUT_MS, 30000)
easy:setopt(curl.OPT_POST, 1)
easy:setopt(curl.OPT_WRITEFUNCTION, function(data) return #data end)
local status -- it has no getinfo
easy:setopt(curl.OPT_HEADERFUNCTION, function(line)
  if line:find("^HTTP/") then status = tonumber(line:match(" (%d+)")) end
  binding.on_header(line)
  return #line
end)

binding.measure(function(index)
  local url, headers, body = binding.parts(index, curl.escape)
  easy:setopt(curl.OPT_URL, url)
  easy:setopt(curl.OPT_HTTPHEADER, headers)
  easy:setopt(curl.OPT_POSTFIELDS, body)
  easy:setopt(curl.OPT_POSTFIELDSIZE, #body)
  assert(easy:perform())
  return status
end)
