-- Running the programs of the benchmark: command lines, and the lines of figures that they print.

local stats = require "bench.stats"

local runs = {}

local env = os.getenv
local WORK, LUA, PIN = env "BENCH_WORK", env "BENCH_LUA", env "BENCH_PIN"

--- A token as long as those of Microsoft Entra: what a cell uses that has no `token`.
runs.token = ("e"):rep(1200)

--- Where the requests go. `ca`: the authority that signed the server's certificate.
runs.transports = {
  plain = { name = "HTTP/1.1", url = env "BENCH_PLAIN" },
  tls = { name = "HTTP/1.1, TLS", url = env "BENCH_TLS", ca = env "BENCH_CA" },
  refused = { name = "403", url = env "BENCH_REFUSED" },
  long = { name = "403 with a message of 256 KiB", url = env "BENCH_LONG" },
  silent = { name = "no answer", url = env "BENCH_SILENT" },
}

local function lua(script)
  return LUA .. " bench/" .. script
end

local programs = {
  easy = WORK .. "/easy",
  raw_failed = WORK .. "/failed",
  multi_poll = WORK .. "/multi_poll",
  multi_epoll = WORK .. "/multi_epoll",
  memory = WORK .. "/memory",
  sequential = lua "module/sequential.lua",
  failed = lua "module/failed.lua",
  batch_core = lua "module/batch_core.lua",
  batch_all = lua "module/batch_all.lua",
  steps = lua "module/steps.lua",
  memory_flight = lua "module/memory_flight.lua",
  memory_wait = lua "module/memory_wait.lua",
  lua_curl = lua "peers/lua_curl.lua",
  luacurl = "lua5.1 bench/peers/luacurl.lua",
  luasocket = lua "peers/luasocket.lua",
  popen = lua "peers/popen.lua",
  fetch = "env NODE_EXTRA_CA_CERTS=" .. env "BENCH_CA" .. " node bench/peers/fetch.mjs",
}

local function succeeds(command)
  return (os.execute(command .. " >/dev/null 2>&1"))
end

--- What is missing for a program to run; nil when nothing is.
function runs.missing(program)
  local needs = {
    lua_curl = { LUA .. " -e 'require \"cURL\"'", "Lua-cURLv3 for this Lua" },
    luacurl = { "lua5.1 -e 'require \"curl\" require \"socket\"'", "lua5.1 with lua-curl and luasocket" },
    luasocket = { LUA .. " -e 'require \"socket.http\" require \"ssl.https\" require \"cjson\"'",
                  "luasocket and luasec" },
    popen = { LUA .. " -e 'require \"socket\" require \"cjson\"' && command -v curl", "luasocket and curl" },
    fetch = { "node -e fetch", "node 18" },
    valgrind = { "valgrind --version", "valgrind" },
  }
  local need = needs[program]
  return need and not succeeds(need[1]) and need[2] or nil
end

-- Runs a command; returns what it printed. Ends the benchmark when the command fails.
local function output_of(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  if not pipe:close() then error("failed: " .. command:sub(1, 200), 0) end
  return output
end

-- The figures of a line "name=number name=number".
local function figures_of(output)
  local figures = {}
  for name, number in output:gmatch("([%w_]+)=([%d%.%-]+)") do figures[name] = tonumber(number) end
  assert(next(figures), "no figures came")
  return figures
end

local function command_of(cell, count)
  local transport = runs.transports[cell.transport]
  return table.concat({ programs[cell.program], transport.url, cell.token or runs.token, cell.warm_up,
                        count or cell.count, cell.concurrency or 1, transport.ca }, " ")
end

--- Runs a cell once.
-- @param cell table: program (a name of the table above), transport, warm_up and count (calls),
--   concurrency, token
-- @return table of figures, such as cpu_us and wall_us
function runs.once(cell)
  return figures_of(output_of(PIN .. " " .. command_of(cell)))
end

--- Runs cells side by side: the first round of all, then the second.
-- @param cells list of cells; each gets lists of its figures, by name, with one number for each round
-- @param rounds number
function runs.rounds(cells, rounds)
  for _ = 1, rounds do
    for _, cell in ipairs(cells) do
      for name, number in pairs(runs.once(cell)) do
        cell[name] = cell[name] or {}
        table.insert(cell[name], number)
      end
      io.stderr:write(".")
    end
  end
  io.stderr:write("\n")
end

local function instructions_of(command)
  local output = output_of(PIN .. " valgrind --tool=callgrind --callgrind-out-file=/dev/null " .. command .. " 2>&1")
  local number = output:match("refs:%s*([%d,]+)")
  return tonumber((number:gsub(",", "")))
end

--- Instructions of a cell in user space, for each call: of the calls alone, as the difference between a run with them
-- and one with a quarter of them.
-- @param rounds number: how often both are run; the median counts
function runs.instructions(cell, rounds)
  local few = cell.count // 4
  local counts = {}
  for i = 1, rounds do
    counts[i] = (instructions_of(command_of(cell)) - instructions_of(command_of(cell, few))) / (cell.count - few)
    io.stderr:write(".")
  end
  return stats.summary(counts).median
end

--- Runs a command of its own many times, in rounds with others: what a process costs from start to end.
-- @param commands list of shell words (strings)
-- @param times how often each runs in a round
-- @return list of tables with lists cpu_us and wall_us
function runs.processes(commands, times, rounds)
  local cells = {}
  for i = 1, #commands do cells[i] = { cpu_us = {}, wall_us = {} } end
  for _ = 1, rounds do
    for i, command in ipairs(commands) do
      local figures = figures_of(output_of(("%s %s/spawn %d %s"):format(PIN, WORK, times, command)))
      table.insert(cells[i].cpu_us, figures.cpu_us)
      table.insert(cells[i].wall_us, figures.wall_us)
      io.stderr:write(".")
    end
  end
  io.stderr:write("\n")
  return cells
end

--- The interpreter, and a program of the benchmark that was compiled.
runs.lua = LUA
function runs.compiled(name)
  return WORK .. "/" .. name
end

--- One line about the machine and the versions, for the report.
function runs.circumstances()
  local processor = output_of("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1"):gsub("%s+$", "")
  local cores = output_of("nproc"):gsub("%s+$", "")
  local kernel = output_of("uname -sr"):gsub("%s+$", "")
  local nginx = output_of("nginx -v 2>&1"):match("nginx/[%d%.]+")
  local libcurl = output_of(LUA .. " -e 'print(require(\"cpp.core\").libcurl)'"):gsub("%s+$", "")
  return ("%s, %s core(s), %s, libcurl %s, %s, %s; token of %d bytes; the server on %s"):format(
    processor, cores, kernel, libcurl, _VERSION, nginx, #runs.token,
    PIN ~= "" and "a core of its own" or "the same core")
end

return runs
