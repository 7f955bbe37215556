-- Lua-cURLv3 (https://github.com/Lua-cURL/Lua-cURLv3), one call after another on one easy handle: the same options as
-- in raw/common.c.

local binding = require "bench.peers.binding"
local curl = require "cURL"
local settings = require "bench.module.settings"

local easy = curl.easy {
  protocols = curl.PROTO_HTTPS + curl.PROTO_HTTP,
  http_version = curl.HTTP_VERSION_1_1,
  sslversion = curl.SSLVERSION_TLSv1_2,
  ssl_verifypeer = true,
  ssl_verifyhost = 2,
  accept_encoding = "gzip",
  useragent = "bench",
  nosignal = true,
  timeout_ms = 300000,
  connecttimeout_ms = 30000,
  writefunction = function() return true end,
  headerfunction = binding.on_header,
  post = true,
}
if settings.ca_file then easy:setopt_cainfo(settings.ca_file) end

local function escape(text)
  return easy:escape(text)
end

binding.measure(function(index)
  local url, headers, body = binding.parts(index, escape)
  easy:setopt_url(url)
  easy:setopt_httpheader(headers)
  easy:setopt_postfields(body)
  easy:perform()
  return easy:getinfo_response_code()
end)
