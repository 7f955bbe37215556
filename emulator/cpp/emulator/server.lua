-- The HTTP server, based on lua-http: reads requests, passes them to the service or the control interface, applies
-- faults, and writes the responses.

local answers = require "cpp.emulator.answers"
local control = require "cpp.emulator.control"
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local faults = require "cpp.emulator.faults"
local http_server = require "http.server"
local new_headers = require "http.headers".new
local page = require "cpp.emulator.page"
local requests = require "cpp.emulator.requests"
local tcp = require "socket".tcp
local util = require "http.util"

local server = {}
server.__index = server

-- Long, so that only the client closes a kept connection.
local IDLE_SECONDS = 24 * 3600
-- Seconds between two checks whether the client of a withheld response has disconnected.
local STALL_SECONDS = 0.1

-- Sends a response; ignores a client that has disconnected.
local function send(stream, method, answer)
    local headers = new_headers()
    headers:append(":status", string.format("%d", answer.status))
    for _, header in ipairs(answer.headers) do
        local name = header[1]
        -- lua-http writes this header itself, and knows it by its lower case name only.
        headers:append(name:lower() == "connection" and "connection" or name, header[2])
    end
    local body = answer.body or ""
    local bodiless = method == "HEAD" or answer.status == 204 or answer.status == 304
    if bodiless or body == "" then
        stream:write_headers(headers, true)
        return
    end
    headers:append("content-length", string.format("%d", #body))
    local sent = answer.truncated and body:sub(1, math.floor(#body / 2)) or body
    if stream:write_headers(headers, false) then
        -- lua-http closes a connection on which less than the announced length was written.
        stream:write_chunk(sent, not answer.truncated)
    end
end

-- Closes the connection of a stream without a response.
-- @param reset whether the client sees a reset instead of an end
local function abandon(stream, reset)
    local socket = stream.connection:take_socket()
    if not socket then
        return
    end
    if reset then
        -- cqueues does not offer SO_LINGER, but LuaSocket sets it on any descriptor lent to it. With a time of 0,
        -- close sends a reset (socket(7)).
        local lent = tcp()
        lent:setfd(socket:pollfd())
        lent:setoption("linger", { on = true, timeout = 0 })
        lent:setfd(-1)
    end
    socket:close()
end

-- Withholds the response until the client disconnects, or until all withheld responses are released.
local function stall(self, stream)
    local generation, socket = self.generation, stream.connection.socket
    local function client_has_gone()
        -- After a request with "Connection: close" lua-http itself has ended the reading side.
        return not stream.close_when_done and socket:eof("r") or socket:error("r")
    end
    while self.generation == generation and not client_has_gone() do
        cqueues.poll(self.released, STALL_SECONDS)
    end
    abandon(stream)
end

-- Reads a request; nil where there was none to read.
local function read_request(self, stream)
    local headers = stream:get_headers()
    if not headers then
        return nil
    end
    if (headers:get("expect") or ""):lower() == "100-continue" then
        stream:write_continue()
    end
    local body = stream:get_body_as_string()
    -- Still open: the client disconnected within the body, which lua-http does not distinguish from its end.
    if not body or stream.state == "open" then
        return nil
    end
    local fields = {}
    for name, value in headers:each() do
        if name:sub(1, 1) ~= ":" then
            fields[name] = fields[name] and fields[name] .. ", " .. value or value
        end
    end
    fields.host = headers:get(":authority") or self.authority
    local path, query = requests.split(headers:get(":path") or "")
    return { method = headers:get(":method"), path = path, query = query, headers = fields, body = body,
        segments = requests.segments(path), fields = requests.fields(query) }
end

-- The number of a connection: 1 for the first on which a request for the service came.
local function number_of(self, connection)
    if not self.numbers[connection] then
        self.connections = self.connections + 1
        self.numbers[connection] = self.connections
    end
    return self.numbers[connection]
end

local function add_standard_headers(self, request, answer)
    local ids, list = self.state.request_ids, answer.headers
    list[#list + 1] = { "Date", util.imf_date(math.floor(self.state.clock:wall())) }
    list[#list + 1] = { "X-Ms-Correlation-Request-Id", ids:guid() }
    list[#list + 1] = { "x-ms-request-id", ids:guid() }
    local client_id = request.headers["x-ms-client-request-id"]
    if client_id then
        list[#list + 1] = { "x-ms-client-request-id", client_id }
    end
end

-- The response of the service, with the standard headers. An error of the emulator itself becomes a 500.
local function act(self, request)
    local ok, answer = xpcall(function() return self.state:answer(request) end, debug.traceback)
    if not ok then
        io.stderr:write("portal emulator: ", answer, "\n")
        answer = answers.failure(500, "EmulatorError", "The emulator itself has failed; see its standard error.")
    end
    return answer
end

-- Handles a request for the service: applies faults, and writes an entry to the journal.
local function serve(self, stream, request)
    local entry = { method = request.method, path = request.path, query = request.query, headers = request.headers,
        body = request.body, time = self.state.clock:now(), connection = number_of(self, stream.connection) }
    self.state.journal:add(entry)
    local fault = self.state.faults:take(request.method, requests.decode(request.path))
    local answer
    if fault then
        entry.fault = faults.name(fault)
        answer = faults.answer(fault, function() return act(self, request) end)
        if fault.delay then
            cqueues.sleep(fault.delay)
        end
        if fault.action == "stall" then
            return stall(self, stream)
        elseif fault.action == "close" or fault.action == "reset" then
            return abandon(stream, fault.action == "reset")
        end
        answer.truncated = fault.action == "truncate"
    else
        answer = act(self, request)
    end
    add_standard_headers(self, request, answer)
    if fault then
        faults.set_headers(fault, answer)
    end
    entry.status = answer.status
    send(stream, request.method, answer)
end

-- The refusal of a request from a foreign web page, or nil. Such a page must not reach the interfaces that need no
-- token, neither with a form, nor by a host name that resolves to this machine.
local function refusal(self, request)
    local origin, host = request.headers.origin, request.headers.host
    local is_address = host:find("^[%d.]+:?%d*$") or host:find("^%[[%x:.]+%]:?%d*$") or host:find("^localhost:?%d*$")
    if origin and origin ~= "http://" .. host or self.is_local and not is_address then
        return answers.json(403, { error = "the request comes from a web page elsewhere" })
    end
end

local function on_stream(self, stream)
    -- lua-http raises an error for a few malformed requests; uncaught, it would read for ever.
    local read, request = util.yieldable_pcall(read_request, self, stream)
    if not read or not request then
        abandon(stream)
    elseif request.path:sub(1, #control.PREFIX) == control.PREFIX then
        send(stream, request.method, refusal(self, request) or control.answer(self, request))
        if self.stopping then
            self.stopped = true
        end
    elseif request.path == "/" and request.method == "GET" then
        send(stream, request.method, refusal(self, request) or page.answer(self.state))
    else
        serve(self, stream, request)
    end
end

--- Listens; raises an error if that is not possible.
-- @param options host, port (0: any free one), state (state.new)
-- @return the server, with `url` and `port`
function server.new(options)
    local self = setmetatable({ state = options.state, released = condition.new(), generation = 0,
        controller = cqueues.new(), waiting = {} }, server)
    self:forget_connections()
    self.listener = assert(http_server.listen {
        cq = self.controller, host = options.host, port = options.port, tls = false, version = 1.1, reuseaddr = true,
        intra_stream_timeout = IDLE_SECONDS, connection_setup_timeout = IDLE_SECONDS,
        onstream = function(_, stream) on_stream(self, stream) end,
        -- An error on a connection affects only its client.
        onerror = function() end,
    })
    assert(self.listener:listen())
    local _, host, port = self.listener:localname()
    self.port = port
    self.authority = util.to_authority(host, port)
    self.is_local = host == "::1" or host:find("^127%.") ~= nil
    self.url = "http://" .. self.authority
    return self
end

--- Forgets which connections there have been, so that their numbers start at 1 again.
function server:forget_connections()
    self.numbers, self.connections = setmetatable({}, { __mode = "k" }), 0
end

--- Restores the initial state, the numbers of connections and the withheld responses.
function server:reset()
    self.state:reset()
    self:forget_connections()
    self:release()
end

--- Closes the connections with withheld responses.
function server:release()
    self.generation = self.generation + 1
    self.released:signal()
end

--- Makes `run` return, after the response to the request that is being handled.
function server:stop()
    self.stopping = true
end

--- Runs a function beside the server; the server stops when it returns, or fails.
function server:until_done(wait)
    self.controller:wrap(function()
        self.waiting[coroutine.running()] = true
        wait()
        self.stopped = true
    end)
end

--- Serves until it is stopped.
function server:run()
    while not self.stopped do
        local ok, _, _, thread = self.controller:step()
        -- Any other error is one of a single connection, within lua-http: the others continue.
        if not ok and self.waiting[thread] then
            self.stopped = true
        end
    end
end

return server
