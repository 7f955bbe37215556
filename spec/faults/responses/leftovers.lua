-- Sound responses with bytes behind their end, which must not become the next request's response.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local list = rows.list "leftover"

local STRAY = respond(202, { "Location: " .. rows.location "stray", "Content-Length: 0" })
local STRAY_JSON = '{"status":"succeeded","id":"stray"}'
local STRAY_GET = respond(200, { "Content-Length: " .. #STRAY_JSON }, STRAY_JSON)
local LOCATION = "Location: " .. rows.location "row"

-- Sound responses to a POST: head, body.
local ONE_CHUNK = rows.chunks(rows.BODY)
local POSTS = {
  ["202, length 0"] = { respond(202, { LOCATION, "Content-Length: 0" }), "", rows.ACCEPTED },
  ["202 with JSON"] = { respond(202, { LOCATION, rows.LENGTH }), rows.BODY, rows.ACCEPTED },
  ["200, length 0"] = { respond(200, { "Content-Length: 0" }), "", rows.CANCELED },
  ["204"] = { "HTTP/1.1 204 No Content\r\n\r\n", "", { result = { status = 204 } } },
  ["202 in chunks"] = { respond(202, { LOCATION, rows.CHUNKED }), ONE_CHUNK, rows.ACCEPTED },
  ["202 in chunks with trailers"] = { respond(202, { LOCATION, rows.CHUNKED }), ONE_CHUNK:gsub("\r\n$", "X-Trailer: 1%0%0"),
    rows.ACCEPTED },
  ["403 with JSON"] = { respond(403, { "Content-Length: 2" }), "{}", rows.http(403, false) },
}
local GETS = {
  ["200 with JSON"] = { respond(200, { rows.LENGTH }), rows.BODY, rows.RUNNING },
  ["200 in chunks"] = { respond(200, { rows.CHUNKED }), ONE_CHUNK, rows.RUNNING },
}

-- The moments at which the leftover comes, for a head and a body before it.
local MOMENTS = {
  ["in the same write"] = function(head, body, stray) return { { send = head .. body .. stray } } end,
  ["in the write of the body"] = function(head, body, stray)
    return { { send = head }, { pause = 0.005 }, { send = body .. stray } }
  end,
  ["in the write of the body's end"] = function(head, body, stray)
    local half = #body // 2
    return { { send = head .. body:sub(1, half) }, { pause = 0.005 }, { send = body:sub(half + 1) .. stray } }
  end,
  ["in the next write"] = function(head, body, stray) return { { send = head .. body }, { send = stray } } end,
}
for i, seconds in ipairs { 0, 0.005, 0.05 } do
  MOMENTS[("%g ms after the call"):format(seconds * 1000)] = function(head, body, stray)
    local steps = { { send = head .. body }, { returned = true }, { pause = seconds }, { send = stray } }
    return steps, i == 2 and "stepped" or "untouched"
  end
end

local function add(method, name, response, moment, stray)
  local steps, idle = MOMENTS[moment](response[1], response[2], stray)
  list:add(name, steps, { [method] = response[3] }, { idle = idle or "untouched" })
end

for moment in pairs(MOMENTS) do
  for name, response in pairs(POSTS) do
    add("POST", ("POST, %s, and a stray 202 %s"):format(name, moment), response, moment, STRAY)
  end
  for name, response in pairs(GETS) do
    add("GET", ("GET, %s, and a stray 200 %s"):format(name, moment), response, moment, STRAY_GET)
  end
end

for name, stray in pairs {
  ["half a response"] = STRAY:sub(1, 40), ["one letter"] = "H", ["CRLF"] = "\r\n", ["NUL"] = "\0", ["JSON"] = rows.BODY,
  ["a 408"] = respond(408, { "Connection: close", "Content-Length: 0" }), ["an interim response"] = "HTTP/1.1 100 Continue\r\n\r\n",
  ["a last chunk"] = "0\r\n\r\n", ["ten responses"] = STRAY:rep(10), ["100 KB"] = ("x"):rep(100000),
} do
  for _, moment in ipairs { "in the same write", "in the write of the body", "0 ms after the call", "5 ms after the call" } do
    add("POST", ("POST, 202 with JSON, and %s %s"):format(name, moment), POSTS["202 with JSON"], moment, stray)
  end
end

-- The connection is idle, also for longer than the second in which libcurl does not look again at what it keeps.
for what, steps in pairs {
  ["keeps quiet"] = {}, ["is closed"] = { { close = true } }, ["is cut"] = { { cut = true } }, ["is reset"] = { { reset = true } },
  ["brings half a response"] = { { send = STRAY:sub(1, 30) } }, ["brings a stray 202"] = { { send = STRAY } },
  ["brings a stray 202 and is closed"] = { { send = STRAY }, { close = true } },
  ["brings a stray 202 and is cut"] = { { send = STRAY }, { cut = true } },
  ["brings a stray 202 and is reset"] = { { send = STRAY }, { reset = true } },
} do
  for how, row in pairs {
    at_once = { idle = "stepped" }, unseen = { idle = "untouched" }, late = { idle = "untouched", rest = 1.1 },
  } do
    row.reused = #steps == 0
    list:add(("POST, 202, and the idle connection %s (%s)"):format(what, how),
      { { send = POSTS["202, length 0"][1] }, { returned = true }, table.unpack(steps) }, { POST = rows.ACCEPTED }, row)
  end
end

return list
