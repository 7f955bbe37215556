-- Sends batches of cancels through a proxy to the origin of origin.py, and compares the outcomes with its count.
--
--   lua5.4 spec/peers/cancels.lua BASE_URL CA_FILE ORIGIN_PORT RUNS CANCELS CONCURRENCY
--
-- Exits with 1 if the counts contradict the outcomes: a result that the origin did not receive, or a request that it
-- received although the client reports that it was not sent.

local cpp = require "cpp"
local http = require "socket.http"

local base_url, ca_file, origin = arg[1], arg[2], arg[3]
local runs, cancels, concurrency = tonumber(arg[4]), tonumber(arg[5]), tonumber(arg[6])

local function posts()
  return tonumber((assert(http.request(("http://127.0.0.1:%s/"):format(origin)))))
end

local list = {}
for i = 1, cancels do list[i] = { publisher = "contoso", offer = "offer-" .. i } end

local contradictions, total = 0, 0
for run = 1, runs do
  local before, started = posts(), cpp.core.monotonic()
  local client <close> = cpp.client{ base_url = base_url, ca_file = ca_file, token = "token", retries = 0 }
  local entries = client:cancel_all(list, { concurrency = concurrency })
  local seconds = cpp.core.monotonic() - started
  local results, ambiguous, failed, messages = 0, 0, 0, {}
  for _, entry in ipairs(entries) do
    local err = entry.err
    if not err then results = results + 1
    elseif err.ambiguous then ambiguous = ambiguous + 1
    else failed = failed + 1 end
    if err then messages[err.message] = (messages[err.message] or 0) + 1 end
  end
  local received = posts() - before
  print(("run %d: %d results, %d ambiguous, %d failed; the origin received %d; %.2f s"):format(
    run, results, ambiguous, failed, received, seconds))
  for message, count in pairs(messages) do print(("  %d x %s"):format(count, message)) end
  if received < results or received > results + ambiguous then contradictions = contradictions + 1 end
  total = total + ambiguous
end
print(("%d ambiguous of %d cancels, %d runs with contradictory counts"):format(total, runs * cancels, contradictions))
os.exit(contradictions == 0 and 0 or 1, true)
