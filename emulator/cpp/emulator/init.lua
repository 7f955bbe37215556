-- The portal emulator: a server that responds as the publishing interface of the Cloud Partner Portal does, for
-- demonstrations and tests. doc/emulator.md describes its options, its control interface and its faults;
-- `cpp-portal emulate` starts it.

-- Debian installs lua-http and the Lua files that it needs for older versions of Lua only. They run under Lua 5.4.
if not package.searchpath("http.server", package.path) then
    package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua;/usr/share/lua/5.1/?.lua"
end

local clock = require "cpp.emulator.clock"
local cqueues = require "cqueues"
local json = require "cpp.emulator.json"
local server = require "cpp.emulator.server"
local signal = require "cqueues.signal"
local state = require "cpp.emulator.state"
local tokens = require "cpp.emulator.tokens"

local emulator = {}

-- Raises wrong options as a table, which distinguishes them from errors of the emulator itself.
local function wrong(message)
    error({ usage = message }, 0)
end

local function read_file(name)
    local file, problem = io.open(name, "rb")
    local text = file and file:read("a")
    if not text then
        wrong("--scenario: " .. (problem or name .. " cannot be read"))
    end
    file:close()
    return text
end

local function check(options)
    local port, speed = options.port or 0, options.speed or 1
    if math.type(port) ~= "integer" or port < 0 or port > 65535 then
        wrong("--port: expected a port, from 0 to 65535")
    elseif not (speed > 0 and speed < math.huge) then
        wrong("--speed: expected a number above 0")
    end
end

-- The state at the start, with the faults of the command line after those of the scenario.
local function make_state(options)
    local own_clock = clock.new(options.clock or "real", options.speed)
    local faults = {}
    for index, text in ipairs(options.faults or {}) do
        local fault, problem = json.decode(text)
        faults[index] = type(fault) == "table" and json.without_nulls(fault)
            or wrong("--fault: " .. (problem or "expected a JSON object"))
    end
    local ok, result = pcall(state.new, own_clock, options.scenario and read_file(options.scenario), faults)
    return ok and result or wrong(result)
end

local function listen(options)
    local host, port = options.host or "127.0.0.1", options.port or 0
    local own_state = make_state(options)
    local ok, result = pcall(server.new, { host = host, port = port, state = own_state })
    return ok and result
        or error(("emulate: cannot listen at %s, port %d: %s"):format(host, port, (result:gsub("^[^ ]*:%d+: ", ""))), 0)
end

local TEXT = [[
The portal emulator listens at %s; open this page to see its offers and the received requests.
To use it:  export CPP_BASE_URL=%s AZURE_TOKEN=%s
]]

local function announce(options, portal)
    if options.ready then
        local file, problem = io.open(options.ready, "w")
        if not file then
            wrong("--ready: " .. problem)
        end
        file:write(json.encode { url = portal.url, port = portal.port }, "\n")
        file:close()
    else
        io.stdout:write(TEXT:format(portal.url, portal.url, tokens.DEFAULT_TOKENS[1].token))
        io.stdout:flush()
    end
end

-- Returns at the end of standard input; fails at once for a file, which cannot be polled (epoll_ctl(2): EPERM).
local function wait_for_end_of_input()
    io.stdin:setvbuf("no")
    repeat
        cqueues.poll { pollfd = 0, events = "r" }
    until not io.stdin:read(1)
end

-- Returns at SIGINT or SIGTERM.
local function wait_for_signal()
    signal.block(signal.SIGTERM, signal.SIGINT)
    signal.listen(signal.SIGTERM, signal.SIGINT):wait()
end

--- Runs an emulator until it is stopped: by a signal, or through its control interface.
-- @param options table: host, port, scenario (name of a file), faults (list of JSON texts), clock, speed, ready,
--   watch_stdin, as doc/emulator.md describes them
-- Raises a table with `usage`, a message, if they are wrong.
function emulator.run(options)
    check(options)
    signal.ignore(signal.SIGPIPE)
    local portal = listen(options)
    portal:until_done(wait_for_signal)
    if options.watch_stdin then
        portal:until_done(wait_for_end_of_input)
    end
    announce(options, portal)
    portal:run()
end

return emulator
