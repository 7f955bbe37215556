-- The portal emulator: a server that answers as the publishing interface of the Cloud Partner Portal does, for
-- specifications and demonstrations. README.md describes its options, its control interface and its faults.
--
--     lua5.1 spec/portal/main.lua --help
-- luacheck: std lua51

-- The modules stand beside this file, as portal.<name>, whatever the working directory.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../?.lua;" .. package.path

local argparse = require "argparse"
local clock = require "portal.clock"
local cqueues = require "cqueues"
local json = require "portal.json"
local server = require "portal.server"
local signal = require "cqueues.signal"
local state = require "portal.state"

local function fail(message)
    io.stderr:write("portal emulator: ", message, "\n")
    os.exit(2)
end

local function read_arguments()
    local parser = argparse("main.lua", "A server that answers as the publishing interface of the Cloud Partner "
        .. "Portal does.", "The token emulator-token is valid for every publisher. See README.md for the control "
        .. "interface under /_portal/.")
    local function number(text)
        return tonumber(text), "a number is needed, not '" .. text .. "'"
    end
    parser:option("--host", "Address to listen at.", "127.0.0.1")
    parser:option("--port", "Port to listen at; 0 takes a free one.", "0"):convert(number)
    parser:option("--ready", "File (or FIFO) to write one line of JSON to once it listens: url and port.")
        :argname("<file>")
    parser:flag("--watch-stdin", "Exit at the end of standard input.")
    parser:option("--clock", "real: time passes; manual: time passes by the control interface only.", "real")
        :choices { "real", "manual" }
    parser:option("--speed", "Seconds that pass on the real clock in one second.", "1"):convert(number)
    parser:option("--scenario", "JSON file with what there is at the start."):argname("<file>")
    local ok, result = parser:pparse(arg)
    if not ok then
        fail(result)
    end
    return result
end

local function read_file(name)
    local file, problem = io.open(name, "rb")
    if not file then
        fail(problem)
    end
    local text = file:read("*a")
    file:close()
    return text
end

local function make_server(arguments)
    local ok, result = pcall(function()
        local text = arguments.scenario and read_file(arguments.scenario)
        return server.new {
            host = arguments.host, port = arguments.port,
            state = state.new(clock.new(arguments.clock, arguments.speed), text),
        }
    end)
    if not ok then
        fail(tostring(result))
    end
    return result
end

local function announce(arguments, portal)
    if not arguments.ready then
        io.stdout:write("portal emulator at ", portal.url, "\n")
        io.stdout:flush()
        return
    end
    local file, problem = io.open(arguments.ready, "w")
    if not file then
        fail(problem)
    end
    file:write(json.encode { url = portal.url, port = portal.port }, "\n")
    file:close()
end

-- Returns at the end of standard input; fails at once for a file, which cannot be polled (epoll_ctl(2): EPERM).
local function wait_for_end_of_input()
    io.stdin:setvbuf("no")
    repeat
        cqueues.poll { pollfd = 0, events = "r" }
    until not io.stdin:read(1)
end

-- Returns when the process is asked to end.
local function wait_for_signal()
    signal.block(signal.SIGTERM, signal.SIGINT)
    signal.listen(signal.SIGTERM, signal.SIGINT):wait()
end

local arguments = read_arguments()
signal.ignore(signal.SIGPIPE)
local portal = make_server(arguments)
portal:until_done(wait_for_signal)
if arguments.watch_stdin then
    portal:until_done(wait_for_end_of_input)
end
announce(arguments, portal)
portal:run()
os.exit(0)
