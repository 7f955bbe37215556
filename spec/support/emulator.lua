-- Starts, controls and stops the portal emulator from a specification. It needs LuaSocket and lua-cjson.
--
--     local client = require "spec.support.emulator"
--     local portal = client.start()                          -- manual clock; portal.url is its address
--     portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, cancel_seconds = 60 }
--     portal:fault { match = { method = "POST" }, status = 429, headers = { ["Retry-After"] = "3" } }
--     ... the client under test works with portal.url and the token "emulator-token" ...
--     portal:advance(60)
--     assert.equal("canceled", portal:state("contoso", "contoso-vm").operations[1].state)
--     portal:stop()
--
-- Every function raises where the emulator refuses or does not respond: a specification with a misspelt option fails.
-- doc/emulator.md lists the options of offers and faults. Numbers that come back are floats (lua-cjson), which compare equal
-- to integers.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local socket = require "socket"
local url = require "socket.url"

local client = {}

--- The token that the emulator accepts for every publisher.
client.TOKEN = "emulator-token"

--- What the emulator issues tokens to.
client.CREDENTIALS = { tenant = "emulator-tenant", client_id = "emulator-client", client_secret = "emulator-secret" }

--- The Unix time of a manual clock that was not moved.
client.EPOCH = 1509494400

--- The query that every request for the service needs.
client.API_VERSION = "api-version=2017-10-31"

local portal = {}
portal.__index = portal

-- What bin/cpp-portal does, without the C module, which may be built for another Lua: the emulator runs under Lua 5.4
-- whatever runs the specs, and no instrument of theirs sees it. A start that fails writes an empty line: nothing waits for
-- ever.
local COMMAND = [[
LUA_PATH_5_4='lua/?.lua;lua/?/init.lua;;' LUA_CPATH_5_4=';;' env -u LUA_INIT_5_4 -u LUA_INIT @LUA@ \
  -e 'os.exit(require "cpp.command"(arg), true)' /dev/null \
  emulate --watch-stdin --ready @DIRECTORY@/ready --clock @CLOCK@ --speed @SPEED@ @SCENARIO@ ||
  { code=$?; [ -p @DIRECTORY@/ready ] && echo >@DIRECTORY@/ready; exit $code; }]]

-- The default scenario: one offer is being published. It is not published again when this publish has ended.
local DEFAULT_SCENARIO = {
    offers = { { publisher = "contoso", offer = "contoso-vm", running = true, cancel_seconds = 4 } },
}

