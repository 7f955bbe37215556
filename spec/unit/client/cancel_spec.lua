-- cancel, publish and go_live: what goes over the wire, and what comes back; and the calls that read an operation.

local cjson = require "cjson"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local portals = require "spec.support.emulator"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("cancel", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end, { retries = 0 })

  local function offer(options) fixture.offer(portal, options) end

  it("sends one POST with the path, the api-version, the headers and the body of the documentation", function()
    offer {}
    assert(client:cancel(fixture.call { emails = { "jondoe@contoso.com", "jane@contoso.com" } }))
    local request, another = table.unpack(portal:journal())
    assert.is_nil(another)
    assert.same({ "POST", "/api/publishers/contoso/offers/contoso-vm/cancel", "api-version=2017-10-31", "application/json",
                  "Bearer " .. portals.TOKEN },
                { request.method, request.path, request.query, request.headers["content-type"], request.headers.authorization })
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", request.headers["x-ms-client-request-id"])
    assert.same({ metadata = { ["notification-emails"] = "jondoe@contoso.com,jane@contoso.com" } },
      cjson.decode(request.body))
  end)

  describe("gets", function()
    it("the error that a 200 reports, as far as it is text", function()
      for body, words in pairs {
        ['{"error":"conflict"}'] = "conflict", ['{"Errors":"conflict"}'] = "conflict", ['{"error":500}'] = "500",
        ['{"error":true}'] = "true", ['{"error":"see ' .. portals.TOKEN .. '"}'] = "see [redacted]",
        ['{"error":"' .. ("x "):rep(150) .. '"}'] = ("x "):rep(100),
        ['{"error":{"message":"first","Message":"second","code":"third"}}'] = "first",
        ['{"error":{"Message":"second","code":"third"}}'] = "second",
        ['{"error":{"code":"third"}}'] = "third", ['{"error":{"Code":"fourth"}}'] = "fourth",
        ['{"errors":["x"]}'] = "an error without a message", ['{"error":{"target":"x"}}'] = "an error without a message",
        ['{"error":{"message":["x"]}}'] = "an error without a message",
        ['{"error":{"message":{"value":"x"}}}'] = "an error without a message",
        ['{"status":"failed"}'] = "failed", ['[{"status":"Rejected"}]'] = "rejected",
        ['{"status":"failed","error":{}}'] = "failed", ['{"status":"failed","error":""}'] = "failed",
        ['{"status":"failed","error":false}'] = "failed",
      } do
        portal:fault { match = { method = "POST" }, status = 200, body = body,
                       headers = { ["content-type"] = "application/json" } }
        local result, err = client:cancel(OFFER)
        assert.is_nil(result, body)
        assert.same({
          kind = body:find "status" and "failed" or "protocol", status = 200, attempts = 1, ambiguous = true, retryable = false,
          message = "the response has status 200 and reports a failure: " .. words, publisher = "contoso", offer = "contoso-vm",
          method = "POST", url = portal.url .. "/api/publishers/contoso/offers/contoso-vm/cancel?api-version=2017-10-31",
          client_request_id = err.client_request_id, request_id = err.request_id,
        }, err, body)
        assert.same({ "string", "string" }, { type(err.client_request_id), type(err.request_id) })
      end
    end)

    it("202 with an absolute location, whichever form the service responds with", function()
      local id = "56615b67-2185-49fe-80d2-c4ddf77bb2e8"
      local by_id = portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/" .. id
      local version = "?api-version=2017-10-31"
      for form, expected in pairs {
        operation_location = by_id, operation_location_relative = by_id,
        location = by_id .. version, legacy = portal.url .. "/api/operations/contoso$contoso-vm$2$preview" .. version,
        body = by_id,
      } do
        portal:reset()
        offer { location_form = form, operation_id = id }
        local result = assert(client:cancel(OFFER))
        assert.equal(202, result.status)
        assert.same({ expected, form ~= "legacy" and id or nil },
                    { (result.location:gsub("%%24", "$")), result.operation_id }, form)
        assert.equal("running", assert(client:operation(result.location)).state, form)
      end
    end)

    it("the text of a body that is no JSON, where the place to poll is in a header", function()
      local function cancel(headers, body)
        headers.location = "/api/operations/1"
        portal:fault { match = {}, status = 202, headers = headers, body = body }
        return client:cancel(OFFER)
      end
      assert.equal("<html>soon</html>", cancel({ ["content-type"] = "text/html" }, "<html>soon</html>").body)
      assert.same({ a = 1 }, cancel({ ["content-type"] = "text/html" }, '{"a":1}').body)
      local _, err = cancel({ ["content-type"] = "application/json" }, "<html>")
      assert.equal("protocol", err.kind)
      assert.is_true(err.ambiguous)
      assert.equal(portal.url .. "/api/operations/1", err.location) -- where the call can still be followed
    end)

    it("the place to poll from the body where no header names it", function()
      local place = "/api/operations/contoso$contoso-vm$2$preview"
      for body, location in pairs {
        [('"%s"'):format(place)] = place, [('"%s%s"'):format(portal.url, place)] = place, ['"soon"'] = false, ["1"] = false,
        [('{"location":"%s"}'):format(place)] = place, [('{"Operation-Location":"%s"}'):format(place)] = place,
        [('{"operation_location":"%s"}'):format(place)] = place, ['{"location":1}'] = false, ['["/x"]'] = false,
        [('[{"location":"%s"}]'):format(place)] = place, ['[{"location":"/x"},{}]'] = false,
      } do
        portal:fault { match = {}, status = 202, body = body }
        assert.equal(location and portal.url .. location or nil, client:cancel(OFFER).location, body)
      end
    end)

    -- The order of the members of a table depends on their names, and on the process.
    it("the place of the first name in a body, whatever the order of its members, and of a header before that", function()
      for n = 1, 20 do
        local body = ('{"location%s":"/a","operation%s location":"/b","operation%s-location":"","%sOPERATION_LOCATION":5,'
          .. '"z%soperation location":"/c","LOCATION":"/d","operationlocation%s":"/e"}'):gsub("%%s", (" "):rep(n))
        portal:fault { match = {}, status = 202, body = body }
        assert.equal(portal.url .. "/b", client:cancel(OFFER).location)
      end
      portal:fault { match = {}, status = 202, body = '{"operation-location":"/b"}', headers = { Location = "/a" } }
      assert.equal(portal.url .. "/a", client:cancel(OFFER).location)
    end)

    it("Operation-Location before Location, and Location where the other is no URL", function()
      offer {}
      local function answer(headers)
        portal:fault { match = { method = "POST" }, status = 202, headers = headers }
        return assert(client:cancel(OFFER)).location
      end
      assert.equal(portal.url .. "/api/a", answer { ["Operation-Location"] = "/api/a", Location = "/api/b" })
      for _, none in ipairs { "http://[", "" } do
        assert.equal(portal.url .. "/api/b", answer { ["Operation-Location"] = none, Location = "/api/b" })
      end
    end)

    it("the ids of the call, or else of its client, and Retry-After of the response", function()
      local named <close> = cpp.client { base_url = portal.url, token = portals.TOKEN, client_request_id = "ours" }
      offer { retry_after = 7 }
      for _, id in ipairs { "mine", false } do
        local result = assert(named:cancel { publisher = "contoso", offer = "contoso-vm", client_request_id = id or nil })
        assert.same({ 7, id or "ours", "contoso", "contoso-vm" },
                    { result.retry_after, result.client_request_id, result.publisher, result.offer })
        assert.is_string(result.request_id)
        local journal = portal:journal()
        assert.equal(id or "ours", journal[#journal].headers["x-ms-client-request-id"])
      end
    end)
  end)

  local function failure(options)
    local result, err = client:cancel(options or OFFER)
    assert.is_nil(result)
    assert.same({ "POST", 1, "string" }, { err.method, err.attempts, type(err.client_request_id) })
    assert.is_nil(tostring(err):find("\n"))
    return err
  end

  it("fails with an err that tells 400, 401, 403 and 404 apart, with the service's code and message", function()
    offer { running = false }
    offer { publisher = "fabrikam" }
    portal:configure { tokens = { { token = "contoso-only", publishers = { "contoso" } } } }
    local bad_version = failure { publisher = "contoso", offer = "contoso-vm", api_version = "2016-01-01" }
    assert.same({ 400, "InvalidAPIVersion" }, { bad_version.status, bad_version.code })
    assert.equal(401, failure { publisher = "contoso", offer = "contoso-vm", token = "wrong" }.status)
    assert.equal(403, failure { publisher = "fabrikam", offer = "contoso-vm", token = "contoso-only" }.status)
    local missing = failure { publisher = "contoso", offer = "nope" }
    assert.same({ "http", 404, false, false }, { missing.kind, missing.status, missing.retryable, missing.ambiguous })
    assert.matches("^http: 404: no such publisher, offer or operation %([^)]*%): POST http://[^ ]+/offers/nope/cancel"
      .. "%?api%-version=2017%-10%-31 ", tostring(missing))
  end)

  it("sends a document of metadata with publish, with or without addresses, and otherwise only with addresses", function()
    local metadata = '{"metadata":{"notification-emails":"jane@contoso.example"}}'
    for _, case in ipairs {
      { "publish", nil, '{"metadata":{}}' }, { "publish", {}, '{"metadata":{}}' }, { "publish", "jane@contoso.example", metadata },
      { "go_live", nil, "" }, { "go_live", "jane@contoso.example", metadata }, { "cancel", nil, "" },
    } do
      offer { running = false }
      portal:clear_journal()
      assert(client[case[1]](client, fixture.call { emails = case[2] }))
      local entry = portal:journal { method = "POST" }[1]
      assert.equal(case[3], entry.body)
      if entry.body ~= "" then assert.equal("application/json", entry.headers["content-type"]) end
    end
  end)

  it("raises misuse before it looks for a token, and before anything is sent", function()
    local without <close> = cpp.client { base_url = portal.url }
    assert.error_matches(function() without:cancel { publisher = "contoso" } end, "offer: expected a non%-empty string, got nil")
    assert.error_matches(function() without:cancel() end, "expected a table of options, got nil")
    assert.error_matches(function() client:cancel { publisher = "contoso", offer = "o", wait = { intervall = 1 } } end,
      "unknown option 'intervall' %(the nearest known one is 'interval'%)")
    assert.equal(0, #portal:journal())
  end)
end)

describe("operation, operations and offer_status", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end, { retries = 0 })

  it("give one operation by its ids, decoded, with state, progress and location, also in an array of one", function()
    for _, array in ipairs { false, true } do
      fixture.offer(portal, { operation_id = "1-2", elapsed = 30, array = array })
      local operation = assert(client:operation { publisher = "contoso", offer = "contoso-vm", operation_id = "1-2" })
      assert.same({ "running", 52, "table" }, { operation.state, operation.progress, type(operation.steps), operation[1] })
      assert.equal(portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/1-2?api-version=2017-10-31",
        operation.location)
    end
  end)

  it("read a Retry-After in seconds and as a date, and no other", function()
    for value, expected in pairs {
      ["7"] = 7, ["0"] = 0, ["Sun, 06 Nov 1994 08:49:37 GMT"] = 0, ["soon"] = false, ["-5"] = false, ["99999999"] = 1000000,
    } do
      portal:fault { match = {}, status = 503, headers = { ["retry-after"] = value } }
      local _, err = client:offer_status { publisher = "contoso", offer = "contoso-vm" }
      assert.equal(expected or nil, err.retry_after, value)
    end
  end)

  it("list operations with state and exact integers, filtered by status", function()
    fixture.offer(portal)
    local list = assert(client:operations { publisher = "contoso", offer = "contoso-vm", status = "running" })
    assert.same({ 1, "running", 636576975611768314, "api-version=2017-10-31&status=running" },
                { #list, list[1].state, list[1].version, portal:journal()[1].query })
    assert.same({}, assert(client:operations { publisher = "contoso", offer = "contoso-vm", status = "failed" }))
  end)

  it("list the operations in the requested state, if the service lists others as well", function()
    local list = { { submissionState = "completed" }, { submissionState = "Running" }, { id = "without" } }
    for wanted, count in pairs { running = 2, Canceled = 1, queued = 3 } do
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = list }
      assert.equal(count, #assert(client:operations { publisher = "contoso", offer = "contoso-vm", status = wanted }))
    end
  end)
end)
