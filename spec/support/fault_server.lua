-- The servers of spec/support/fault_server.py, as a spec uses them: one process, and a listener with a
-- script of its own for each case.
--
--   local faults = FaultServer.start(certificates)
--   local listener = faults:listen { transport = "https", steps = { { "reset" } } }
--   listener.port, listener.url
--   faults:heal(listener)                   -- from now on it is a good service
--   local record = faults:stop(listener)    -- what came in, when the client has closed
--   faults:finish()

local Process = require "spec.support.process"
local cjson = require "cjson"
local socket = require "socket"

local FaultServer = {}
FaultServer.__index = FaultServer

local PROGRAM = debug.getinfo(1, "S").source:match("^@(.*)%.lua$") .. ".py"
local PATIENCE = 15 -- seconds for one reply

--- Starts the process.
-- @param certificates of spec.support.certificates
function FaultServer.start(certificates)
  local self = setmetatable({ certificates = certificates }, FaultServer)
  self.process = Process.start { "/usr/bin/python3", PROGRAM }
  self.control = assert(socket.connect("127.0.0.1", tonumber(self.process:read_line())))
  self.control:setoption("tcp-nodelay", true)
  self.control:settimeout(PATIENCE)
  return self
end

local function say(self, order)
  assert(self.control:send(cjson.encode(order) .. "\n"))
  return cjson.decode((assert(self.control:receive("*l"))))
end

--- Opens a port.
-- @param order table: transport, and the further keys that the program's text tells; certificate is the
--   name of one
-- @return listener: id, port, url
function FaultServer:listen(order)
  local own = {}
  for name, value in pairs(order) do own[name] = value end
  local shown = self.certificates[order.certificate or "good"]
  own["do"], own.certificate, own.key, own.good = "start", shown.certificate, shown.key, self.certificates.good
  local listener = say(self, own)
  listener.port = math.tointeger(listener.port)
  listener.url = ("%s://127.0.0.1:%d"):format(order.transport == "http" and "http" or "https", listener.port)
  return listener
end

--- Has the kept connections of a listener meet what its script has for idle ones.
function FaultServer:idle(listener)
  say(self, { ["do"] = "idle", id = listener.id })
end

--- Makes a listener a good service, once its scripts have come to their end.
function FaultServer:heal(listener)
  say(self, { ["do"] = "heal", id = listener.id })
end

--- Closes a port whose clients have gone.
-- @return record: connections, handshakes, bytes (of requests, until it was healed), hanging, requests (list of connection,
--   method, target, authorization, good)
function FaultServer:stop(listener)
  return say(self, { ["do"] = "stop", id = listener.id })
end

--- Ends the process.
function FaultServer:finish()
  self.control:close()
  self.process:stop()
end

return FaultServer
