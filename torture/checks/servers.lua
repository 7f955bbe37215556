-- The servers that the checks talk to, on loopback ports that the system chooses.
--
--     servers.lua DIRECTORY [seed]
--
-- Starts nginx (plain, and with TLS), which is quick; canaries, which are nginx with certificates that must not be
-- trusted; and a raw server for what nginx does not do wrong by itself. Each notes the requests that reach it in a line
-- "server client-request-id method status length-of-body": in DIRECTORY/requests, the canaries in DIRECTORY/canaries, even
-- those of which only a byte came. Writes shell assignments with their URLs to DIRECTORY/server.env once all listen. Ends,
-- and ends nginx, when its standard input does, so that nothing outlives a check.
--
-- The offer's name in a request says what the response is (401 for one that does not bear the token, whole): see
-- CONFIGURATION and `raw`. Location tells the connection and the request on it: .../operations/<c>-<r>. What becomes of a
-- request with an id "soak-<number>" is chance, which the seed, the number and how often it came before decide: see `fates`.
--
-- The token service of nginx grants `granted`, and refuses the tenant "unknown"; that of the raw server refuses all,
-- with the request's body in its message.

local Certificates = require "spec.support.certificates"
local Server = require "spec.support.server"
local cjson = require "cjson"
local scheduler = require "spec.support.scheduler"
local socket = require "socket"
local uv = require "luv"

local directory, seed = arg[1], tonumber(arg[2])

-- Of the token service: as long as those of Microsoft Entra.
local granted = ""
for i = 0, 79 do granted = granted .. ("granted-token-%04d."):format(i) end

local OPERATION = "/api/publishers/p/offers/vm/operations/1-1?api-version=2017-10-31"

-- What must not be trusted, although two of them are signed by the authority in CA_FILE.
local CANARIES = { "wrong_host", "unknown_authority", "expired" }

