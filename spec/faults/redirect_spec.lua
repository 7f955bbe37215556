-- Redirects are returned as `protocol` and never followed: where they lead, nobody sees a request.

local Lab = require "spec.support.lab"

describe("a redirect", function()
  local lab, server, canary
  before_each(function()
    lab = Lab.new()
    server = lab:server()
    canary = lab:server():always(Lab.good_service)
  end)
  after_each(function() lab:close() end)

  local TARGETS = {
    ["to another host"] = "http://localhost:CANARY/api",
    ["to another port"] = "http://127.0.0.1:CANARY/api",
    ["to https"] = "https://127.0.0.1:CANARY/api",
    ["without a scheme"] = "//127.0.0.1:CANARY/api",
    ["to a file"] = "file:///etc/passwd",
    ["to itself"] = "/api/elsewhere",
  }

  for _, status in ipairs { 300, 301, 302, 303, 304, 305, 307, 308 } do
    for name, target in pairs(TARGETS) do
      it(("%s (%d) is not followed"):format(name, status), function()
        local location = target:gsub("CANARY", canary.port)
        server:always(function(connection)
          while connection:read_request() do
            connection:send(("HTTP/1.1 %d Moved\r\nLocation: %s\r\n%s\r\n"):format(status, location,
              status == 304 and "" or "Content-Length: 0\r\n"))
          end
        end)
        local client = lab:client { base_url = server.url, retries = 3 }
        local expected = {
          kind = "protocol", status = status, retryable = false, ambiguous = false, attempts = 1,
        }
        local _, err = client:cancel(Lab.CALL)
        lab:assert_failure(err, expected)
        _, err = client:offer_status(Lab.OFFER)
        lab:assert_failure(err, expected)
        assert.equal(2, #server.requests)
        assert.equal(0, #canary.connections)
        local other = lab:server()
        lab:assert_usable(client, other)
      end)
    end
  end

  it("of the token service does not get the secret", function()
    server:always(function(connection)
      connection:read_request()
      connection:answer(307, { "Location: " .. canary.url .. "/tenant/oauth2/token", "Connection: close" })
    end)
    local client = lab:client {
      tenant = "contoso-tenant", client_id = "contoso-client", client_secret = Lab.SECRET,
      base_url = canary.url, authority_url = server.url,
    }
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "auth", status = 307, retryable = false, ambiguous = false })
    assert.equal(0, #canary.connections)
  end)
end)