--- Starts an emulator and returns when it listens.
-- It ends with `stop`, or by itself when this process ends.
-- @param options (may be absent) `clock` "manual" (default: time stands still until `advance`) or "real"; `speed` of
--   the real clock; `scenario` table with the initial state (default: publisher contoso publishes contoso-vm once), or
--   false: the emulator's own default
-- @return the portal, with `url` (e.g. http://127.0.0.1:40001) and `port`
function client.start(options)
    options = options or {}
    local directory = os.tmpname() -- in it a FIFO, on which the emulator says that it is ready, and the scenario
    assert(os.remove(directory) and os.execute(("mkdir %s && mkfifo %s/ready"):format(directory, directory)))
    local file <close> = assert(io.open(directory .. "/scenario.json", "wb"))
    assert(file:write(cjson.encode(options.scenario or DEFAULT_SCENARIO)):flush())
    local process = assert(io.popen((COMMAND:gsub("@(%u+)@", {
        LUA = os.getenv "EMULATOR_LUA" or "lua5.4", DIRECTORY = directory, CLOCK = options.clock or "manual",
        SPEED = options.speed or 1,
        SCENARIO = options.scenario ~= false and "--scenario " .. directory .. "/scenario.json" or "",
    })), "w"))
    -- Open for writing as well: so this neither blocks nor meets an end of file before the emulator has opened it.
    local ready = assert(io.open(directory .. "/ready", "r+"))
    local line = ready:read("l")
    ready:close()
    os.execute("rm -r " .. directory)
    if line == "" then
        process:close()
        error("the portal emulator did not start; its standard error says why", 2)
    end
    local address = cjson.decode(line)
    return setmetatable({ url = address.url, port = math.tointeger(address.port), process = process }, portal)
end

-- LuaSocket sends the parts of a request one by one: without this each request would wait 40 ms for a late
-- acknowledgement (Nagle's algorithm).
local function connect()
    local connection = assert(socket.tcp4())
    connection:setoption("tcp-nodelay", true)
    return connection
end

--- Sends one plain request, on a connection of its own, and returns the response: for looking at the emulator itself.
-- @param method e.g. "GET"
-- @param path path and query
-- @param options (may be absent) `headers` (names to values), `body` (text), `token` (default: none)
-- @return `{ status =, headers = (lower case names), body =, json = (decoded body, where it is JSON) }`;
--   or nil and a message where there was no response
function portal:request(method, path, options)
    options = options or {}
    local headers = { ["Content-Length"] = options.body and #options.body }
    for name, value in pairs(options.headers or {}) do
        headers[name] = value
    end
    if options.token then
        headers.Authorization = "Bearer " .. options.token
    end
    local parts = {}
    local ok, status, answer_headers = http.request {
        method = method, url = self.url, uri = path, headers = headers, create = connect, redirect = false,
        source = options.body and ltn12.source.string(options.body), sink = ltn12.sink.table(parts),
    }
    if not ok then
        return nil, status
    end
    local answer = { status = status, headers = answer_headers, body = table.concat(parts) }
    local decoded, document = pcall(cjson.decode, answer.body)
    answer.json = decoded and document or nil
    return answer
end

--- Sends a request for the service, with the token that is valid for every publisher and the right version.
-- @param path path without query
-- @param options as for `request`, and `query` (further fields); a body is JSON where no content type is given
function portal:call(method, path, options)
    options = options or {}
    local headers = options.headers or {}
    if options.body then
        headers["Content-Type"] = headers["Content-Type"] or "application/json"
    end
    local query = options.query and options.query .. "&" .. client.API_VERSION or client.API_VERSION
    return self:request(method, path .. "?" .. query,
        { token = options.token or client.TOKEN, headers = headers, body = options.body })
end

local function command(self, method, path, document)
    local answer, problem = self:request(method, "/_portal/" .. path, {
        body = document and cjson.encode(document), headers = document and { ["Content-Type"] = "application/json" },
    })
    if not answer then
        error("portal emulator: no answer: " .. tostring(problem), 3)
    elseif answer.status ~= 200 then
        error("portal emulator: " .. answer.json.error, 3)
    end
    return answer.json
end

--- Fetches a document of the control interface, e.g. "clock".
function portal:get(path)
    return command(self, "GET", path)
end

for name, order in pairs {
    -- Creates an offer, or replaces one together with its operations: its options, or a list of such tables.
    offer = "PUT offers",
    -- Adds `publishers` (names), `tokens` ({ token =, publishers =, expires_in = }), `clients` ({ tenant =, client_id =,
    -- client_secret = or assertion =, ... }) and `identities` ({ client_id =, header =, ... }): a table of lists.
    configure = "POST configure",
    -- Appends a fault, or a list of faults.
    fault = "POST faults",
    -- Forgets all faults, and closes the connections on which a response is being withheld.
    clear_faults = "DELETE faults",
    -- Forgets the requests so far.
    clear_journal = "DELETE journal",
    -- Goes back to the start: scenario, clock, faults, journal.
    reset = "POST reset",
} do
    local method, path = order:match "(%u+) (%l+)"
    portal[name] = function(self, document) return command(self, method, path, document) end
end

--- What has become of an offer: `{ running =, operations = { { id =, kind =, state =, emails =, ... } },
--- emails_given = { { call =, emails = }, ... } }`.
function portal:state(publisher, offer)
    return command(self, "GET", "state?publisher=" .. url.escape(publisher) .. "&offer=" .. url.escape(offer))
end

--- Moves the clock forward.
-- @return the time of the clock
function portal:advance(seconds)
    return command(self, "POST", "clock", { advance = seconds }).now
end

--- The requests for the service since the last reset, oldest first: `{ method =, path =, query =, headers =, body =,
--- time =, connection =, status =, fault = }` each.
-- @param filter (may be absent) `method`, and `path` (Lua pattern): only requests that match both
function portal:journal(filter)
    local list = {}
    for _, entry in ipairs(command(self, "GET", "journal")) do
        if not filter or (not filter.method or entry.method == filter.method)
            and (not filter.path or entry.path:find(filter.path)) then
            list[#list + 1] = entry
        end
    end
    return list
end

--- Stops the emulator and waits until it has ended. Stopping again does nothing.
-- @return what io.close returns for a process: true where it ended well
function portal:stop()
    if not self.process then
        return true
    end
    -- Asked first, for the end of its standard input comes late where another child of this process has inherited it.
    pcall(command, self, "POST", "stop")
    local process = self.process
    self.process = nil
    return process:close()
end

return client