local CONFIGURATION = [[
daemon off;
user root; # so that it reaches its files here; without root it is what it is
pid @DIRECTORY@/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  ssl_certificate @CERTIFICATE@;
  ssl_certificate_key @KEY@;
  log_format request '$server_port $http_x_ms_client_request_id $request_method $status $content_length';
  log_format canary '$server_port $request';
  default_type application/json;
  # Connections end only where a check wants them to.
  keepalive_timeout 1h;
  keepalive_requests 100000000;
  # The token service is asked without one.
  map "$uri $http_authorization" $authorized {
    "~ Bearer token-of-the-checks$" 1;
    "~ Bearer granted-token-[^ ]*0079\.$" 1;
    "~/oauth2/token $" 1;
    "~/identity $" 1;
    default 0;
  }
  # `return` responds before the body of a POST was read: the server behind this one responds once it came.
  upstream behind { server unix:@DIRECTORY@/behind; keepalive 16; keepalive_requests 100000000; }
  server {
    listen unix:@DIRECTORY@/behind;
    location / { return 202; }
    location ~ /offers/moved/ { return 302 https://example.com/; }
    location ~ /offers/throttled/ { add_header Retry-After 0 always; return 429; }
    location ~ /offers/inside/ { return 202 '{"Location":"@OPERATION@"}'; }
    location ~ /status$ { return 200 '{"status":"Canceled"}'; }
    location ~ /submissions/ {
      return 200 '[{"id":"7","submissionState":"running","version":636576975611768314},{"id":"8"}]';
    }
    location ~ /unknown/oauth2/token$ { return 400 '{"error":"invalid_client","error_description":"unknown"}'; }
    location ~ /(oauth2/token|identity)$ {
      return 200 '{"token_type":"Bearer","access_token":"@GRANTED@","expires_in":"3600"}';
    }
    location ~ /offers/missing/ { return 404 '{"error":{"code":"NotFound","message":"no such offer"}}'; }
    location ~ /offers/bad/ { return 400 '{"error":{"code":"BadRequest","message":"not running"}}'; }
    location ~ /offers/broken/ { return 500 '<html>broken</html>'; }
  }
  server {
    listen 127.0.0.1:@PLAIN@;
    listen 127.0.0.1:@TLS@ ssl;
    access_log @DIRECTORY@/requests request;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    if ($authorized = 0) { return 401; }
    location / {
      proxy_pass http://behind;
      add_header Location
        /api/publishers/p/offers/vm/operations/$connection-$connection_requests?api-version=2017-10-31 always;
    }
    location ~ /offers/inside/ { proxy_pass http://behind; }
    location ~ /offers/other/ {
      add_header Operation-Location ../vm/operations/$connection-$connection_requests?api-version=2017-10-31 always;
      add_header x-ms-request-id $connection always;
      return 202 '{}';
    }
    location ~ /offers/notified/operations/ {
      return 200 '[{"id":"1","status":"canceled","notificationEmails":"jondoe@contoso.com,jane@contoso.com"}]';
    }
    location ~ /offers/failing/operations/ { return 200 '{"status":"failed","error":{"message":"no"}}'; }
    location ~ /offers/running/operations/ { return 200 '{"status":"running"}'; }
    location ~ /operations/ { return 200 '[{"id":"1","status":"canceled","number":636576975611768314}]'; }
    location ~ /offers/dropped/ { return 444; }
  }
]]

local CANARY = [[
  server {
    listen 127.0.0.1:%d ssl;
    access_log @DIRECTORY@/canaries canary;
    ssl_certificate %s;
    ssl_certificate_key %s;
    location / { return 202; }
  }
]]

-- A response whose body comes in parts, so that what receives it has to grow.
local function send_parts(connection, status, content)
  local text = cjson.encode(content)
  connection:send(("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nLocation: %s\r\n\r\n")
    :format(status, #text, OPERATION))
  for start = 1, #text, 150 do connection:send(text:sub(start, start + 149)) end
  return true
end

-- By the offer's name ("token" of the token service): what a connection does with a request; true when it goes on.
local raw = {
  -- No response, ever.
  stall = function(connection) connection:stall() end,
  -- The connection is reset once the request was read.
  reset = function(connection) connection:reset() end,
  -- The response ends within its headers, or within its body.
  headers = function(connection) connection:send "HTTP/1.1 202 Accepted\r\nLocation: /api/op" end,
  body = function(connection)
    connection:send 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":'
  end,
  -- What is no HTTP.
  garbage = function(connection) connection:send "220 mail.invalid ESMTP\r\n" end,
  -- 202, and the connection is closed without a word.
  once = function(connection) connection:send "HTTP/1.1 202 Accepted\r\nLocation: /api/x\r\nContent-Length: 0\r\n\r\n" end,
  -- The request's body within the response's.
  echo = function(connection, request)
    return send_parts(connection, "202 Accepted", { notificationEmails = request.body })
  end,
  echo_error = function(connection, request)
    return send_parts(connection, "400 Bad Request", { error = { code = "BadRequest", message = request.body } })
  end,
  token = function(connection, request)
    return send_parts(connection, "400 Bad Request", { error = "invalid_client", error_description = request.body })
  end,
}

local LATEST = 0.03 -- seconds
local CUT_AT_ACCEPT = 100 -- one of so many connections
local ACCEPTED = "HTTP/1.1 202 Accepted\r\nLocation: /api/publishers/p/offers/vm/operations/1\r\nContent-Length: 0\r\n"
local ECHO = "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
local EMPTY = "Content-Length: 0\r\n\r\n"

-- What becomes of a request. Weight (of 1000); whether it acts, as a service that cancels: this must happen once for an id
-- at most; what is sent now, in which ECHO is all of the request, to see whether secrets in a response show; how the
-- connection fares then (nil: it goes on); what is sent a while later, before that.
local fates = {
  { 530, true, ACCEPTED .. "\r\n" },
  { 50, true, "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"status\":\"canceled\"}" },
  { 50, true, "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" },
  { 20, true, "HTTP/1.1 103 Early Hints\r\n\r\n" .. ACCEPTED .. "\r\n" },
  { 60, true, "", nil, ACCEPTED .. "\r\n" },
  { 20, true, ACCEPTED, nil, "\r\n" },
  { 20, true, ACCEPTED .. "\r\n", "close" }, -- a kept connection that dies
  { 20, true, ACCEPTED .. "Connection: close\r\n\r\n", "close" },
  { 20, true, ACCEPTED .. "\r\n", "reset", "" }, -- it dies later, perhaps under the next request
  { 20, false, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\n" .. EMPTY },
  { 20, false, "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\n" .. EMPTY },
  { 10, true, "HTTP/1.1 503 Gone\r\n" .. EMPTY },
  { 20, true, "HTTP/1.1 500 Broken\r\n" .. ECHO },
  { 20, false, "HTTP/1.1 400 Bad\r\n" .. ECHO },
  { 10, false, "HTTP/1.1 404 Missing\r\n" .. ECHO },
  { 10, false, "HTTP/1.1 401 Who?\r\n" .. EMPTY },
  { 10, false, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n" .. EMPTY, "close" },
  { 20, true, "", "reset" },
  { 10, false, "", "reset" },
  { 20, true, "", "close" },
  { 10, true, "HTTP/1.1 202 Accepted\r\nLoca", "close" },
  { 9, true, "HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{\"a\"", "close" },
  { 9, true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"", "reset", "" },
  { 10, true, "220 what is this?\r\n%d%s", "close" },
  { 2, true, "" }, -- no response: the client has to give up
}

local came, acted = {}, {} -- by number
local accepted = 0

-- True when the connection goes on.
local function treat(connection, request, number)
  came[number] = (came[number] or 0) + 1
  math.randomseed(seed, number * 16 + came[number])
  local drawn, pause, place = math.random(0, 999), math.random() * LATEST, 1
  while drawn >= fates[place][1] do
    drawn = drawn - fates[place][1]
    place = place + 1
  end
  local _, acts, now, ending, later = table.unpack(fates[place], 1, 5)
  acted[number] = (acted[number] or 0) + (acts and 1 or 0)
  if now:find("%d", 1, true) then now = now:format(#request.head + #request.body, request.head .. request.body) end
  connection:send(now)
  if later then
    scheduler.pause(pause)
    connection:send(later)
  end
  if ending then connection[ending](connection) end
  return not ending
end

-- `GET /counts/<first>/<count>` responds with two bytes for each number: came, acted.
local function send_counts(connection, first, count)
  local lists = { {}, {} }
  for number = first, first + count - 1 do
    lists[1][#lists[1] + 1] = string.char(came[number] or 0)
    lists[2][#lists[2] + 1] = string.char(acted[number] or 0)
  end
  return connection:answer(200, nil, table.concat(lists[1]) .. table.concat(lists[2]))
end

local noted = assert(io.open(directory .. "/requests", "a"))
noted:setvbuf "line"

local function answer(connection)
  while not connection.buffer:find("\r\n\r\n", 1, true) do
    if not connection:fill() then return end
  end
  local method, target = connection.buffer:match "^(%S+) (%S+)"
  local id = connection.buffer:match "\r\n[Xx]%-[Mm][Ss]%-[Cc]lient%-[Rr]equest%-[Ii]d: ([^\r]*)" or "-"
  local offer = target:find "/oauth2/token$" and "token" or target:match "/offers/([^/]*)"
  local number = tonumber(id:match "^soak%-(%d+)$")
  if not number then noted:write("raw ", id, " ", method, " -\n") end
  connection.server.requests = {} -- they are not read
  local request = connection:read_request()
  if not request then return end
  local first, count = target:match "^/counts/(%d+)/(%d+)$"
  if first then return send_counts(connection, tonumber(first), tonumber(count)) end
  if number and method == "GET" then return connection:answer(403) end -- a read after a refused cancel
  if number then return treat(connection, request, number) end
  return raw[offer] and raw[offer](connection, request)
end

local function serve(connection)
  accepted = accepted + 1
  if seed and accepted % CUT_AT_ACCEPT == 0 then connection:reset() end
  while answer(connection) do end -- luacheck: ignore
end

-- nginx takes over listening sockets, as it does when its program is replaced: no port is ever guessed, and it can be
-- connected to before it runs.
local certificates = Certificates.make()
local listeners, ports, inherited = {}, {}, { 0, 2, 2 }
for _, name in ipairs { "plain", "tls", table.unpack(CANARIES) } do
  listeners[name] = assert(socket.bind("127.0.0.1", 0, 1024))
  ports[name] = math.tointeger(tonumber((select(2, listeners[name]:getsockname()))))
  inherited[#inherited + 1] = listeners[name]:getfd()
end

local configuration = CONFIGURATION
for _, name in ipairs(CANARIES) do
  configuration = configuration .. CANARY:format(ports[name], certificates[name].certificate, certificates[name].key)
end
local words = { DIRECTORY = directory, OPERATION = OPERATION, GRANTED = granted, PLAIN = ports.plain, TLS = ports.tls,
                CERTIFICATE = certificates.good.certificate, KEY = certificates.good.key }
local conf = assert(io.open(directory .. "/nginx.conf", "w"))
conf:write((configuration:gsub("@(%u+)@", words)), "}\n")
conf:close()

local function start_nginx()
  local ended = false
  local handle = assert(uv.spawn("nginx", {
    args = { "-p", directory, "-c", directory .. "/nginx.conf", "-e", "stderr" }, stdio = inherited,
    env = { "PATH=" .. os.getenv "PATH" .. ":/usr/sbin", "NGINX=3;4;5;6;7;" },
  }, function() ended = true end))
  return setmetatable({}, { __close = function()
    handle:kill "sigterm"
    while not ended do uv.run "once" end
  end })
end

local nginx <close> = start_nginx() -- luacheck: ignore
local tasks = scheduler.new()
local server = Server.start(tasks):always(serve)
local refused = socket.bind("127.0.0.1", 0)
local _, refused_port = refused:getsockname()
refused:close()

local file = assert(io.open(directory .. "/server.env.new", "w"))
local function set(name, value) file:write(name, "=", value, "\n") end
set("CA_FILE", certificates.ca_file)
set("PLAIN_URL", "http://127.0.0.1:" .. ports.plain)
set("TLS_URL", "https://localhost:" .. ports.tls)
set("LOOKUP_URL", "https://harness.test:" .. ports.tls)
set("RAW_URL", server.url)
set("REFUSED_URL", "http://127.0.0.1:" .. refused_port)
for _, name in ipairs(CANARIES) do set(name:upper() .. "_URL", "https://localhost:" .. ports[name]) end
file:close()
os.rename(directory .. "/server.env.new", directory .. "/server.env")

local ended = false
tasks:spawn(function()
  scheduler.readable { getfd = function() return 0 end, dirty = function() return false end }
  ended = true
end)
while not ended do tasks:turn(10) end
