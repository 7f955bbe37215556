-- Text of the service: what leaves the decoded document is printable, wherever the service put it. The document
-- itself stays as it was sent.

local Lab = require "spec.support.lab"
local cjson = require "cjson"

-- Texts that could matter to a terminal, a log, a JSON reader or a pattern. spec/core/printable_spec.lua has every character.
local HOSTILE = {
  ["control characters"] = "a\27[31mb\7c\u{9b}2Jd\ne\r\nf\0g\u{202e}h\u{2028}i", ["what is no UTF-8"] = "a\x9b2J\xc0\x9bb\xe2\x80",
  ["patterns and quotes"] = "a%d%1%%\"b'c\\d",
}

local function assert_printable(where, value)
  if type(value) == "table" then
    for name, inner in pairs(value) do assert_printable(where .. "." .. tostring(name), inner) end
  elseif type(value) == "string" then
    local bad = not utf8.len(value) or value:find "%c" or value:find "\xc2[\x80-\x9f]" or value:find "\xe2\x80[\xa8-\xae]"
    if bad then error(("%s: %q"):format(where, value), 2) end
  end
end

local function percent(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

describe("text of the service is printable:", function()
  local lab, server, client, log
  before_each(function()
    lab, log = Lab.new(), {}
    server = lab:server()
    client = lab:client { base_url = server.url, log = function(entry) log[#log + 1] = entry end }
  end)
  after_each(function()
    assert.is_true(#log > 0)
    assert_printable("log", log)
    lab:close()
  end)

  local function respond(status, headers, body)
    server:handle(function(connection)
      connection:read_request()
      headers[#headers + 1] = "Connection: close"
      connection:answer(status, headers, body)
    end)
  end

  for name, text in pairs(HOSTILE) do
    local header = text:gsub("[\r\n%z]", "") -- which end a header line
    local json = utf8.len(text) and cjson.encode(text) or '"' .. text .. '"'

    it(name .. " in the location and the id of a result", function()
      for _, place in ipairs { percent(text), header:gsub("[%c \\]", ""), "x?a=" .. header:gsub("[%c \\]", "") } do
        respond(202, { "Location: /api/publishers/p/offers/o/operations/" .. place, "x-ms-request-id: " .. header })
        local result = assert(client:cancel(Lab.CALL))
        assert_printable("result", result)
        assert.is_truthy(result.location:find "^http://[\x21-\x7e]+$")
        assert.is_nil(result.operation_id and result.operation_id:find "[^%w%-._~$:]")
        assert.is_truthy(result.request_id)
      end
    end)

    it(name .. " in an err", function()
      for _, body in ipairs { ('{"error":{"code":%s,"message":%s}}'):format(json, json), "<p>" .. text .. "</p>" } do
        for _, status in ipairs { 403, 200 } do
          respond(status, { "x-ms-correlation-request-id: " .. header, "Content-Type: " .. header }, body)
          local result, err = client:cancel(Lab.CALL)
          assert.is_nil(result)
          assert_printable("err", err)
          assert_printable("tostring(err)", tostring(err))
          assert.is_truthy(err.request_id)
          if status == 403 then assert.is_truthy(err.body:find "a") end
        end
      end
    end)

    if utf8.len(text) then
      it(name .. " in a state and in a wait's err, but not in the document", function()
        respond(200, {}, ('{"status":%s,"name":%s,"steps":[{"stepName":%s,"status":%s}]}'):format(json, json, json, json))
        local operation = assert(client:operation(Lab.LOCATION))
        assert_printable("state", operation.state)
        assert.equal(text, operation.status)
        assert.equal(text, operation.steps[1].stepName)
        local document = ('{"status":"failed","error":{"message":%s},%s:%s}'):format(json, json, json)
        respond(200, {}, document)
        local _, err = client:wait(Lab.LOCATION)
        assert.equal("failed", err.kind)
        assert_printable("err", err)
        for key in pairs(err.operation) do assert_printable("name", key) end
        assert_printable("tostring(err)", tostring(err))
      end)
    end
  end
end)
