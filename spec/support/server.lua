-- A scripted TCP server in the process of the spec. Each accepted connection is given to the next
-- handler: straight-line code that reads requests and sends whatever bytes it likes.
--
--   local server = Server.start(tasks)                 -- tasks: spec.support.scheduler
--   server:handle(function(connection)
--     local request = connection:read_request()        -- nil when the client has gone
--     connection:send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
--     connection:reset()
--   end)
--   ... server.url; server.requests[1].method, .target, .headers["content-type"], .body, .connection
--   server:stop()
--
-- A connection is closed when its handler returns. Handlers are used up in order; `server:always`
-- sets the one for connections beyond them. Without a handler a connection is recorded and closed.

local scheduler = require "spec.support.scheduler"
local socket = require "socket"

local CHUNK = 65536

local Connection = {}
Connection.__index = Connection

-- Waits as the non-blocking socket asks. LuaSec says which way it wants to go; LuaSocket does not.
local WAITS = { wantread = "readable", wantwrite = "writable" }
local function wait_for(self, problem, otherwise)
  local wait = WAITS[problem] or problem == "timeout" and otherwise
  return wait and scheduler[wait](self.socket)
end

--- Waits for more bytes from the client.
-- @return false when it has closed the connection
function Connection:fill()
  while self.socket do
    local data, problem, partial = self.socket:receive(CHUNK)
    data = data or partial
    if data and #data > 0 then
      self.buffer = self.buffer .. data
      self.bytes_received = self.bytes_received + #data
      return true
    end
    if not wait_for(self, problem, "readable") then return false end
  end
  return false
end

--- Reads `count` bytes; nil when the connection ends before.
function Connection:read(count)
  while #self.buffer < count do
    if not self:fill() then return nil end
  end
  local data = self.buffer:sub(1, count)
  self.buffer = self.buffer:sub(count + 1)
  return data
end

-- The fields of a header block; of a repeated one the values are joined, as HTTP has it.
local function parse_head(head)
  local method, target = head:match("^(%S+) (%S+) HTTP/1%.[01]\r\n")
  local request = { head = head, method = method, target = target, headers = {} }
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    local key = name:lower()
    request.headers[key] = request.headers[key] and request.headers[key] .. ", " .. value or value
  end
  return request
end

