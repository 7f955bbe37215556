-- Cancels by the thousand, against a server that treats each as chance has it (servers.lua):
--
--     soak.lua requests
--
-- Each must have one outcome, which is true: nothing was sent more often than the attempts that were made of it, or
-- acted on twice; what was acted on is a result or an ambiguous error, and nothing else is a result. No text shows
-- a secret. Memory and descriptors stay as they are once the allocators have what they keep.

local cpp = require "cpp"
local socket = require "socket"

local url, requests = os.getenv "RAW_URL", tonumber(arg[1])
local ROUND = 5000
local WARM = math.min(50000, requests * 0.4) -- requests until the allocators have what they keep
local TOKEN, EMAIL = "token.of-the/soak", "jane.doe@contoso.example"

local attempts = {} -- of the requests of this round, by number
local renewals = 0

local function look_for_secrets(value)
  if type(value) == "table" then
    for name, inner in pairs(value) do
      -- What was asked for is the caller's own.
      if name ~= "request" then look_for_secrets(inner) end
    end
  elseif type(value) == "string" then
    assert(not value:find(TOKEN, 1, true) and not value:find(EMAIL, 1, true), "a secret shows")
  end
end

local function number_of(client_request_id)
  return math.tointeger(tonumber(client_request_id:match "^soak%-(%d+)$"))
end

local client = cpp.client {
  base_url = url,
  timeout = 1,
  -- After a 401 it is asked again, and has to have a new one.
  token = function()
    renewals = renewals + 1
    return TOKEN .. renewals, 3600
  end,
  log = function(entry)
    look_for_secrets(entry)
    if entry.method == "GET" then return end -- a read after a refused cancel, with the same id
    local number = number_of(entry.client_request_id)
    attempts[number] = attempts[number] + 1
    assert(entry.attempt == attempts[number])
  end,
}

local control = assert(socket.connect("127.0.0.1", tonumber(url:match "%d+$")))

-- How often each request of a round came to the server, and how often it was acted on.
local function counts(first, count)
  assert(control:send(("GET /counts/%d/%d HTTP/1.1\r\n\r\n"):format(first, count)))
  repeat local line = assert(control:receive "*l") until line == ""
  return assert(control:receive(count)), assert(control:receive(count))
end

local totals = { results = 0, ambiguous = 0, failed = 0, repeated = 0 }

local function check(entry, number, came, acted)
  local result, err = entry.result, entry.err
  assert((result == nil) ~= (err == nil), "not one outcome")
  assert(came <= attempts[number], ("came %d times, in %d attempts"):format(came, attempts[number]))
  assert(acted <= 1, "acted on twice")
  if result then
    assert(result.client_request_id == "soak-" .. number and acted == 1, "a result that is none")
    totals.results = totals.results + 1
  else
    look_for_secrets(err)
    look_for_secrets(tostring(err))
    assert(err.attempts == attempts[number], "attempts are miscounted")
    assert(acted == 0 or err.ambiguous, tostring(err))
    local kind = err.ambiguous and "ambiguous" or "failed"
    totals[kind] = totals[kind] + 1
  end
  if attempts[number] > 1 then totals.repeated = totals.repeated + 1 end
end

local function round(first, count)
  local list, ended = {}, {}
  attempts = {}
  for i = 1, count do
    list[i] = { publisher = "p", offer = "vm", emails = EMAIL, client_request_id = "soak-" .. first + i - 1 }
    attempts[first + i - 1] = 0
  end
  local entries = client:cancel_all(list, {
    concurrency = 64,
    on_result = function(index) ended[index] = (ended[index] or 0) + 1 end,
  })
  assert(#entries == count)
  local came, acted = counts(first, count)
  for i, entry in ipairs(entries) do
    assert(ended[i] == 1, "a request did not end once")
    check(entry, first + i - 1, came:byte(i), acted:byte(i))
  end
end

local function resident()
  collectgarbage()
  collectgarbage()
  local file <close> = io.open "/proc/self/status"
  return tonumber(file:read("a"):match "VmRSS:%s*(%d+)")
end

local function descriptors()
  local list <close> = io.popen "ls /proc/$PPID/fd | wc -l"
  return list:read "n"
end

local open = descriptors()
local warm, after -- KiB resident
local started = cpp.core.monotonic()
for first = 0, requests - 1, ROUND do
  round(first, math.min(ROUND, requests - first))
  after = resident()
  if not warm and first + ROUND >= WARM then warm = after end
  assert(descriptors() <= open + 64 + 2, "descriptors are left open") -- the client keeps some connections
end
local seconds = cpp.core.monotonic() - started
client:close()
local left = descriptors()

print(("# %d requests in %.0f s: %d results, %d ambiguous, %d failed, %d sent again; %d KiB resident after %d,"
  .. " %d at the end"):format(requests, seconds, totals.results, totals.ambiguous, totals.failed, totals.repeated,
  warm, WARM, after))
assert(left < open, ("%d descriptors are open, %d were"):format(left, open))
assert(after - warm < 1024, "memory grows")
