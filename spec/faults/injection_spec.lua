-- CR, LF and NUL in anything that becomes part of a request raise before anything connects, and the message names the option
-- and shows no value. What else each option refuses: spec/core/options_spec.lua.

local Lab = require "spec.support.lab"
local cpp = require "cpp"

local BYTES = { CR = "\r", LF = "\n", CRLF = "\r\nX-Injected: 1\r\n\r\nGET / HTTP/1.1\r\n", NUL = "\0" }

-- The options that are texts, each with a value; those of a call with the method that uses it.
local OPTIONS = {
  publisher = { "contoso", "cancel" }, offer = { "contoso-vm", "cancel" }, emails = { "a@b.example", "cancel" },
  status = { "running", "operations" }, operation_id = { "56615b67", "operation" }, location = { "/op", "operation" },
  token = { Lab.TOKEN }, base_url = { "http://127.0.0.1:1" }, authority_url = { "http://127.0.0.1:1" },
  api_version = { "2017-10-31" }, ca_file = { "/nowhere.pem" }, proxy = { "http://127.0.0.1:1" }, user_agent = { "agent" },
  client_request_id = { "id" }, tenant = { "tenant" }, client_id = { "client" }, client_secret = { "value" },
}

describe("in an option,", function()
  local lab, server
  before_each(function()
    lab = Lab.new()
    server = lab:server():always(Lab.good_service)
  end)
  after_each(function() lab:close() end)

  local function assert_raises(name, value, fn, ...)
    local done, message = pcall(fn, ...)
    assert.is_false(done)
    assert.matches("cpp: " .. name .. "%f[%A]", message)
    assert.is_nil(message:find("X-Injected", 1, true) or message:find(value, 1, true))
    assert.equal(0, #server.connections)
  end

  for name, row in pairs(OPTIONS) do
    it(name .. ": CR, LF and NUL raise", function()
      local client = lab:client { base_url = server.url }
      for byte, text in pairs(BYTES) do
        -- A secret is percent-encoded into a form: only NUL is no character of one.
        if name ~= "client_secret" or byte == "NUL" then
          local value, options = row[1]:sub(1, 1) .. text .. row[1]:sub(2), {}
          if name == "tenant" or name == "client_id" or name == "client_secret" then
            options.tenant, options.client_id, options.client_secret = "tenant", "client", "value"
          end
          options[name] = value
          if not row[2] then assert_raises(name, value, cpp.client, options) end
          if name ~= "location" then setmetatable(options, { __index = { publisher = "contoso", offer = "contoso-vm" } }) end
          assert_raises(name, value, client[row[2] or "cancel"], client, options)
        end
      end
    end)
  end

  it("a token of a function or of the token service is checked like any other", function()
    for _, text in pairs(BYTES) do
      local client = lab:client { base_url = server.url, token = function() return "token" .. text end }
      local _, err = client:cancel(Lab.OFFER)
      lab:assert_failure(err, { kind = "auth", retryable = false, ambiguous = false })
    end
    assert.equal(0, #server.connections)
    for _, escape in ipairs { "\\r\\n", "\\u0000", " ", "\xc3\xa9" } do
      server:respond(200, nil, ('{"access_token":"token%sX-Injected: 1","expires_in":3600}'):format(escape))
      local client = lab:client {
        base_url = server.url, authority_url = server.url, tenant = "t", client_id = "c", client_secret = "a\r\nb&c=d",
      }
      local _, err = client:cancel(Lab.OFFER)
      lab:assert_failure(err, { kind = "auth", status = 200, retryable = false, ambiguous = false })
      local request = server.requests[#server.requests]
      assert.matches("/oauth2/token", request.target, 1, true)
      assert.matches("&client_secret=a%0D%0Ab%26c%3Dd&", request.body, 1, true)
    end
  end)
end)