--- Reads a whole request and records it with the server.
-- @return request: method, target, headers (lower-case names), body, head (its bytes), connection
--   (the number of the connection); nil when the connection ends before
function Connection:read_request()
  while not self.buffer:find("\r\n\r\n", 1, true) do
    if not self:fill() then return nil end
  end
  local request = parse_head(self:read(select(2, self.buffer:find("\r\n\r\n", 1, true))))
  request.body = self:read(tonumber(request.headers["content-length"]) or 0)
  if not request.body then return nil end
  request.connection = self.number
  local requests = self.server.requests
  requests[#requests + 1] = request
  return request
end

--- Sends all of `data`, as fast as the client takes it.
-- @return false when the client has gone
function Connection:send(data)
  local from = 1
  while from <= #data do
    if not self.socket then return false end
    local last, problem, partial = self.socket:send(data, from)
    from = (last or partial or 0) + 1
    if not last and not wait_for(self, problem, "writable") then return false end
  end
  return true
end

--- Sends a response with a Content-Length.
-- @param headers (may be absent) list of header lines
function Connection:answer(status, headers, body)
  local lines = { ("HTTP/1.1 %d Status"):format(status), ("Content-Length: %d"):format(#(body or "")) }
  for _, line in ipairs(headers or {}) do lines[#lines + 1] = line end
  return self:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or ""))
end

--- Sends one byte at a time, `seconds` apart, until all are sent or the client has gone.
function Connection:drip(data, seconds)
  for i = 1, #data do
    if not self:send(data:sub(i, i)) then return false end
    scheduler.pause(seconds)
  end
  return true
end

--- Waits for a time.
function Connection.pause(_, seconds) scheduler.pause(seconds) end

--- Does nothing more until the client ends the connection.
-- @return the bytes that came meanwhile, and were not read before
function Connection:stall()
  while self:fill() do end -- luacheck: ignore
  return self.buffer
end

--- Makes the connection TLS, as the server's side.
-- @param parameters of LuaSec's newcontext, or a context of it
-- @return true; or nil and LuaSec's message
function Connection:start_tls(parameters)
  local ssl = require "ssl"
  local wrapped, message = ssl.wrap(self.socket, parameters)
  if not wrapped then error("start_tls: " .. tostring(message), 2) end
  self.socket = wrapped
  wrapped:settimeout(0)
  while true do
    local done, problem = wrapped:dohandshake()
    if done then return true end
    if not wait_for(self, problem, "readable") then return nil, problem end
  end
end

local function copy_bytes(from, to)
  repeat until not to:send(from:read(#from.buffer)) or not from:fill()
  from:close()
  to:close()
end

--- Passes all bytes on to another server and back, as a proxy does, until either side ends.
-- @return false if nothing listens at that port of loopback
function Connection:tunnel(port)
  local outward = setmetatable({ socket = socket.tcp4(), buffer = "", bytes_received = 0 }, Connection)
  self.outward = outward
  outward.socket:settimeout(0)
  outward.socket:connect("127.0.0.1", port)
  scheduler.writable(outward.socket)
  if not outward.socket:getpeername() then
    outward:close()
    return false
  end
  self:send("HTTP/1.1 200 Connection established\r\n\r\n")
  self.server.tasks:spawn(function() copy_bytes(outward, self) end)
  copy_bytes(self, outward)
  return true
end

--- Ends the connection in good order (FIN; over TLS after a close_notify).
function Connection:close()
  if self.socket then self.socket:close() end
  self.socket = nil
  if self.outward then self.outward:close() end
end

-- Ends the connection under TLS, which gets no chance to say goodbye (close_notify): LuaSec finds the
-- descriptor closed already. LuaSocket's options need an object that holds the descriptor.
local function drop(self, linger)
  local sock = self.socket
  if sock and sock ~= self.plain_socket then
    local holder = socket.tcp4()
    holder:close()
    holder:setfd(sock:getfd())
    sock = holder
  end
  if sock and linger then sock:setoption("linger", { on = true, timeout = 0 }) end
  if sock then sock:close() end
  self:close()
end

--- Cuts the connection off (RST), whatever was sent before.
function Connection:reset()
  drop(self, true)
end

--- Ends the connection with FIN alone, also over TLS.
function Connection:cut()
  drop(self, false)
end

local Server = {}
Server.__index = Server

local function serve(self, accepted)
  accepted:settimeout(0)
  accepted:setoption("tcp-nodelay", true)
  local connection = setmetatable({
    server = self, socket = accepted, plain_socket = accepted, buffer = "",
    bytes_received = 0, number = #self.connections + 1,
  }, Connection)
  self.connections[connection.number] = connection
  local handler = table.remove(self.handlers, 1) or self.otherwise
  connection.task = self.tasks:spawn(function()
    if handler then handler(connection) end
    connection:close()
  end)
end

--- Starts a server on a port of loopback that the system chooses.
-- @param tasks a set of spec.support.scheduler
-- @param backlog (may be absent) connections that the system holds for a server that does not accept
-- @return server: url, port, requests (list), connections (list; bytes_received)
function Server.start(tasks, backlog)
  local listener = assert(socket.bind("127.0.0.1", 0, backlog or 128))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  local self = setmetatable({
    tasks = tasks, listener = listener, port = math.tointeger(tonumber(port)), handlers = {},
    requests = {}, connections = {},
  }, Server)
  self.url = "http://127.0.0.1:" .. self.port
  if backlog then return self end -- it does not accept
  self.task = tasks:spawn(function()
    while true do
      scheduler.readable(listener)
      local accepted = listener:accept()
      if accepted then serve(self, accepted) end
    end
  end)
  return self
end

--- Adds handlers, one for each connection to come.
function Server:handle(...)
  for _, handler in ipairs { ... } do self.handlers[#self.handlers + 1] = handler end
  return self
end

--- Adds a handler that responds to one request, and closes the connection: see Connection:answer.
function Server:respond(status, headers, body)
  return self:handle(function(connection)
    connection:read_request()
    connection:answer(status, { "Connection: close", table.unpack(headers or {}) }, body)
  end)
end

--- Sets the handler of the connections for which none was added.
function Server:always(handler)
  self.otherwise = handler
  return self
end

--- Closes everything. Stopping again does nothing.
function Server:stop()
  if self.task then self.tasks:stop(self.task) end
  for _, connection in ipairs(self.connections) do
    if connection.task then self.tasks:stop(connection.task) end
    connection:close()
  end
  self.listener:close()
end

return Server
