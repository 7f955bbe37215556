-- Redirects are never followed, and their target gets no connection.

local Lab = require "spec.support.lab"

describe("a redirect", function()
  local lab, server, canary
  before_each(function()
    lab = Lab.new()
    server = lab:server()
    canary = lab:server():always(Lab.good_service)
  end)
  after_each(function() lab:close() end)

  for _, status in ipairs { 300, 301, 302, 303, 304, 305, 307, 308 } do
    it(("with status %d is not followed"):format(status), function()
      local client = lab:client { base_url = server.url, retries = 2 }
      for _, target in ipairs {
        canary.url .. "/api", "http://localhost:" .. canary.port, canary.url:gsub("http", "https"), "//127.0.0.1:" .. canary.port,
        ("http://127.0.0.1:%d@127.0.0.1:%d/api"):format(server.port, canary.port), "file:///etc/passwd", "/api/elsewhere", "",
      } do
        server:always(function(connection)
          connection:read_request()
          connection:answer(status, { "Connection: close", target ~= "" and "Location: " .. target or nil })
        end)
        for _, method in ipairs { "cancel", "offer_status" } do
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
