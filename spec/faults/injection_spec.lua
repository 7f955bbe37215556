-- CR, LF and NUL in anything that becomes part of a request raise before anything connects, and the
-- message names the option and shows no value.

local Lab = require "spec.support.lab"

local BYTES = { CR = "\r", LF = "\n", CRLF = "\r\nX-Injected: 1\r\n\r\nGET / HTTP/1.1\r\n", NUL = "\0" }

-- The options that are texts, and the call that uses each of them.
local OPTIONS = {
  publisher = "cancel", offer = "cancel", operation_id = "operation", status = "operations",
  token = "cancel", base_url = "cancel", api_version = "cancel", ca_file = "cancel", proxy = "cancel",
  user_agent = "cancel", client_request_id = "cancel", location = "operation", emails = "cancel",
  tenant = "cancel", client_id = "cancel", authority_url = "cancel", client_secret = "cancel",
}

local PLAIN = {
  publisher = "contoso", offer = "contoso-vm", operation_id = "56615b67", status = "running", token = Lab.TOKEN,
  api_version = "2017-10-31", ca_file = "/nowhere.pem", proxy = "http://127.0.0.1:1", user_agent = "agent",
  client_request_id = "id", location = "/op", emails = "a@b.example", tenant = "tenant", client_id = "client",
  client_secret = "value", base_url = "http://127.0.0.1:1", authority_url = "http://127.0.0.1:1",
}

describe("in an option,", function()
  local lab, server
  before_each(function()
    lab = Lab.new()
    server = lab:server():always(Lab.good_service)
  end)
  after_each(function() lab:close() end)

  local function assert_raises(name, value, fn)
    local done, message = pcall(fn)
    assert.is_false(done)
    assert.is_string(message)
    assert.is_truthy(message:find("cpp: " .. name .. "%f[%A]"), message)
    assert.is_nil(message:find("X-Injected", 1, true))
    assert.is_nil(message:find(value, 1, true))
    assert.equal(0, #server.connections)
  end

  local function call_with(name, value)
    local call = { publisher = "contoso", offer = "contoso-vm" }
    if name == "location" then call = {} end
    if name == "operation_id" then call.operation_id = "56615b67" end
    if name == "tenant" or name == "client_id" or name == "client_secret" then
      call.tenant, call.client_id, call.client_secret = PLAIN.tenant, PLAIN.client_id, PLAIN.client_secret
      call.authority_url = server.url
    end
    call[name] = value
    return call
  end

  for name, method in pairs(OPTIONS) do
    for byte, text in pairs(BYTES) do
      -- A secret is percent-encoded into a form: only NUL is no character of one.
      local harmless = name == "client_secret" and byte ~= "NUL"
      for place, value in pairs {
        beginning = text .. PLAIN[name], middle = PLAIN[name]:sub(1, 1) .. text .. PLAIN[name]:sub(2),
        ["end"] = PLAIN[name] .. text,
      } do
        if not harmless then
          it(("%s of a call: %s at the %s raises"):format(name, byte, place), function()
            local client = lab:client { base_url = server.url }
            assert_raises(name, value, function() client[method](client, call_with(name, value)) end)
            if name == "emails" then
              local list = { "x@y.example", value }
              assert_raises(name, value, function() client[method](client, call_with(name, list)) end)
            end
            lab:assert_usable(client, server)
          end)
        end
      end
    end
  end

  for _, name in ipairs { "token", "tenant", "client_id", "client_secret", "base_url", "authority_url", "api_version",
                          "ca_file", "proxy", "user_agent", "client_request_id" } do
    for byte, text in pairs(BYTES) do
      if name ~= "client_secret" or byte == "NUL" then
        it(("%s of a client: %s raises"):format(name, byte), function()
          local value = PLAIN[name] .. text
          local options = { base_url = server.url, loop = lab.loop }
          options[name] = value
          if name == "tenant" or name:find "^client_" and name ~= "client_request_id" then
            for _, credential in ipairs { "tenant", "client_id", "client_secret" } do
              options[credential] = options[credential] or PLAIN[credential]
            end
          end
          assert_raises(name, value, function() require("cpp").client(options) end)
        end)
      end
    end
  end

  it("a line break in a secret reaches the token service encoded", function()
    local client = lab:client {
      base_url = server.url, authority_url = server.url, tenant = "t", client_id = "c", client_secret = "a\r\nb&c=d",
    }
    client:cancel(Lab.OFFER)
    assert.equal(1, #server.requests)
    assert.is_truthy(server.requests[1].body:find("&client_secret=a%0D%0Ab%26c%3Dd&", 1, true))
  end)

  it("a token of a function is checked like any other", function()
    for _, text in pairs(BYTES) do
      local client = lab:client { base_url = server.url, token = function() return "token" .. text end }
      local result, err = client:cancel(Lab.OFFER)
      assert.is_nil(result)
      lab:assert_failure(err, { kind = "auth", retryable = false, ambiguous = false })
    end
    assert.equal(0, #server.connections)
  end)

  it("a token of the token service is checked like any other", function()
    for _, escape in ipairs { "\\r\\n", "\\n", "\\u0000", " ", "\xc3\xa9" } do
      server:handle(function(connection)
        connection:read_request()
        connection:answer(200, nil, ('{"access_token":"token%sX-Injected: 1","expires_in":3600}'):format(escape))
      end)
      local client = lab:client {
        base_url = server.url, authority_url = server.url, tenant = "t", client_id = "c", client_secret = "secret",
      }
      local result, err = client:cancel(Lab.OFFER)
      assert.is_nil(result)
      lab:assert_failure(err, { kind = "auth", status = 200, retryable = false, ambiguous = false })
    end
    for _, request in ipairs(server.requests) do assert.is_truthy(request.target:find("/oauth2/token", 1, true)) end
  end)

  it("the core's own arguments are checked as well", function()
    local client = lab:client { base_url = server.url }
    for _, text in pairs(BYTES) do
      assert.is_false(pcall(client.core.start, client.core, "cancel", Lab.OFFER, "token" .. text))
      assert.is_false(pcall(client.core.start, client.core, "cancel", Lab.OFFER, "token", "id" .. text))
    end
    assert.equal(0, #server.connections)
  end)

  it("what is special in a URL stays within its segment", function()
    local client = lab:client { base_url = server.url }
    local odd = "a/../b?c#d%2f;e&f=g h\xc3\xa9+@:"
    assert.is_table(client:operations { publisher = odd, offer = odd, status = odd } or {})
    local encoded = "a%2F..%2Fb%3Fc%23d%252f%3Be%26f%3Dg%20h%C3%A9%2B%40%3A"
    assert.equal(("/api/publishers/%s/offers/%s/submissions/?api-version=2017-10-31&status=%s"):format(
      encoded, encoded, encoded), (server.requests[1].target:gsub("%%%x%x", string.upper):gsub("%%252F", "%%252f")))
    for _, name in ipairs { "publisher", "offer" } do
      for _, dots in ipairs { ".", ".." } do
        assert.is_false(pcall(client.cancel, client, call_with(name, dots)))
      end
    end
    assert.equal(1, #server.requests)
  end)
end)
