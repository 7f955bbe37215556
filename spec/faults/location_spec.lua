-- The token goes to one origin: a location that names another is `untrusted` before anything connects.

local Lab = require "spec.support.lab"

-- P is the port of the service, C that of the canary, both on 127.0.0.1.
local UNTRUSTED = {
  ["another host"] = "http://localhost:P/op",
  ["another address of loopback"] = "http://127.0.0.2:P/op",
  ["another port"] = "http://127.0.0.1:C/op",
  ["no port"] = "http://127.0.0.1/op",
  ["the port of the other scheme"] = "http://127.0.0.1:443/op",
  ["another scheme"] = "https://127.0.0.1:P/op",
  ["ftp"] = "ftp://127.0.0.1:P/op",
  ["a file"] = "file:///etc/passwd",
  ["a file of the host"] = "file://127.0.0.1/etc/passwd",
  ["gopher"] = "gopher://127.0.0.1:C/1x",
  ["javascript"] = "javascript:alert(1)",
  ["data"] = "data:application/json,{}",
  ["user information"] = "http://127.0.0.1:P@127.0.0.1:C/op",
  ["user information at the right host"] = "http://user:password@127.0.0.1:P/op",
  ["a user without a password"] = "http://user@127.0.0.1:P/op",
  ["empty user information"] = "http://:@127.0.0.1:P/op",
  ["two slashes"] = "//127.0.0.1:C/op",
  ["three slashes"] = "///127.0.0.1:C/op",
  ["a backslash"] = "http://127.0.0.1:C\\@127.0.0.1:P/op",
  ["two backslashes"] = "\\\\127.0.0.1:C\\op",
  ["a slash and a backslash"] = "/\\127.0.0.1:C/op",
  ["a host that begins the same"] = "http://127.0.0.1.contoso.example:P/op",
  ["a host that ends the same"] = "http://contoso-127.0.0.1:P/op",
  ["a host with full-width digits"] = "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:P/op",
  ["a host with a dot at its end"] = "http://127.0.0.1.:P/op",
  ["an encoded host"] = "http://127.0.0.1%2e:P/op",
  ["a host with a NUL"] = "http://127.0.0.1%00.contoso.example:P/op",
  ["the address with its IPv6 form"] = "http://[::ffff:127.0.0.1]:P/op",
  ["an address with a zone"] = "http://[fe80::1%25lo]:P/op",
  ["a blank"] = "http://127.0.0.1:C /op",
  ["a fragment with the right host"] = "http://127.0.0.1:C#@127.0.0.1:P/op",
  ["a query with the right host"] = "http://127.0.0.1:C?@127.0.0.1:P/op",
  ["a port that is too large"] = "http://127.0.0.1:65536/op",
  ["a port that wraps round"] = "http://127.0.0.1:WRAPPED/op",
  ["too many bytes"] = "/" .. ("x"):rep(9000),
}

local TRUSTED = {
  ["an absolute URL"] = { "http://127.0.0.1:P/op?api-version=2017-10-31", "/op?api-version=2017-10-31" },
  ["an absolute path"] = { "/op?api-version=1", "/op?api-version=1" },
  ["no api-version"] = { "/op", "/op?api-version=2017-10-31" },
  ["api-version as the second parameter"] = { "/op?x=1&api-version=1", "/op?x=1&api-version=1" },
  ["api-version in capitals"] = { "/op?x=1&API-Version=1&y=2", "/op?x=1&API-Version=1&y=2" },
  ["an empty api-version"] = { "/op?api-version", "/op?api-version" },
  ["an empty api-version before another"] = { "/op?api-version&x=1", "/op?api-version&x=1" },
  ["a parameter that begins like api-version"] = { "/op?api-versions=1", "/op?api-versions=1&api-version=2017-10-31" },
  ["another parameter"] = { "/op?x=1", "/op?x=1&api-version=2017-10-31" },
  ["the scheme in upper case"] = { "HTTP://127.0.0.1:P/op?api-version=1", "/op?api-version=1" },
  ["two slashes and the right host"] = { "//127.0.0.1:P/op?api-version=1", "/op?api-version=1" },
  ["the address in another notation"] = { "http://0x7f.1:P/op?api-version=1", "/op?api-version=1" },
  ["dots"] = { "/a/../op/./x?api-version=1", "/op/x?api-version=1" },
  ["dots that lead out of the root"] = { "/../../op?api-version=1", "/op?api-version=1" },
  ["a fragment"] = { "/op?api-version=1#part", "/op?api-version=1" },
  ["an operation without an id"] = { "/api/operations/contoso$vm$2$preview?api-version=1",
                                     "/api/operations/contoso$vm$2$preview?api-version=1" },
  ["an @ in its path"] = { "/a@b/op?api-version=1", "/a@b/op?api-version=1" },
}

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

  for name, location in pairs(UNTRUSTED) do
    it(name .. " is untrusted, and nothing connects", function()
      local client = lab:client { base_url = server.url, retries = 3 }
      local operation, err = client:operation(fill(location))
      assert.is_nil(operation)
      lab:assert_failure(err, { kind = "untrusted", retryable = false, ambiguous = false, attempts = 1 })
      assert.equal(0, #server.connections + #canary.connections)
      lab:assert_usable(client, server)
    end)
  end

  for name, row in pairs(TRUSTED) do
    it(name .. " is polled with the token", function()
      local client = lab:client { base_url = server.url }
      local operation, err = client:operation(fill(row[1]))
      assert.is_nil(err)
      assert.equal("running", operation.state)
      assert.equal(row[2], server.requests[1].target)
      assert.equal("Bearer " .. Lab.TOKEN, server.requests[1].headers.authorization)
      assert.equal("127.0.0.1:" .. server.port, server.requests[1].headers.host)
    end)
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

  it("another origin, from a header of the service, is untrusted when it is waited for", function()
    for _, field in ipairs { "Operation-Location", "Location" } do
      server:handle(function(connection)
        connection:read_request()
        connection:answer(202, { ("%s: http://127.0.0.1:%d/op"):format(field, canary.port), "Connection: close" })
      end)
      local client = lab:client { base_url = server.url }
      local result = client:cancel(Lab.CALL)
      assert.equal(202, result.status)
      local _, err = client:wait(result, { timeout = 5 })
      lab:assert_failure(err, { kind = "untrusted", retryable = false, ambiguous = false })
    end
    assert.equal(0, #canary.connections)
  end)

  it("another origin, from the body, is untrusted when it is waited for", function()
    server:handle(function(connection)
      connection:read_request()
      connection:answer(202, nil, ('{"location":"http://127.0.0.1:%d/op"}'):format(canary.port))
    end)
    local client = lab:client { base_url = server.url }
    local _, err = client:cancel {
      publisher = "contoso", offer = "contoso-vm", wait = { timeout = 5 },
    }
    lab:assert_failure(err, { kind = "untrusted", retryable = false, ambiguous = false })
    assert.equal(0, #canary.connections)
  end)

  it("the default port is of the origin that names none, and the host may be written in any case", function()
    -- Nobody answers there: that anything connects is what is looked at, at a proxy.
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
