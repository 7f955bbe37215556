-- Compares what the harness knows of its POSTs with what the servers saw.
--
--     lua5.4 requests.lua outcomes requests canaries
--
-- outcomes: lines "id most" of the harness: how often the service may have seen that POST at most; 0 where the err
-- said that it was not sent. requests, canaries: what the servers noted (torture/checks/servers.lua).

local outcomes, requests, canaries = table.unpack(arg)
-- Of requests to which the scenario gave no id, in a process without random numbers.
local NO_ID = { ["00000000-0000-4000-8000-000000000000"] = true, ["-"] = true }

local most, seen, posts, wrong = {}, {}, 0, 0

for line in io.lines(outcomes) do
  local id, count = line:match "^(%S+) (%d+)$"
  most[id] = math.tointeger(tonumber(count))
end
for line in io.lines(requests) do
  local id, method, length = line:match "^%S+ (%S+) (%S*) ?%S* ?(%S*)"
  if method == "POST" and not NO_ID[id] then
    seen[id] = (seen[id] or 0) + 1
    posts = posts + 1
    if length == "-" or length == "0" then
      print(id .. " came without its body, so no address would have been notified")
      wrong = wrong + 1
    end
  end
end
for id, count in pairs(seen) do
  -- Of a process that a library ended nothing is known but what its scenario does: "retries" sends twice.
  local right = most[id] or (id:find("-retries-", 1, true) and 2 or 1)
  if count > right then
    print(("%s was seen %d times, at most %d were right"):format(id, count, right))
    wrong = wrong + 1
  end
end
-- A TLS alert, as nginx writes it: what a TLS library sends, in plain, that fails before its first message.
local ALERT = [[^%d+ \x15\x03\x0[0-4]\x00\x02\x0[12]%S+$]]
for line in io.lines(canaries) do
  if not line:find(ALERT) then
    print("a server that must not be trusted saw a request: " .. line)
    wrong = wrong + 1
  end
end
print(("# %d POSTs seen by the servers"):format(posts))
os.exit(wrong == 0 and posts > 0)
