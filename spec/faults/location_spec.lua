-- The token goes to one origin: a location that names another is untrusted before anything connects, and no redirect is
-- followed.

local Lab = require "spec.support.lab"

describe("locations and redirects:", function()
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

  -- Newer versions of libcurl's URL API read 127.0.0.1. as 127.0.0.1.
  local function drops_dot(client)
    local request <close> = client.core:start("offer_status", Lab.OFFER, Lab.TOKEN)
    return request:resolve(fill "http://127.0.0.1.:P/op") == fill "http://127.0.0.1:P/op"
  end

  it("another origin is untrusted before anything connects", function()
    local client = lab:client { base_url = server.url, retries = 2 }
    local untrusted = {
      "http://localhost:P/op", "http://127.0.0.2:P/op", "http://127.0.0.1:C/op", "http://127.0.0.1/op", "http://127.0.0.1:443/op",
      "https://127.0.0.1:P/op", "https:/op", "ftp://127.0.0.1:P/op", "file:///etc/passwd", "file://127.0.0.1/etc/passwd",
      "gopher://127.0.0.1:C/1x", "javascript:alert(1)", "data:application/json,{}",
      -- user information
      "http://127.0.0.1:P@127.0.0.1:C/op", "http://jane.doe:hidden-client@127.0.0.1:P/op", "http://user@127.0.0.1:P/op",
      "http://:@127.0.0.1:P/op",
      -- slashes
      "//127.0.0.1:C/op", "///127.0.0.1:C/op", "http://127.0.0.1:C\\@127.0.0.1:P/op", "\\\\127.0.0.1:C\\op", "/\\127.0.0.1:C/op",
      -- hosts that look like the right one; full-width digits, and a letter of another alphabet
      "http://127.0.0.1.contoso.example:P/op", "http://contoso-127.0.0.1:P/op", "http://c\xd0\xbentoso.example:P/op",
      "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:P/op", "http://127.0.0.1%00.contoso.example:P/op",
      "http://[::ffff:127.0.0.1]:P/op", "http://[fe80::1%25lo]:P/op", "http://127.0.0.1:C /op",
      "http://127.0.0.1:C#@127.0.0.1:P/op", "http://127.0.0.1:C?@127.0.0.1:P/op",
      -- ports; and too many bytes
      "http://127.0.0.1:65536/op", "http://127.0.0.1:WRAPPED/op", "http://127.0.0.1:-1/op", "/" .. ("x"):rep(9000),
    }
    if not drops_dot(client) then
      table.move({ "http://127.0.0.1.:P/op", "http://127.0.0.1%2e:P/op" }, 1, 2, #untrusted + 1, untrusted)
    end
    for _, location in ipairs(untrusted) do
      local result, err = client:operation(fill(location))
      assert.is_nil(result, location)
      lab:assert_failure(err, { kind = "untrusted", ambiguous = false, retryable = false, attempts = 1 })
      assert.same({ 0, 0 }, { #server.connections, #canary.connections }, location)
    end
  end)

  it("the origin is polled with the token, by a URL that has an api-version", function()
    local client = lab:client { base_url = server.url }
    for location, target in pairs {
      ["http://127.0.0.1:P/op?api-version=2017-10-31"] = "/op?api-version=2017-10-31",
      ["/op?api-version=1"] = "/op?api-version=1", ["/op?x=1&api-version=1"] = "/op?x=1&api-version=1",
      ["/op?x=1&API-Version=1&y=2"] = "/op?x=1&API-Version=1&y=2", ["/op?api-version"] = "/op?api-version",
      ["/op?api-version&x=1"] = "/op?api-version&x=1", ["/op?api-versions=1"] = "/op?api-versions=1&api-version=2017-10-31",
      ["/op"] = "/op?api-version=2017-10-31", ["/op?x=1"] = "/op?x=1&api-version=2017-10-31",
      ["HTTP://127.0.0.1:P/op?api-version=1"] = "/op?api-version=1", ["//127.0.0.1:P/op?api-version=1"] = "/op?api-version=1",
      ["http://0x7f.1:P/op?api-version=1"] = "/op?api-version=1", ["/a/../op/./x?api-version=1"] = "/op/x?api-version=1",
      ["/../../op?api-version=1"] = "/op?api-version=1", ["/op?api-version=1#part"] = "/op?api-version=1",
      ["/api/operations/contoso$vm$2$preview?api-version=1"] = "/api/operations/contoso$vm$2$preview?api-version=1",
      ["/a@b/op?api-version=1"] = "/a@b/op?api-version=1",
    } do
      assert.equal("running", assert(client:operation(fill(location))).state)
      local request = server.requests[#server.requests]
      assert.same({ target, "Bearer " .. Lab.TOKEN }, { request.target, request.headers.authorization })
    end
  end)

  it("another origin, from the service itself, is not polled", function()
    local place = fill "http://127.0.0.1:C/op"
    for header, body in pairs { ["Operation-Location: " .. place] = "", ["Location: " .. place] = "",
                                ["X-None: 1"] = ('{"location":"%s"}'):format(place) } do
      server:respond(202, { header }, body)
      local client = lab:client { base_url = server.url, retries = 2 }
      local _, err = client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
      lab:assert_failure(err, { kind = "untrusted", ambiguous = false, retryable = false, attempts = 1 })
    end
    assert.same({ 3, 0 }, { #server.requests, #canary.connections })
  end)

  it("the message says why one is refused", function()
    local client = lab:client { base_url = server.url }
    for location, words in pairs {
      ["http://user@127.0.0.1:P/op"] = "it has user information", ["http://:pw@127.0.0.1:P/op"] = "it has user information",
      ["http://127.0.0.1:C/op"] = "its origin is not that of base_url", ["http://["] = "it is not a URL",
      ["/a b"] = "it has blanks, control characters or backslashes", ["/" .. ("x"):rep(9000)] = "it is too long",
    } do
      local _, err = client:operation(fill(location))
      assert.equal("the location is refused: " .. words, err.message)
    end
    local _, err = lab:client({ base_url = "https://[fe80::1]:1" }):operation "https://[fe80::1%25lo]:1/op" -- another link's host
    lab:assert_failure(err, { kind = "untrusted", message = "not that of base_url" })
  end)

  it("7 KiB is whole wherever it is shown; a longer one is ignored, and its call is still accepted", function()
    local client = lab:client { base_url = server.url }
    local long = "/api/operations/" .. ("x"):rep(7168 - #server.url - #"/api/operations/")
    server:respond(202, { "Location: " .. long })
    local result = assert(client:cancel(Lab.CALL))
    assert.equal(server.url .. long, result.location)
    server:respond(200, {}, '{"status":"failed","location":"/cut"}')
    local _, err = client:wait(result.location)
    local polled = result.location .. "?api-version=2017-10-31"
    assert.same({ "failed", polled, polled }, { err.kind, err.location, err.operation.location })
    server:respond(403)
    _, err = client:wait(result.location)
    assert.same({ polled, result.location }, { err.url, err.location })
    assert.is_truthy(tostring(err):find(polled, 1, true))
    for _, given in ipairs { long .. "x", "/" .. ("x"):rep(100000) } do
      server:respond(202, { "Location: " .. given })
      result = assert(client:cancel(Lab.CALL))
      assert.same({ 202 }, { result.status, result.location })
      server:respond(202, { "Location: " .. given }) -- the place that was polled stays
      assert.equal(server.url .. "/op?api-version=2017-10-31", assert(client:operation("/op")).location)
    end
  end)

  it("the default port is of the origin that names none, and the host may be written in any case", function()
    -- Nothing responds there. A proxy shows whether anything connects.
    for location, kind in pairs {
      ["https://contoso.example:443/op"] = "network", ["https://CONTOSO.Example/op"] = "network", ["/op"] = "network",
      ["//contoso.example/op"] = "network", ["https://contoso.example:8443/op"] = "untrusted",
      ["https://contoso.example./op"] = "untrusted", ["https://c\xd0\xbentoso.example/op"] = "untrusted",
      ["https://contoso.example:443@other.example/op"] = "untrusted", ["http://contoso.example:443/op"] = "untrusted",
      ["https://xn--contoso.example/op"] = "untrusted",
    } do
      local proxy = lab:server():respond(403)
      local client = lab:client { base_url = "https://contoso.example", proxy = proxy.url }
      local _, err = client:operation(location)
      lab:assert_failure(err, { kind = kind, ambiguous = false, retryable = kind == "network" })
      assert.equal(kind == "network" and 1 or 0, #proxy.connections)
      if kind == "network" then assert.equal("CONTOSO.EXAMPLE:443", proxy.requests[1].target:upper()) end
    end
  end)

  for _, status in ipairs { 300, 301, 302, 303, 304, 305, 307, 308 } do
    it(("a redirect with status %d is not followed"):format(status), function()
      local client = lab:client { base_url = server.url, retries = 2 }
      for _, target in ipairs {
        canary.url .. "/api", "http://localhost:" .. canary.port, canary.url:gsub("http", "https"), "//127.0.0.1:" .. canary.port,
        ("http://127.0.0.1:%d@127.0.0.1:%d/api"):format(server.port, canary.port), "file:///etc/passwd", "/api/elsewhere", "",
      } do
        for _, method in ipairs { "cancel", "offer_status" } do
          server:respond(status, { target ~= "" and "Location: " .. target or nil })
          local before = #server.requests
          local _, err = client[method](client, Lab.OFFER)
          lab:assert_failure(err, { kind = "protocol", status = status, ambiguous = status == 303 and method == "cancel",
                                    retryable = false, attempts = 1 })
          assert.equal(1, #server.requests - before)
        end
      end
      assert.equal(0, #canary.connections)
    end)
  end
end)
