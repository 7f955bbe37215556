-- A redirect of the token service: not followed either. Those of the service are in the table of cases.

local Lab = require "spec.support.lab"

describe("a redirect", function()
  local lab, server, canary
  before_each(function()
    lab = Lab.new()
    server = lab:server()
    canary = lab:server():always(Lab.good_service)
  end)
  after_each(function() lab:close() end)

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
