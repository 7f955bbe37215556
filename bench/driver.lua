-- What the benchmark measures. Called by bench/run, which has started the servers.

local report = require "bench.report"
local runs = require "bench.runs"
local stats = require "bench.stats"

local quick = os.getenv "BENCH_QUICK" ~= ""
local rounds = quick and 3 or 9
local sizes = quick and { 1, 64, 1024 } or { 1, 16, 64, 256, 1024 }

local out = os.getenv "BENCH_OUT"
local rows, others, goals = {}, {}, {}

local function say(text)
  io.stderr:write("bench: ", text, "\n")
end

local function add_row(work, name, cell, reference)
  rows[#rows + 1] = report.row(work, name, cell, reference)
end

local function add_other(name, value)
  others[#others + 1] = { name, value }
end

local function add_goal(name, value, format, goal, goal_text)
  goals[#goals + 1] = { name = name, value = value, text = value and format:format(value), goal = goal,
                        goal_text = goal_text or ("<= " .. format):format(goal) }
end

-- One call after another: the easy loop, the module, and in rounds of their own what one would use
-- instead, with fewer calls because they take longer.
local function sequential(transport)
  local work = "sequential, " .. runs.transports[transport].name
  say(work)
  local function cell(program, count)
    return { program = program, transport = transport, warm_up = count // 10, count = count }
  end
  local raw, module = cell("easy", quick and 1000 or 3000), cell("sequential", quick and 1000 or 3000)
  runs.rounds({ raw, module }, rounds)
  add_row(work, "raw libcurl, easy", raw, raw)
  add_row(work, "cpp.cancel", module, raw)
  return stats.ratio(module.cpu_us, raw.cpu_us)
end

local PEERS = {
  { program = "lua_curl", name = "Lua-cURLv3", count = 1000 },
  { program = "luacurl", name = "luacurl, Lua 5.1", count = 1000, plain_only = true }, -- of another TLS library
  { program = "luasocket", name = "luasocket, luasec", count = 500 },
  { program = "popen", name = "curl, io.popen", count = 50 },
  { program = "fetch", name = "node, fetch", count = 1000 },
}

local function sequential_peers(transport)
  local work = "sequential, " .. runs.transports[transport].name
  for _, peer in ipairs(PEERS) do
    local missing = runs.missing(peer.program)
    if missing then
      say(("no row for %s: %s is missing"):format(peer.name, missing))
    elseif transport == "plain" or not peer.plain_only then
      say(work .. ", " .. peer.name)
      local raw = { program = "easy", transport = transport, warm_up = 100, count = 1000 }
      local cell = { program = peer.program, transport = transport, count = peer.count, warm_up = peer.count // 10 }
      runs.rounds({ raw, cell }, 3)
      add_row(work, peer.name, cell, raw)
    end
  end
end

local BATCH = {
  { "multi_poll", "raw curl_multi, poll" },
  { "multi_epoll", "raw curl_multi, epoll" },
  { "batch_core", "cpp.core" },
  { "batch_all", "cpp.cancel_all" },
}

-- Many at once. All sizes stand in one round, so that growth is a ratio within a round, too.
local function batch(transport, chosen)
  say("batch, " .. runs.transports[transport].name)
  local cells, list = {}, {}
  for _, size in ipairs(chosen) do
    -- The figure that is aimed at is one of 20,000 at 64.
    local count = quick and 4000 or size == 64 and transport == "plain" and 20000 or 8000
    for _, program in ipairs(BATCH) do
      local cell = { program = program[1], transport = transport, concurrency = size, count = count,
                     warm_up = 2 * size }
      cells[program[1]] = cells[program[1]] or {}
      cells[program[1]][size] = cell
      list[#list + 1] = cell
    end
  end
  runs.rounds(list, rounds)
  for _, size in ipairs(chosen) do
    local work = ("%d at once, %s"):format(size, runs.transports[transport].name)
    for _, program in ipairs(BATCH) do
      add_row(work, program[2], cells[program[1]][size], cells.multi_poll[size])
    end
  end
  return cells
end

local function batch_fetch(transport)
  if runs.missing("fetch") then return end
  local work = "64 at once, " .. runs.transports[transport].name
  say(work .. ", node")
  local raw = { program = "multi_poll", transport = transport, concurrency = 64, warm_up = 128, count = 4000 }
  local peer = { program = "fetch", transport = transport, concurrency = 64, warm_up = 128, count = 2000 }
  runs.rounds({ raw, peer }, 3)
  add_row(work, "node, fetch", peer, raw)
end

-- How much more a cancel costs at 1024 than at 64, for each program.
local function growth(cells)
  local ratios = {}
  for _, program in ipairs(BATCH) do
    local of = cells[program[1]]
    ratios[program[1]] = stats.ratio(of[1024].cpu_us, of[64].cpu_us)
    add_other("CPU per cancel at 1024 / at 64, " .. program[2],
              ("%.2f (%.2f-%.2f)"):format(ratios[program[1]].median, ratios[program[1]].min,
                                          ratios[program[1]].max))
  end
  return ratios
end

-- What the module adds to the CPU of a failed call: the difference to a raw program that does the same exchange and
-- keeps the body. The same difference of a successful call stands beside it.
local function failures()
  say("error")
  local function pair(raw, module, transport, count)
    local function cell(program)
      return { program = program, transport = transport, warm_up = count // 10, count = count }
    end
    return { raw = cell(raw), module = cell(module) }
  end
  local accepted = pair("easy", "sequential", "plain", quick and 1000 or 3000)
  local refused = pair("raw_failed", "failed", "refused", quick and 1000 or 3000)
  local long = pair("raw_failed", "failed", "long", quick and 40 or 200)
  runs.rounds({ accepted.raw, accepted.module, refused.raw, refused.module, long.raw, long.module }, rounds)
  local function added(name, cells)
    local difference = stats.difference(cells.module.cpu_us, cells.raw.cpu_us)
    add_other("CPU that cpp.cancel adds to raw libcurl, " .. name,
              ("%.1f µs (%.1f-%.1f)"):format(difference.median, difference.min, difference.max))
    return difference.median
  end
  added("202", accepted)
  add_goal("CPU that cpp.cancel adds to a call that fails", added("403", refused), "%.1f µs", 20)
  add_goal("the same with a message of 256 KiB", added("403 with a message of 256 KiB", long) / 1000, "%.2f ms", 10)
end

local function memory()
  say("memory")
  local count = 1000
  local function flight(program)
    return runs.once { program = program, transport = "silent", warm_up = 0, count = count }.bytes
  end
  add_other("resident bytes per request in flight, raw libcurl", ("%.0f"):format(flight "memory"))
  add_other("resident bytes per request in flight, cpp.core", ("%.0f"):format(flight "memory_flight"))
  local waiting = runs.once { program = "memory_wait", transport = "plain", warm_up = 200,
                              count = quick and 2000 or 10000, concurrency = 64 }
  add_other("resident bytes per waiting operation, cpp.map and wait", ("%.0f"):format(waiting.bytes))
  add_other("of them counted by Lua", ("%.0f"):format(waiting.heap))
  add_goal("resident memory per waiting operation", waiting.bytes / 1024, "%.1f KiB", 3.5)
end

local function steps()
  say("steps")
  local cell = { program = "steps", transport = "plain", warm_up = 512, count = quick and 4000 or 20000,
                 concurrency = 256 }
  runs.rounds({ cell }, rounds)
  local function add(name, figure)
    add_other("step(0) with 256 in flight, " .. name, ("%.0f µs"):format(stats.summary(figure).median))
  end
  add("median", cell.p50_us)
  add("99th percentile", cell.p99_us)
  add("longest", cell.max_us)
  add("99th percentile of its CPU", cell.p99_cpu_us)
  add("longest of its CPU", cell.max_cpu_us)
  add_goal("longest step(0), 99th percentile of its CPU", stats.summary(cell.p99_cpu_us).median / 1000, "%.2f ms", 1)
end

-- From the start of a process to its end: a Lua program that only requires the module, and a C program
-- that only initialises libcurl.
local function start()
  say("start")
  local cells = runs.processes({
    runs.compiled "init",
    runs.lua .. " -e 'require \"cpp\"'",
    runs.lua .. " -e ''",
  }, quick and 10 or 30, rounds)
  local names = { "C program, curl_global_init", "Lua program, require \"cpp\"", "Lua program, empty" }
  for i, cell in ipairs(cells) do
    add_other("process, " .. names[i], ("%.2f ms CPU, %.2f ms wall"):format(
      stats.summary(cell.cpu_us).median / 1000, stats.summary(cell.wall_us).median / 1000))
  end
  add_goal("require \"cpp\" / curl_global_init in C, wall", stats.ratio(cells[2].wall_us, cells[1].wall_us).median,
           "%.2f", 1.3)
end

-- Instructions of each program with one token: a short token shows what does not depend on its length.
local function instructions_with(token, sequential_goal, batch_goal)
  local bytes = (", token of %d bytes"):format(#token)
  local function count(program, concurrency)
    return runs.instructions({ program = program, transport = "plain", warm_up = 0, count = 1000,
                               concurrency = concurrency, token = token }, quick and 1 or 3)
  end
  local function add(name, value, reference)
    add_other("instructions, " .. name .. bytes, ("%.0f (%.2f)"):format(value, value / reference))
  end
  local easy, module = count("easy", 1), count("sequential", 1)
  add("sequential, raw libcurl, easy", easy, easy)
  add("sequential, cpp.cancel", module, easy)
  add_goal("instructions, sequential / raw easy loop" .. bytes, module / easy, "%.3f", sequential_goal)
  for _, peer in ipairs { PEERS[1], PEERS[2] } do
    if runs.missing(peer.program) then
      say(("no instructions of %s: %s is missing"):format(peer.name, runs.missing(peer.program)))
    else
      local value = count(peer.program, 1)
      add("sequential, " .. peer.name, value, easy)
      add_goal(("instructions, sequential / %s%s"):format(peer.name, bytes), module / value, "%.3f", 1)
    end
  end
  local poll, all = count("multi_poll", 64), count("batch_all", 64)
  add("64 at once, raw curl_multi, poll", poll, poll)
  add("64 at once, cpp.core", count("batch_core", 64), poll)
  add("64 at once, cpp.cancel_all", all, poll)
  add_goal("instructions, cancel_all at 64 / raw multi with poll" .. bytes, all / poll, "%.3f", batch_goal)
  io.stderr:write("\n")
end

local function instructions_of_failure()
  local function count(program)
    return runs.instructions({ program = program, transport = "refused", warm_up = 0, count = 1000 },
                             quick and 1 or 3)
  end
  local raw, module = count("raw_failed"), count("failed")
  add_other("instructions, 403, raw libcurl, easy", ("%.0f (1.00)"):format(raw))
  add_other("instructions, 403, cpp.cancel", ("%.0f (%.2f)"):format(module, module / raw))
  io.stderr:write("\n")
end

local function instructions()
  if runs.missing "valgrind" then return say "no instructions: valgrind is missing" end
  say("instructions")
  instructions_with(runs.token, 1.08, 1.12)
  instructions_with("abc", 1.15, 1.25)
  instructions_of_failure()
end

local function write_growth(cells)
  local columns = {}
  for i, program in ipairs(BATCH) do columns[i] = { program[2], cells[program[1]] } end
  report.growth(out .. "/growth.tsv", sizes, columns)
end

local function all_sequential()
  local ratio = sequential("plain")
  sequential_peers("plain")
  sequential("tls")
  sequential_peers("tls")
  add_goal("sequential cancel, CPU / raw easy loop", ratio.median, "%.2f", 1.10)
end

local function all_batches()
  local cells = batch("plain", sizes)
  batch_fetch("plain")
  batch("tls", sizes)
  local growths = growth(cells)
  local poll, all = cells.multi_poll[64], cells.batch_all[64]
  add_goal("cancel_all, 64 at once, CPU / raw multi with poll", stats.ratio(all.cpu_us, poll.cpu_us).median,
           "%.2f", 1.20)
  add_goal("the same, wall", stats.ratio(all.wall_us, poll.wall_us).median, "%.2f", 1.15)
  add_goal("cancel_all, CPU at 1024 / at 64", growths.batch_all.median, "%.2f", growths.multi_epoll.median,
           ("<= %.2f (raw multi with epoll)"):format(growths.multi_epoll.median))
  write_growth(cells)
end

-- In the order in which they run. bench/run lists their names for --only.
local PARTS = {
  { "sequential", all_sequential },
  { "batch", all_batches },
  { "error", failures },
  { "memory", memory },
  { "steps", steps },
  { "start", start },
  { "instructions", instructions },
}

local only = os.getenv "BENCH_ONLY"

local function is_wanted(part)
  if only ~= "" then return part == only end
  return part ~= "instructions" or os.getenv "BENCH_INSTRUCTIONS" ~= ""
end

for _, part in ipairs(PARTS) do
  if is_wanted(part[1]) then part[2]() end
end
report.write(("%s/%s.md"):format(out, only ~= "" and only or "results"), {
  rows = rows, others = others, goals = goals, rounds = rounds, circumstances = runs.circumstances(),
})
