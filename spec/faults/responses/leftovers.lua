-- Sound responses with bytes behind their end, which must not become the next request's response.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local list = rows.list "leftover"

local STRAY = respond(202, { "Location: " .. rows.location "stray", "Content-Length: 0" })
local STRAY_JSON = '{"status":"succeeded","id":"stray"}'
local STRAY_GET = respond(200, { "Content-Length: " .. #STRAY_JSON }, STRAY_JSON)
local LOCATION = "Location: " .. rows.location "row"

-- Sound responses to a POST: head, body.
local POSTS = {
  ["202, length 0"] = { respond(202, { LOCATION, "Content-Length: 0" }), "", rows.ACCEPTED },
  ["202 with JSON"] = { respond(202, { LOCATION, rows.LENGTH }), rows.BODY, rows.ACCEPTED },
  ["200 with JSON"] = { respond(200, { rows.LENGTH }), rows.BODY, rows.SOUND.POST },
  ["200, length 0"] = { respond(200, { "Content-Length: 0" }), "", rows.CANCELED },
  ["204"] = { "HTTP/1.1 204 No Content\r\n\r\n", "", { result = { status = 204 } } },
  ["202 in chunks"] = { respond(202, { LOCATION, rows.CHUNKED }), rows.chunks(rows.BODY), rows.ACCEPTED },
  ["202 in chunks with trailers"] = { respond(202, { LOCATION, rows.CHUNKED }),
    "14\r\n" .. rows.BODY .. "\r\n0\r\nX-Trailer: 1\r\n\r\n", rows.ACCEPTED },
  ["403 with JSON"] = { respond(403, { "Content-Length: 2" }), "{}", rows.http(403, false) },
  ["202 with a body of 8000 bytes"] = { respond(202, { LOCATION, "Content-Length: 8000" }),
    rows.BODY .. (" "):rep(7980), rows.ACCEPTED },
}
local GETS = {
  ["200 with JSON"] = { respond(200, { rows.LENGTH }), rows.BODY, rows.RUNNING },
  ["200 in chunks"] = { respond(200, { rows.CHUNKED }), rows.chunks(rows.BODY), rows.RUNNING },
}

-- The moments at which the leftover comes, for a head and a body before it.
local MOMENTS = {
  ["in the same write"] = function(head, body, stray) return { { send = head .. body .. stray } } end,
  ["in the write of the body"] = function(head, body, stray) return { { send = head }, { send = body .. stray } } end,
  ["in a later write of the body"] = function(head, body, stray)
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

for response_name, response in pairs(POSTS) do
  for moment in pairs(MOMENTS) do
    add("POST", ("POST, %s, and a stray 202 %s"):format(response_name, moment), response, moment, STRAY)
  end
end
for response_name, response in pairs(GETS) do
  for moment in pairs(MOMENTS) do
    add("GET", ("GET, %s, and a stray 200 %s"):format(response_name, moment), response, moment, STRAY_GET)
  end
end

for name, stray in pairs {
  ["half a response"] = STRAY:sub(1, 40), ["the beginning of a status line"] = "HTTP/1.1 202", ["one letter"] = "H",
  ["CRLF"] = "\r\n", ["two CRLF"] = "\r\n\r\n", ["LF"] = "\n", ["NUL"] = "\0", ["JSON"] = rows.BODY,
  ["a 400"] = respond(400, { "Content-Length: 0" }),
  ["a 408"] = respond(408, { "Connection: close", "Content-Length: 0" }),
  ["an interim response"] = "HTTP/1.1 100 Continue\r\n\r\n", ["a second body"] = rows.BODY .. STRAY, ["a last chunk"] = "0\r\n\r\n",
  ["ten responses"] = STRAY:rep(10), ["100 KB"] = ("x"):rep(100000), ["headers alone"] = LOCATION .. "\r\n\r\n",
} do
  for _, moment in ipairs { "in the same write", "in the write of the body", "0 ms after the call", "5 ms after the call" } do
    add("POST", ("POST, 202 with JSON, and %s %s"):format(name, moment), POSTS["202 with JSON"], moment, stray)
  end
end

-- The connection ends while it is idle, with or without a stray response before.
for _, how in ipairs { "close", "cut", "reset" } do
  for _, idle in ipairs { "stepped", "untouched" } do
    list:add(("POST, 202, and the idle connection ends (%s, %s)"):format(how, idle),
      { { send = POSTS["202, length 0"][1] }, { returned = true }, { [how] = true } }, { POST = rows.ACCEPTED }, { idle = idle })
    list:add(("POST, 202, and the idle connection ends behind a stray 202 (%s, %s)"):format(how, idle),
      { { send = POSTS["202, length 0"][1] }, { returned = true }, { send = STRAY }, { [how] = true } }, { POST = rows.ACCEPTED },
      { idle = idle })
  end
end

return list
