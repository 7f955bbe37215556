-- LuaSocket and LuaSec, one call after another, as their documentation shows it: a connection for each
-- request, since neither keeps them.

local cjson = require "cjson"
local http = require "socket.http"
local https = require "ssl.https"
local ltn12 = require "ltn12"
local settings = require "bench.module.settings"

local function uuid()
  return (("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx"):gsub("x", function()
    return ("%x"):format(math.random(0, 15))
  end))
end

local function escape(text)
  return (text:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function cancel(index)
  local request = settings.request(index)
  local body = cjson.encode { metadata = { ["notification-emails"] = table.concat(request.emails, ",") } }
  local options = {
    url = ("%s/api/publishers/%s/offers/%s/cancel?api-version=2017-10-31"):format(
      settings.base_url, escape(request.publisher), escape(request.offer)),
    method = "POST",
    headers = {
      ["accept"] = "application/json",
      ["authorization"] = "Bearer " .. settings.token,
      ["content-type"] = "application/json",
      ["content-length"] = #body,
      ["x-ms-client-request-id"] = uuid(),
    },
    source = ltn12.source.string(body),
    sink = ltn12.sink.null(),
    redirect = false,
  }
  local transport = http
  if settings.ca_file then
    transport = https
    options.verify, options.cafile, options.protocol = "peer", settings.ca_file, "any"
    options.options = { "all", "no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1" }
    options.redirect = nil -- ssl.https does not take it
  end
  local done, status, headers = transport.request(options)
  assert(done and status == 202 and headers["operation-location"], status)
end

local function run(count)
  for i = 0, count - 1 do cancel(i) end
end

run(settings.warm_up)
local start = settings.now()
run(settings.count)
settings.report(start, settings.count)
