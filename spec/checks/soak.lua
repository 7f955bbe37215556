-- One cancel after another, and what memory they cost: `soak.lua count`.

local cpp = require "cpp"

local count = tonumber(arg[1])
local client = cpp.client { base_url = os.getenv "PLAIN_URL", token = "token-of-the-checks" }
local call = { publisher = "p", offer = "vm", emails = { "jondoe@contoso.com", "jane@contoso.com" } }

local function resident()
  collectgarbage()
  local file <close> = io.open "/proc/self/status"
  return tonumber(file:read("a"):match "VmRSS:%s*(%d+)")
end

local function descriptors()
  collectgarbage()
  local list <close> = io.popen "ls /proc/$PPID/fd | wc -l"
  return list:read "n"
end

local function cancel(times)
  for _ = 1, times do
    local result = assert(client:cancel(call))
    assert(result.status == 202 and result.location)
  end
end

-- Until the allocators have what they keep.
local first = math.min(10000, count // 2)
cancel(first)
local before, open = resident(), descriptors()
local started = cpp.core.monotonic()
cancel(count - first)
local seconds = cpp.core.monotonic() - started
local after = resident()
print(("figures: %d cancels; %d KiB resident after %d, %d KiB at the end; %.0f cancels/s"):format(count, before,
  first, after, (count - first) / seconds))
assert(after - before < 1024, "memory grows")
local left = descriptors()
assert(left <= open, ("%d descriptors are open, %d were"):format(left, open))
