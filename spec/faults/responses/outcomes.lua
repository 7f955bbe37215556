-- Sound framing, and a status or a body that does not support a success, or not the one that the status suggests.

local rows = require "spec.faults.responses.rows"

local respond = rows.respond
local list = rows.list "outcome"

local function json(body, ...)
  return respond(200, { "Content-Type: application/json", "Content-Length: " .. #body, ... }, body)
end

-- What a cancel comes to with a 200 and each of these bodies.
local function cancel(expected, bodies) list:each("cancel: 200, ", bodies, json, { POST = expected }) end

-- Anything that is not said to be canceled, in whatever field, and however deep.
cancel(rows.NOT_CANCELED, {
  '{"status":"running"}', '{"status":"InProgress"}', '{"status":"in progress"}', '{"status":"notStarted"}',
  '{"status":"queued"}', '[{"status":"running"}]', '{"submissionState":"running"}', '{"state":"running"}',
  '{"Status":"Running"}', '{"properties":{"status":"Running"}}', '[{"status":"running"},{"status":"running"}]',
  '{"status":{"code":1}}', '{"status":500}', '{"statusCode":500}', '"running"', "false", "0", '{"success":false}',
  '{"Message":"An error has occurred."}', '{"canceled":false}', '{"ok":false}', '{"succeeded":false}',
  '{"isError":true}', '{"hasErrors":true}', '{"errorCode":"Conflict"}', '{"error_description":"no"}',
  '{"odata.error":{"code":"Conflict"}}', '{"exceptionMessage":"no"}', '{"fault":{"faultstring":"no"}}',
  '{"failures":[1]}', '{"result":"error"}', '{"outcome":"none"}', '{"running":true}', '{"phase":"InProgress"}',
  '{"progress":50}', '{"title":"Conflict","detail":"a publish is running"}', '{"code":"OperationInProgress"}',
  '{"href":"/api/operations/1"}', '{"canceled":"no"}', '{"status":"canceled","submissionState":"running"}',
  '{"a":{"a":{"a":{"a":{"a":{"status":"running"}}}}}}', '{"offer":{"status":"running"}}', '{"id":[{"status":"running"}]}',
  '{"operationId":"a"}', '{"status":"canceled","canceled":false}', '{"a":[{"State":"x"}]}', '{"x_state":1}', '"canceled"',
  -- A location that cannot be polled tells the same.
  '{"location":"http://["}', '{"status":"canceled","location":"http://["}', '{"operation":{"location":"/op"}}',
})
cancel(rows.CANCELED, {
  '{"status":"canceled"}', '{"status":"Cancelled"}', '{"id":"5"}', "{}", '{"error":""}',
  '{"errors":[],"hasErrors":false,"canceled":true}', '{"offerId":"a","publisher":"b"}', '{"id":"100","name":"foo"}', "[]",
  '{"id":"5","a":[],"b":"","c":{}}', '[{"status":"Cancelled"}]', '{"Cancelled":true}', '{"submissionState":"canceled"}',
  '{"status":"canceled","steps":[{"stepName":"a"}]}', '{"canceled":true,"steps":[{"stepName":"a"}]}',
})
-- Either an err or a result is right, but never a success.
cancel({ result = {}, never = { state = "canceled" }, or_kind = true }, {
  '{"status":"failed"}', '{"status":"Rejected"}', '{"error":true}', '{"error":500}', '{"errors":["x"]}',
  '{"Error":{"Code":"x"}}', '{"status":"canceled","error":{"code":"Conflict","message":"no"}}',
  '[{"status":"failed"}]', '{"error":"conflict"}',
})
-- Something to poll is not over.
local POLLED = { result = { status = 200, operation_id = "row" }, never = { state = "canceled" } }
local location = rows.location "row"
for _, form in ipairs {
  '{"location":"%s"}', '{"Location":"%s"}', '{"operationLocation":"%s"}', '{"operation-location":"%s"}',
  '[{"location":"%s"}]', '{"status":"canceled","location":"%s"}',
} do
  cancel(POLLED, { form:format(location) })
end
for name, expected in pairs {
  [location] = POLLED, ["http://["] = rows.NOT_CANCELED, ["/" .. ("a"):rep(8192)] = rows.NOT_CANCELED,
} do
  for _, header in ipairs { "Location", "Operation-Location" } do
    list:add(("cancel: 200, no body, %s: %s"):format(header, name:sub(1, 80)),
      respond(200, { header .. ": " .. name, "Content-Length: 0" }), { POST = expected })
  end
end
list:add("cancel: 200, the body in chunks, later", { { send = respond(200, { rows.CHUNKED }) }, { pause = 0.02 },
  { send = rows.chunks(rows.BODY) } }, { POST = rows.NOT_CANCELED })
for _, status in ipairs { 205, 206, 226, 299 } do
  list:add("status " .. status, respond(status, { rows.LENGTH }, rows.BODY),
    { kind = "protocol", status = status, closed = true })
end

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
list:each("coding ", { "gzip", "x-unknown" },
  function(coding) return rows.ok("Content-Encoding: " .. coding, rows.LENGTH) end, rows.protocol(200))
list:add("cancel: 202 with Location, and a coding",
  respond(202, { "Location: " .. location, "Content-Encoding: gzip", rows.LENGTH }, rows.BODY), { POST = rows.ACCEPTED })

-- JSON is needed, and there is none.
list:each("no JSON: ", {
  "<html><body>canceled</body></html>", "canceled", '{"status":"canceled"', rows.BODY .. "}", rows.BODY:rep(2),
  rows.BODY .. "\0", "\0", '{"status":"\xff\xfe"}', '{"status":NaN}', "\xef\xbb\xbf" .. rows.BODY,
  "/* */" .. rows.BODY, "{'status':'canceled'}", ("["):rep(1001) .. ("]"):rep(1001),
  ("["):rep(100000) .. ("]"):rep(100000), '{"status":"\xed\xa0\x80"}', '{"status":"\xc0\xaf"}', '{"status":-Infinity}',
  '{"status":1e999}', '{"status":0x10}',
}, json, rows.protocol(200))
local EMPTY = { POST = rows.CANCELED, GET = rows.protocol(200) }
list:add("an empty body", respond(200, { "Content-Length: 0" }), EMPTY)
list:add("no chunk", respond(200, { rows.CHUNKED }, "0\r\n\r\n"), EMPTY)
list:add("no JSON, and no type, in a 202 with Location",
  respond(202, { "Location: " .. location, "Content-Length: 6" }, "<html>"), { POST = rows.protocol(202) })
list:each("JSON: ", { '{"status":"failed","status":"running"}', '\r\n {"status" : "running"}\n' }, json, { GET = rows.RUNNING })
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
