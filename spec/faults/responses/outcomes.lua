-- Sound framing, and a body that does not support a success, or not the one that the status suggests.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local list = rows.list "outcome"

local function json(body, ...)
  return respond(200, { "Content-Type: application/json", "Content-Length: " .. #body, ... }, body)
end

for _, status in ipairs {
  "running", "Running", "inProgress", "InProgress", "in progress", "notStarted", "NotStarted", "not started", "pending", "queued",
} do
  list:add("cancel: 200, status " .. status, json(('{"status":"%s"}'):format(status)), { POST = rows.NOT_CANCELED })
end
list:add("cancel: 200, status running in a list", json '[{"status":"running"}]', { POST = rows.NOT_CANCELED })
list:add("cancel: 200, status running in chunks", respond(200, { rows.CHUNKED }, rows.chunks(rows.BODY)),
  { POST = rows.NOT_CANCELED })
list:add("cancel: 200, status running, the body later", { { send = respond(200, { rows.CHUNKED }) }, { pause = 0.02 },
  { send = rows.chunks(rows.BODY) } }, { POST = rows.NOT_CANCELED })
-- Anything else, in whatever field, and however deep.
for name, body in pairs {
  ["submissionState"] = '{"submissionState":"running"}', ["state"] = '{"state":"running"}',
  ["Status"] = '{"Status":"Running"}', ["a nested status"] = '{"properties":{"status":"Running"}}',
  ["a list of two"] = '[{"status":"running"},{"status":"running"}]', ["a status that is a table"] = '{"status":{"code":1}}',
  ["a status that is a number"] = '{"status":500}', ["statusCode"] = '{"statusCode":500}', ["a text"] = '"running"',
  ["false"] = "false", ["a number"] = "0", ["success"] = '{"success":false}',
  ["a message"] = '{"Message":"An error has occurred."}', ["canceled false"] = '{"canceled":false}',
  ["ok false"] = '{"ok":false}', ["succeeded false"] = '{"succeeded":false}', ["isError"] = '{"isError":true}',
  ["hasErrors"] = '{"hasErrors":true}', ["errorCode"] = '{"errorCode":"Conflict"}',
  ["error_description"] = '{"error_description":"no"}', ["odata.error"] = '{"odata.error":{"code":"Conflict"}}',
  ["an exception"] = '{"exceptionMessage":"no"}', ["a fault"] = '{"fault":{"faultstring":"no"}}',
  ["failures"] = '{"failures":[1]}', ["a result"] = '{"result":"error"}', ["an outcome"] = '{"outcome":"none"}',
  ["running"] = '{"running":true}', ["a phase"] = '{"phase":"InProgress"}', ["progress"] = '{"progress":50}',
  ["a detail"] = '{"title":"Conflict","detail":"a publish is running"}', ["a code"] = '{"code":"OperationInProgress"}',
  ["a link"] = '{"href":"/api/operations/1"}', ["canceled as a text"] = '{"canceled":"no"}',
  ["another state beside status canceled"] = '{"status":"canceled","submissionState":"running"}',
  ["a status six levels deep"] = '{"a":{"a":{"a":{"a":{"a":{"status":"running"}}}}}}',
} do
  list:add("cancel: 200, the body holds " .. name, json(body), { POST = rows.NOT_CANCELED })
end
for name, body in pairs { ["nothing of a state"] = '{"id":"5"}', ["no field"] = "{}", ["an empty error"] = '{"error":""}',
  ["no errors"] = '{"errors":[],"hasErrors":false,"canceled":true}' } do
  list:add("cancel: 200, the body holds " .. name, json(body), { POST = rows.CANCELED })
end
for _, status in ipairs { 205, 206, 207, 226, 299 } do
  list:add("status " .. status, respond(status, { rows.LENGTH }, rows.BODY), rows.protocol(status))
end
for _, status in ipairs { "canceled", "Cancelled" } do
  list:add("cancel: 200, status " .. status, json(('{"status":"%s"}'):format(status)), { POST = rows.CANCELED })
end

-- Either an err or a result is right, but never a success.
local NEVER = { result = {}, never = { state = "canceled" }, or_kind = true }
for name, body in pairs {
  ["status failed"] = '{"status":"failed"}', ["status Failed"] = '{"status":"Failed"}',
  ["status rejected"] = '{"status":"rejected"}', ["error true"] = '{"error":true}', ["error 500"] = '{"error":500}',
  ["a list of errors"] = '{"errors":["x"]}', ["Error"] = '{"Error":{"Code":"x"}}',
  ["an error"] = '{"error":{"code":"Conflict","message":"no"}}',
  ["an error beside status canceled"] = '{"status":"canceled","error":{"code":"Conflict","message":"no"}}',
  ["a failed status in a list"] = '[{"status":"failed"}]', ["an error that is a text"] = '{"error":"conflict"}',
} do
  list:add("cancel: 200, " .. name, json(body), { POST = NEVER })
end

-- Something to poll is not over.
local POLLED = { result = { status = 200, operation_id = "row" }, never = { state = "canceled" } }
local location = rows.location "row"
for name, body in pairs {
  ["location"] = ('{"location":"%s"}'):format(location), ["Location"] = ('{"Location":"%s"}'):format(location),
  ["operationLocation"] = ('{"operationLocation":"%s"}'):format(location),
  ["operation-location"] = ('{"operation-location":"%s"}'):format(location),
  ["location in a list of one"] = ('[{"location":"%s"}]'):format(location),
  ["location beside status canceled"] = ('{"status":"canceled","location":"%s"}'):format(location),
} do
  list:add("cancel: 200, the body has " .. name, json(body), { POST = POLLED })
end
list:add("cancel: 200, the body has location, in chunks", respond(200, { rows.CHUNKED },
  rows.chunks(('{"location":"%s"}'):format(location))), { POST = POLLED })
list:add("cancel: 200 with Location and no body", respond(200, { "Location: " .. location, "Content-Length: 0" }),
  { POST = POLLED })
list:add("cancel: 200 with Operation-Location and no body",
  respond(200, { "Operation-Location: " .. location, "Content-Length: 0" }), { POST = POLLED })

-- A location that cannot be polled tells the same.
for name, bytes in pairs {
  ["Location"] = respond(200, { "Location: http://[", "Content-Length: 0" }),
  ["Operation-Location"] = respond(200, { "Operation-Location: http://[", "Content-Length: 0" }),
  ["a Location of 8 KB"] = respond(200, { "Location: /" .. ("a"):rep(8192), "Content-Length: 0" }),
  ["location in the body"] = json '{"location":"http://["}',
  ["location beside status canceled in the body"] = json '{"status":"canceled","location":"http://["}',
} do
  list:add("cancel: 200, no URL in " .. name, bytes, { POST = rows.NOT_CANCELED })
end
list:add("cancel: 200, location in an object in the body", json(('{"operation":{"location":"%s"}}'):format(location)),
  { POST = rows.NOT_CANCELED })

-- A location counts only in the headers of the final response.
local NO_LOCATION = { result = { status = 202 }, absent = { "location", "operation_id" } }
local evil = "Location: " .. rows.location "evil"
list:add("cancel: 202, Location in a trailer", respond(202, { rows.CHUNKED }, "0\r\n" .. evil .. "\r\n\r\n"),
  { POST = NO_LOCATION })
list:add("cancel: 202, Location in an interim response", respond(103, { evil })
  .. respond(202, { "Content-Length: 0" }), { POST = NO_LOCATION })
-- libcurl 8.23 refuses this one: "Multiple Location headers".
list:add("cancel: 202, Location in both, an interim and the final response", respond(103, { evil })
  .. respond(202, { "Location: " .. location, "Content-Length: 0" }), { POST = { result = rows.ACCEPTED.result, or_kind = true } })
list:add("cancel: 202, Location in the headers and in a trailer",
  respond(202, { "Location: " .. location, rows.CHUNKED }, "0\r\n" .. evil .. "\r\n\r\n"), { POST = rows.ACCEPTED })
list:add("cancel: 202, Location in a folded line", respond(202, { "X-Folded: 1", " " .. evil, "Content-Length: 0" }),
  { POST = NO_LOCATION })

-- No content coding is requested, so a body in one cannot be read. A cancel that names a location needs no body.
local zipped = rows.gzip(rows.BODY)
list:add("no JSON: gzip", respond(200, { "Content-Encoding: gzip", "Content-Length: " .. #zipped }, zipped), rows.protocol(200))
list:add("cancel: 202 with Location, the body in gzip",
  respond(202, { "Location: " .. location, "Content-Encoding: gzip", "Content-Length: " .. #zipped }, zipped),
  { POST = rows.ACCEPTED })

-- JSON is needed, and there is none.
for name, body in pairs {
  ["a web page"] = "<html><body>canceled</body></html>", ["text"] = "canceled", ["half of an object"] = '{"status":"canceled"',
  ["an object and more"] = rows.BODY .. "}", ["two objects"] = rows.BODY:rep(2), ["an object and a NUL"] = rows.BODY .. "\0",
  ["a NUL"] = "\0", ["bytes that are no UTF-8"] = '{"status":"\xff\xfe"}', ["NaN"] = '{"status":NaN}',
  ["a byte order mark"] = "\xef\xbb\xbf" .. rows.BODY,
  ["a comment"] = "/* */" .. rows.BODY, ["single quotes"] = "{'status':'canceled'}",
  ["arrays 1001 deep"] = ("["):rep(1001) .. ("]"):rep(1001), ["arrays 100000 deep"] = ("["):rep(100000) .. ("]"):rep(100000),
  ["a surrogate in UTF-8"] = '{"status":"\xed\xa0\x80"}', ["an overlong form of UTF-8"] = '{"status":"\xc0\xaf"}',
  ["-Infinity"] = '{"status":-Infinity}', ["1e999"] = '{"status":1e999}', ["a hexadecimal number"] = '{"status":0x10}',
} do
  list:add("no JSON: " .. name, json(body), rows.protocol(200))
end
for name, row in pairs {
  ["gzip that is none"] = { "gzip", rows.BODY }, ["gzip with a wrong block"] = { "gzip", "\x1f\x8b\8\0\0\0\0\0\0\3\xff\xff\xff" },
  ["a coding that does not exist"] = { "x-unknown", rows.BODY }, ["gzip of no JSON"] = { "gzip", rows.gzip "<html>" },
  ["gzip of cut JSON"] = { "gzip", rows.gzip(rows.BODY:sub(1, -3)) },
} do
  list:add("no JSON: " .. name, respond(200, { "Content-Encoding: " .. row[1], "Content-Length: " .. #row[2] }, row[2]),
    rows.protocol(200))
end
list:add("no JSON: gzip without saying so", json(rows.gzip(rows.BODY)), rows.protocol(200))
for name, bytes in pairs {
  ["an empty body"] = respond(200, { "Content-Length: 0" }), ["no chunk"] = respond(200, { rows.CHUNKED }, "0\r\n\r\n"),
} do
  list:add(name, bytes, { POST = rows.CANCELED, GET = rows.protocol(200) })
end
list:add("no JSON, and no type, in a 202 with Location",
  respond(202, { "Location: " .. location, "Content-Length: 6" }, "<html>"), { POST = rows.protocol(202) })
for name, body in pairs {
  ["a key twice"] = '{"status":"failed","status":"running"}', ["blanks around it"] = '\r\n {"status" : "running"}\n',
} do
  list:add("JSON with " .. name, json(body), { GET = rows.RUNNING })
end
list:add("JSON of another type", respond(200, { "Content-Type: text/plain", rows.LENGTH }, rows.BODY), { GET = rows.RUNNING })
list:add("a 204", "HTTP/1.1 204 No Content\r\n\r\n", { POST = { result = { status = 204 } }, GET = rows.protocol() })
list:add("a 304 with a length, and no body", respond(304, { "Content-Length: 20" }),
  { kind = "protocol", ambiguous = "either" })

-- Of an unknown 5xx nothing is certain; some mean that the request was not processed.
for status, ambiguous in pairs { [506] = false, [507] = false, [508] = false, [510] = false, [511] = false,
                                 [509] = true, [520] = true, [524] = true, [599] = true } do
  list:add("error " .. status, respond(status, { "Content-Length: 0" }), { POST = rows.http(status, ambiguous) })
end

return list
