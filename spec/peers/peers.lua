-- Servers of other makers, started for a spec and stopped with it.

local cjson = require "cjson"
local Process = require "spec.support.process"
local Programs = require "spec.support.program"
local socket = require "socket"

local peers = {}

local Peer = {}
Peer.__index = Peer

--- Starts a program of node in the directory where its packages are (see run).
-- @param name its file in spec/peers; it prints a line of JSON, and ends when its input does
-- @return object with what that line holds, and stop()
function peers.node(name)
  local process = Process.start { "/bin/sh", "-c",
    'cd build/peers && exec node_modules/node-linux-*/bin/node "../../spec/peers/$0" 2>"$0.log"', name }
  local self = cjson.decode(process:read_line())
  self.process = process
  return setmetatable(self, Peer)
end

-- A program does not report a port that the system chose. Another process may take a free one first: then the next.
local ATTEMPTS = 5
local PATH = "PATH=$PATH:/usr/sbin; "

-- A shell watches standard input and ends the program with it.
local WATCH = PATH .. [["$@" >"$0/log" 2>&1 & server=$!
trap 'kill "$server" 2>/dev/null' EXIT
cat >/dev/null
{ kill "$server" && wait "$server"; } 2>/dev/null]]

--- Whether a program is installed. Where it has to be (CI=1), it is taken to be.
function peers.installed(program)
  return os.getenv "CI" == "1" or (os.execute(PATH .. "command -v " .. program .. " >/dev/null"))
end

local function free_port()
  local holder = assert(socket.bind("127.0.0.1", 0))
  local _, port = holder:getsockname()
  holder:close()
  return math.tointeger(tonumber(port))
end

local function listens(process, port)
  for _ = 1, 1000 do
    process:read_lines()
    if process.ended then return false end
    local connection = socket.tcp4()
    local connected = connection:connect("127.0.0.1", port)
    connection:close()
    if connected then return true end
    socket.sleep(0.01)
  end
  return false
end

--- Starts a program that is configured with a file.
-- @param row table: program, arguments, configuration; proxies.lua says what words between @ signs become
-- @param certificate table of spec.support.certificates
-- @param origin the origin's port
-- @return to-be-closed object with its port and stop()
function peers.program(row, certificate, origin)
  local shell = io.popen(('d=$(mktemp -d) && chmod 755 "$d" && cp %s "$d/certificate.pem" && cp %s "$d/key.pem" && '
    .. 'cat "$d/certificate.pem" "$d/key.pem" >"$d/both.pem" && echo "$d"'):format(certificate.certificate, certificate.key))
  local self = setmetatable({ directory = shell:read("l") }, Peer)
  shell:close()
  for _ = 1, ATTEMPTS do
    local values = { DIRECTORY = self.directory, ORIGIN = origin, PORT = free_port() }
    local function filled(text) return (text:gsub("@(%u+)@", values)) end
    Programs.write(self.directory .. "/conf", filled(row.configuration or ""))
    local words = { "/bin/sh", "-c", WATCH, self.directory, row.program }
    for word in filled(row.arguments):gmatch "%S+" do words[#words + 1] = word end
    self.process, self.port = Process.start(words), values.PORT
    if listens(self.process, self.port) then return self end
    self.process:stop()
  end
  local log = Programs.content(self.directory .. "/log")
  self:stop()
  error(row.program .. " did not start: " .. log)
end

--- Ends it and removes its files. Stopping again does nothing.
function Peer:stop()
  if self.process then self.process:stop() end
  self.process = nil
  if self.directory then os.execute(("rm -rf '%s'"):format(self.directory)) end
end

Peer.__close = Peer.stop

return peers
