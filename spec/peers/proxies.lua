-- Servers in front of a service, and forward proxies: cancels through them, many at once, compared with what the origin
-- received.

local cjson = require "cjson"
local cpp = require "cpp"
local Certificates = require "spec.support.certificates"
local http = require "socket.http"
local peers = require "spec.peers.peers"
local Process = require "spec.support.process"

local CANCELS, CONCURRENCY = 1000, 64

-- In the texts: @PORT@, where it is to listen; @ORIGIN@, the origin's port; @DIRECTORY@, one of its own with these files
-- in it: conf, the configuration; certificate.pem, key.pem, and both.pem, which holds both.
local FRONTS = {
  { name = "nginx", program = "nginx", arguments = "-p @DIRECTORY@ -c conf -e stderr", configuration = [[
    daemon off; pid pid; error_log stderr crit; worker_processes 2;
    events { worker_connections 512; }
    http {
      access_log off;
      client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
      server {
        listen 127.0.0.1:@PORT@ ssl; ssl_certificate certificate.pem; ssl_certificate_key key.pem;
        location / { proxy_pass http://127.0.0.1:@ORIGIN@; }
      }
    }]] },
  { name = "HAProxy", program = "haproxy", arguments = "-db -f @DIRECTORY@/conf", configuration = [[
    defaults
      mode http
      timeout connect 5s
      timeout client 30s
      timeout server 30s
    listen front
      bind 127.0.0.1:@PORT@ ssl crt @DIRECTORY@/both.pem
      server origin 127.0.0.1:@ORIGIN@
]] },
  { name = "Caddy", program = "caddy", arguments = "run --adapter caddyfile --config @DIRECTORY@/conf", configuration = [[
    {
      admin off
      auto_https off
      storage file_system @DIRECTORY@
    }
    https://localhost:@PORT@ {
      bind 127.0.0.1
      tls @DIRECTORY@/certificate.pem @DIRECTORY@/key.pem
      reverse_proxy 127.0.0.1:@ORIGIN@
    }]] },
  { name = "lighttpd", program = "lighttpd", arguments = "-D -f @DIRECTORY@/conf", configuration = [[
    server.modules = ("mod_openssl", "mod_proxy")
    server.document-root = "@DIRECTORY@"
    server.bind = "127.0.0.1"
    server.port = @PORT@
    ssl.engine = "enable"
    ssl.pemfile = "@DIRECTORY@/both.pem"
    proxy.server = ("" => (("host" => "127.0.0.1", "port" => @ORIGIN@)))]] },
  { name = "Varnish", program = "varnishd", plain = true,
    arguments = "-F -a 127.0.0.1:@PORT@ -b 127.0.0.1:@ORIGIN@ -n @DIRECTORY@ -s malloc,16m" },
  -- The event MPM discards requests on connections that it closes: doc/faults.md. Its numbers are the defaults of Debian's package.
  { name = "Apache", program = "apache2", arguments = "-f @DIRECTORY@/conf -DFOREGROUND", loses = true, configuration = [[
    ServerRoot "@DIRECTORY@"
    DefaultRuntimeDir "@DIRECTORY@"
    PidFile "@DIRECTORY@/pid"
    ErrorLog "@DIRECTORY@/error.log"
    ServerName localhost
    Listen 127.0.0.1:@PORT@
    LoadModule mpm_event_module "/usr/lib/apache2/modules/mod_mpm_event.so"
    LoadModule authz_core_module "/usr/lib/apache2/modules/mod_authz_core.so"
    LoadModule ssl_module "/usr/lib/apache2/modules/mod_ssl.so"
    LoadModule proxy_module "/usr/lib/apache2/modules/mod_proxy.so"
    LoadModule proxy_http_module "/usr/lib/apache2/modules/mod_proxy_http.so"
    User nobody
    Group nogroup
    StartServers 2
    MinSpareThreads 25
    MaxSpareThreads 75
    ThreadLimit 256
    MaxRequestWorkers 150
    SSLEngine on
    SSLCertificateFile "@DIRECTORY@/certificate.pem"
    SSLCertificateKeyFile "@DIRECTORY@/key.pem"
    ProxyPass / http://127.0.0.1:@ORIGIN@/
]] },
}

local FORWARD = {
  { name = "squid", program = "squid", arguments = "-N -f @DIRECTORY@/conf", configuration = [[
    http_port 127.0.0.1:@PORT@
    http_access allow all
    access_log none
    cache_log /dev/null
    pid_filename none
    shutdown_lifetime 0 seconds
]] },
  { name = "tinyproxy", program = "tinyproxy", arguments = "-d -c @DIRECTORY@/conf", configuration = [[
    Port @PORT@
    Listen 127.0.0.1
    Timeout 60
    MaxClients 200
    LogLevel Critical]] },
}

describe(("%d cancels, %d at once, through"):format(CANCELS, CONCURRENCY), function()
  local certificates, origin, plain_port, tls_port
  local list = {}
  for i = 1, CANCELS do list[i] = { publisher = "contoso", offer = "offer-" .. i } end

  setup(function() certificates = Certificates.make() end)
  teardown(function() certificates:remove() end)

  before_each(function()
    origin = Process.start { "/usr/bin/python3", "spec/peers/origin.py", certificates.good.certificate, certificates.good.key }
    plain_port, tls_port = origin:read_line():match "(%d+) (%d+)"
  end)
  after_each(function() origin:stop() end)

  -- How often the origin received each target.
  local function received() return cjson.decode((http.request("http://127.0.0.1:" .. plain_port))) end

  -- Whether each outcome is true: a result was received once, what is ambiguous once or never, anything else never.
  local function run(options, loses)
    options.ca_file, options.token = certificates.ca_file, "token"
    local client <close> = cpp.client(options)
    local before = received()
    local entries = client:cancel_all(list, { concurrency = CONCURRENCY })
    local after, ambiguous, messages = received(), 0, {}
    for index, entry in ipairs(entries) do
      local target = ("/api/publishers/contoso/offers/offer-%d/cancel?api-version=2017-10-31"):format(index)
      local times, err = (after[target] or 0) - (before[target] or 0), entry.err
      if err then messages[#messages + 1] = tostring(err) end
      if err and err.ambiguous then ambiguous = ambiguous + 1 end
      assert.is_true(times == (err and 0 or 1) or times == 1 and err.ambiguous, target .. ": " .. times)
    end
    if loses then
      print(("%d of %d were ambiguous"):format(ambiguous, CANCELS))
      assert.equal(ambiguous, #messages)
    else
      assert.same({}, messages)
    end
  end

  local function test(row, options_of)
    local it = peers.installed(row.program) and it or pending -- luacheck: ignore it
    it(row.name, function()
      local server <close> = peers.program(row, certificates.good, plain_port)
      run(options_of(server.port), row.loses)
    end)
  end

  for _, row in ipairs(FRONTS) do
    test(row, function(port) return { base_url = (row.plain and "http" or "https") .. "://localhost:" .. port } end)
  end
  for _, row in ipairs(FORWARD) do
    test(row, function(port)
      return { base_url = "https://localhost:" .. tls_port, proxy = "http://127.0.0.1:" .. port }
    end)
  end
end)
