-- The token goes to one origin: what the table of cases has no words for.

local Lab = require "spec.support.lab"

describe("a location with", function()
  local lab, server, canary
  before_each(function()
    lab = Lab.new()
    server = lab:server():always(Lab.good_service)
    canary = lab:server():always(Lab.good_service)
  end)
  after_each(function() lab:close() end)

  local function fill(location)
    return (location:gsub(":P", ":" .. server.port):gsub(":C", ":" .. canary.port)
      :gsub("WRAPPED", server.port + 65536))
  end

  it("a zone is another link's host", function()
    local client = lab:client { base_url = "https://[fe80::1]:1" }
    local _, err = client:operation "https://[fe80::1%25lo]:1/op"
    lab:assert_failure(err, { kind = "untrusted", message = "not of the origin" })
  end)

  it("a reason to be refused has it in the message", function()
    local client = lab:client { base_url = server.url }
    for location, words in pairs {
      ["http://user@127.0.0.1:P/op"] = "it holds user information", ["http://:pw@127.0.0.1:P/op"] = "it holds user information",
      ["http://127.0.0.1:C/op"] = "it is not of the origin of base_url", ["http://["] = "it is no URL",
      ["/a b"] = "it holds blanks, control characters or backslashes",
      ["/" .. ("x"):rep(9000)] = "it is too long",
    } do
      local _, err = client:operation(fill(location))
      assert.equal("the location is refused: " .. words, err.message)
    end
  end)

  it("7 KiB is whole wherever it is shown; a longer one is ignored, and its call is still accepted", function()
    local client = lab:client { base_url = server.url }
    local function respond(status, headers, body)
      server:handle(function(connection)
        connection:read_request()
        headers[#headers + 1] = "Connection: close"
        connection:answer(status, headers, body)
      end)
    end
    local long = "/api/operations/" .. ("x"):rep(7168 - #server.url - #"/api/operations/")
    respond(202, { "Location: " .. long })
    local result = assert(client:cancel(Lab.CALL))
    assert.equal(server.url .. long, result.location)
    respond(200, {}, '{"status":"failed","location":"/cut"}')
    local _, err = client:wait(result.location)
    local polled = result.location .. "?api-version=2017-10-31"
    assert.same({ "failed", polled, polled }, { err.kind, err.location, err.operation.location })
    respond(403, {})
    _, err = client:wait(result.location)
    assert.same({ polled, result.location }, { err.url, err.location })
    assert.is_truthy(tostring(err):find(polled, 1, true))
    for _, given in ipairs { long .. "x", "/" .. ("x"):rep(100000) } do
      respond(202, { "Location: " .. given })
      result = assert(client:cancel(Lab.CALL))
      assert.same({ 202 }, { result.status, result.location })
      respond(202, { "Location: " .. given }) -- the place that was polled stays
      assert.equal(server.url .. "/op?api-version=2017-10-31", assert(client:operation("/op")).location)
    end
  end)

  it("the default port is of the origin that names none, and the host may be written in any case", function()
    -- Nothing responds there. A proxy shows whether anything connects.
    for _, location in ipairs {
      "https://contoso.example:443/op", "https://CONTOSO.Example/op", "//contoso.example/op", "/op",
    } do
      local proxy = lab:server():handle(function(connection)
        connection:read_request()
        connection:answer(403)
      end)
      local client = lab:client { base_url = "https://contoso.example", proxy = proxy.url }
      local _, err = client:operation(location)
      lab:assert_failure(err, { kind = "network" })
      assert.equal("CONTOSO.EXAMPLE:443", proxy.requests[1].target:upper())
    end
    for _, location in ipairs {
      "https://contoso.example:8443/op", "https://contoso.example./op", "https://c\xd0\xbentoso.example/op",
      "https://contoso.example:443@other.example/op", "http://contoso.example:443/op", "https://xn--contoso.example/op",
    } do
      local proxy = lab:server()
      local client = lab:client { base_url = "https://contoso.example", proxy = proxy.url }
      local _, err = client:operation(location)
      lab:assert_failure(err, { kind = "untrusted", retryable = false, ambiguous = false })
      assert.equal(0, #proxy.connections)
    end
  end)
end)
