-- What the Lua programs share: their arguments, the request that each of them sends, and the clock. One of the peers
-- runs on Lua 5.1, so this file does, too.
--
-- Arguments: BASE_URL TOKEN WARM_UP COUNT CONCURRENCY [CA_FILE], as for the raw libcurl programs.

local socket = require "socket"

local settings = {
  base_url = arg[1],
  token = arg[2],
  warm_up = tonumber(arg[3]),
  count = tonumber(arg[4]),
  concurrency = tonumber(arg[5]),
  ca_file = arg[6],
}

-- The user agent is the raw programs', so that the same bytes go over the wire.
settings.client = {
  base_url = settings.base_url,
  token = settings.token,
  ca_file = settings.ca_file,
  user_agent = "bench",
}

--- Call number `index`, as a user would write it.
function settings.request(index)
  return {
    publisher = "contoso",
    offer = "contoso-vm-" .. index,
    emails = { "jondoe@contoso.com" },
  }
end

--- Seconds of time on the wall. From luasocket, so that the peers need no module of ours.
settings.wall = socket.gettime

--- The clock: CPU of this process (os.clock: user and system) and time on the wall, in seconds.
function settings.now()
  return { cpu = os.clock(), wall = settings.wall() }
end

--- Prints what each of `count` calls took since `start`, as the driver reads it.
function settings.report(start, count)
  local stop = settings.now()
  print(("cpu_us=%.3f wall_us=%.3f"):format((stop.cpu - start.cpu) * 1e6 / count,
                                            (stop.wall - start.wall) * 1e6 / count))
end

--- Bytes of this process that are in memory (Linux), and those of them that Lua counts as its own.
-- What is garbage is collected first.
function settings.resident()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open("/proc/self/status"))
  local kibibytes = file:read("*a"):match("VmRSS:%s*(%d+) kB")
  file:close()
  return tonumber(kibibytes) * 1024, collectgarbage("count") * 1024
end

--- Prints the bytes that each of `count` things added since `before`.
function settings.report_bytes(before, count, heap_before)
  local resident, heap = settings.resident()
  local line = ("bytes=%.0f"):format((resident - before) / count)
  if heap_before then line = line .. (" heap=%.0f"):format((heap - heap_before) / count) end
  print(line)
end

return settings
