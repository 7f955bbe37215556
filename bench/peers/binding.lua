-- What the programs on Lua's bindings of libcurl share: the parts of a request, made as raw/common.c makes them, and
-- what they read from each response. It runs on Lua 5.1, too.

local settings = require "bench.module.settings"

local unpack = table.unpack or unpack -- luacheck: globals unpack

local binding = {}

local random = assert(io.open("/dev/urandom", "rb"))
random:setvbuf("full", 256)

-- A random UUID (version 4).
local function uuid()
  local b = { random:read(16):byte(1, 16) }
  b[7] = b[7] % 16 + 0x40
  b[9] = b[9] % 64 + 0x80
  return ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"):format(unpack(b, 1, 16))
end

local authorization = "Authorization: Bearer " .. settings.token

--- The parts of request number `index`.
-- @param escape function that percent-encodes a segment of a path
-- @return URL, list of header lines, body
function binding.parts(index, escape)
  local request = settings.request(index)
  local url = ("%s/api/publishers/%s/offers/%s/cancel?api-version=2017-10-31"):format(
    settings.base_url, escape(request.publisher), escape(request.offer))
  local headers = {
    "Accept: application/json",
    "x-ms-client-request-id: " .. uuid(),
    authorization,
    "Content-Type: application/json",
  }
  return url, headers, ('{"metadata":{"notification-emails":"%s"}}'):format(request.emails[1])
end

local location

--- To be called by libcurl with each header line of a response: keeps the location.
function binding.on_header(line)
  local name, value = line:match("^([OoLl][%w-]+): *([^\r]*)")
  if not name then return end
  name = name:lower()
  if name == "operation-location" or name == "location" and not location then location = value end
end

--- Sends the warm-up and the measured requests, and prints the figures.
-- @param cancel function that sends request number `index` and returns the status of the response
function binding.measure(cancel)
  local function run(count)
    for i = 0, count - 1 do
      location = nil
      assert(cancel(i) == 202 and location, "the response is not 202 with a location")
    end
  end
  run(settings.warm_up)
  local start = settings.now()
  run(settings.count)
  settings.report(start, settings.count)
end

return binding
