-- The servers of cases that real programs make: one nginx for all of its cases, and an openssl s_server for each.
--
--   local servers = RealServers.start(certificates, cases)   -- of cases: nginx or s_server, transports
--   servers:url(case, transport)                             -- nil: the case is not one of these
--   servers:requests(case, transport)                        -- how many nginx got so far; nil: unknown
--   servers:stop()

local Nginx = require "spec.support.nginx"
local Process = require "spec.support.process"

local RealServers = {}
RealServers.__index = RealServers

local LISTEN = { http = "LISTEN", https = "LISTEN_TLS" }
local FORMAT = "log_format requests '$server_port';"
local SERVER = "server { listen %s; access_log requests.log requests; %s }"

local function start_nginx(self, certificates, cases)
  local blocks, places = { FORMAT }, {}
  for _, case in ipairs(cases) do
    for _, transport in ipairs(case.nginx and case.transports or {}) do
      blocks[#blocks + 1] = SERVER:format(LISTEN[transport], case.nginx)
      places[#places + 1] = case.name .. transport
    end
  end
  self.nginx = Nginx.start(certificates, table.concat(blocks, "\n"))
  for i, place in ipairs(places) do self.urls[place] = self.nginx.urls[i] end
end

-- It says where it listens, and ends when it is told to.
local function start_openssl(self, certificates, case)
  local words = {
    "/bin/sh", "-c", 'exec openssl "$@" 2>/dev/null', "", "s_server", "-accept", "127.0.0.1:0",
    "-cert", certificates.good.certificate, "-key", certificates.good.key, table.unpack(case.s_server),
  }
  local process = Process.start(words)
  self.processes[#self.processes + 1] = process
  local port
  repeat port = process:read_line():match "^ACCEPT .*:(%d+)" until port
  self.urls[case.name .. "https"] = "https://localhost:" .. port
end

--- Starts them.
-- @param certificates of spec.support.certificates
-- @param cases list; the texts of those that are meant have no places left to fill
function RealServers.start(certificates, cases)
  local self = setmetatable({ urls = {}, processes = {} }, RealServers)
  start_nginx(self, certificates, cases)
  for _, case in ipairs(cases) do
    if case.s_server then start_openssl(self, certificates, case) end
  end
  return self
end

--- The URL of a case's server.
function RealServers:url(case, transport)
  return self.urls[case.name .. transport]
end

--- How many requests nginx has got of a case so far.
function RealServers:requests(case, transport)
  if not case.nginx then return nil end
  local port, count = self:url(case, transport):match "%d+$", 0
  for line in io.lines(self.nginx.directory .. "/requests.log") do
    if line == port then count = count + 1 end
  end
  return count
end

--- Ends them.
function RealServers:stop()
  self.nginx:stop()
  for _, process in ipairs(self.processes) do process:stop "sigterm" end
end

return RealServers
