-- A server, over HTTP or TLS, that sends scripted bytes for one request and good responses for the others, in the
-- process of the spec. Each good response names the number of its request, so a caller sees whose response it got.
--
--   local server = ResponseServer.start(lab, context)     -- context of spec.support.certificates, or nil: no TLS
--   server:meet(steps, kept)                               -- for the next request, or the one after it
--   server.url, server.requests, server.script
--   server:id()                                            -- of the good response that was sent last
--
-- A step is a table with one of these keys; one `send` is one TLS record (up to 8 KiB):
--
--   send = bytes                 pause = seconds
--   each = bytes, every = seconds (default 0)              one write for each byte
--   endless = bytes              the same bytes until the client has gone
--   returned = true              waits until the caller has its result: server.returned is true
--   close = true                 ends the connection (over TLS after a close_notify)
--   cut = true, reset = true     ends it with FIN alone, or with RST
--
-- After the last step the server reads the next request of the connection.

local rows = require "spec.faults.responses.rows"
local scheduler = require "spec.support.scheduler"

local ResponseServer = {}
ResponseServer.__index = ResponseServer

local BLOCK = 8192 -- bytes of one write of an endless step
local TURN = 0.001 -- seconds between two looks for an event

local steps = {}

function steps.send(connection, step)
  return connection:send(step.send)
end

function steps.each(connection, step)
  return connection:drip(step.each, step.every or 0)
end

function steps.pause(_, step)
  scheduler.pause(step.pause)
  return true
end

function steps.endless(connection, step)
  local block = step.endless:rep(math.max(1, BLOCK // #step.endless))
  while connection:send(block) do end -- luacheck: ignore
  return false
end

function steps.returned(connection)
  while not connection.server.returned do scheduler.pause(TURN) end
  return true
end

for _, how in ipairs { "close", "cut", "reset" } do
  steps[how] = function(connection)
    connection[how](connection)
    return false
  end
end

-- Whether the connection goes on.
local function play(connection, list)
  for _, step in ipairs(list) do
    for key in pairs(step) do
      if steps[key] and not steps[key](connection, step) then return false end
    end
  end
  return true
end

local function send_good(connection, request, number)
  local id = "request-" .. number
  if request.method == "POST" then return connection:answer(202, { "Location: " .. rows.location(id) }) end
  return connection:answer(200, nil, ('{"status":"running","id":"%s"}'):format(id))
end

local function serve(server, connection)
  while true do
    local request = connection:read_request()
    if not request then return end
    local script = server.script
    if script and not script.connection and script.after == 0 then
      script.connection = connection
      local goes_on = play(connection, script.steps)
      script.done = true
      if not goes_on then return end
    else
      if script then script.after = script.after - 1 end
      if not send_good(connection, request, #server.requests) then return end
    end
  end
end

--- Starts a server; the lab stops it.
function ResponseServer.start(lab, context)
  local server = lab:server()
  if context then server.url = server.url:gsub("^http:", "https:") end
  server:always(function(connection)
    if context and not connection:start_tls(context) then return end
    serve(server, connection)
  end)
  for name, method in pairs(ResponseServer) do
    if name ~= "__index" and name ~= "start" then server[name] = method end
  end
  return server
end

--- Has a request meet these steps: the next, or with `kept` the one after it.
function ResponseServer.meet(server, list, kept)
  server.returned = false
  server.script = { steps = list, after = kept and 1 or 0 }
end

--- The id that the good response to the last request has.
function ResponseServer.id(server)
  return "request-" .. #server.requests
end

return ResponseServer
