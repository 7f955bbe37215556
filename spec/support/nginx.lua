-- nginx for a spec: TLS in front of anything, on ports that the system chooses.
--
--   local nginx = Nginx.start(certificates, [[
--     server { listen LISTEN; location / { return 202; } }
--     server { listen LISTEN_TLS; location / { proxy_pass http://127.0.0.1:8080; } }
--   ]])
--   nginx.urls[1], nginx.urls[2]        -- in the order in which they stand there
--   nginx:stop()
--
-- LISTEN and LISTEN_TLS each become an address with a port of its own.

local Process = require "spec.support.process"
local socket = require "socket"

local Nginx = {}
Nginx.__index = Nginx

-- nginx cannot say which port it was given, so free ones are looked for and, should another program have
-- taken one meanwhile, others after them.
local ATTEMPTS = 5

-- A shell watches standard input and ends nginx with it: nginx would outlive a spec that crashes.
local WATCH = [[nginx -p "$0" -c nginx.conf -e stderr & nginx=$!
trap 'kill "$nginx" 2>/dev/null' EXIT
cat >/dev/null
kill "$nginx" && wait "$nginx"]]

local CONFIGURATION = [[
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 100000;
  ssl_certificate %s; ssl_certificate_key %s;
%s
}
]]

local function free_port()
  local holder = assert(socket.bind("127.0.0.1", 0))
  local _, port = holder:getsockname()
  return holder, math.tointeger(tonumber(port))
end

-- Replaces the addresses to listen on, and notes the URL of each.
local function choose_ports(servers)
  local urls, holders = {}, {}
  local text = servers:gsub("LISTEN[%u%d_]*", function(kind)
    local holder, port = free_port()
    holders[#holders + 1] = holder -- until all are chosen, so that they differ
    urls[#urls + 1] = ("%s://localhost:%d"):format(kind == "LISTEN" and "http" or "https", port)
    return ("127.0.0.1:%d%s"):format(port, kind == "LISTEN_TLS" and " ssl" or "")
  end)
  for _, holder in ipairs(holders) do holder:close() end
  return text, urls
end

local function listens(url)
  local connection = socket.tcp4()
  local done = connection:connect("127.0.0.1", tonumber(url:match("%d+$")))
  connection:close()
  return done
end

-- Whether nginx has come up: its ports answer.
local function wait_for(self)
  local last = self.urls[#self.urls]
  for _ = 1, 500 do
    self.process:read_lines()
    if self.process.ended then return false end
    if listens(last) then return true end
    socket.sleep(0.01)
  end
  return false
end

--- Starts it.
-- @param certificates of spec.support.certificates: the good one is served
-- @param servers text: the server blocks
function Nginx.start(certificates, servers)
  for _ = 1, ATTEMPTS do
    local text, urls = choose_ports(servers)
    local shell = io.popen("mktemp -d")
    local directory = shell:read("l")
    shell:close()
    local file = assert(io.open(directory .. "/nginx.conf", "wb"))
    file:write(CONFIGURATION:format(certificates.good.certificate, certificates.good.key, text))
    file:close()
    local self = setmetatable({ directory = directory, urls = urls }, Nginx)
    self.process = Process.start { "/bin/sh", "-c", WATCH, directory }
    if wait_for(self) then return self end
    self:stop()
  end
  error("nginx did not start")
end

--- Ends it and removes its files. Stopping again does nothing.
function Nginx:stop()
  if not self.process then return end
  self.process:stop()
  self.process = nil
  os.execute(("rm -r '%s'"):format(self.directory))
end

return Nginx
