-- The program curl, one call after another, started with io.popen. The CPU is that of this process and
-- of those it started.

local cjson = require "cjson"
local settings = require "bench.module.settings"

-- Seconds of CPU of the children that have ended: /proc counts them in hundredths (getconf CLK_TCK).
local function children()
  local file <close> = assert(io.open("/proc/self/stat"))
  local fields = file:read("a"):gsub("^.*%) ", "")
  local user, system = fields:match("^" .. ("%S+ "):rep(13) .. "(%d+) (%d+)")
  return (tonumber(user) + tonumber(system)) / 100
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function cancel(index)
  local request = settings.request(index)
  local body = cjson.encode { metadata = { ["notification-emails"] = table.concat(request.emails, ",") } }
  local url = ("%s/api/publishers/%s/offers/%s/cancel?api-version=2017-10-31"):format(
    settings.base_url, request.publisher, request.offer)
  local words = {
    "curl", "--silent", "--show-error", "--compressed", "--dump-header", "-", "--output", "/dev/null",
    "--header", quote "Accept: application/json",
    "--header", quote "Content-Type: application/json",
    "--header", quote("Authorization: Bearer " .. settings.token),
    "--header", quote("x-ms-client-request-id: " .. index),
    "--data-binary", quote(body), quote(url),
  }
  if settings.ca_file then
    table.insert(words, 2, "--cacert")
    table.insert(words, 3, quote(settings.ca_file))
  end
  local pipe = assert(io.popen(table.concat(words, " ")))
  local answer = pipe:read("a"):lower()
  assert(pipe:close() and answer:find("^http/%S+ 202") and answer:find("\noperation%-location: "), answer)
end

local function run(count)
  for i = 0, count - 1 do cancel(i) end
end

function settings.now()
  return { cpu = os.clock() + children(), wall = settings.wall() }
end

run(settings.warm_up)
local start = settings.now()
run(settings.count)
settings.report(start, settings.count)
