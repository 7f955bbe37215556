-- HTTP/1.1 only: what the client offers, and how a server that speaks HTTP/2 only is reported.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"

local ALPN = 16 -- https://www.rfc-editor.org/rfc/rfc7301
-- The frame that begins a connection of HTTP/2: length 0, type 4, no flags, stream 0 (RFC 9113, section 6.5).
local SETTINGS = "\0\0\0\4\0\0\0\0\0"

-- The protocols that a ClientHello offers, or nil where it has no ALPN extension (RFC 8446, section 4.1.2).
local function offered(hello)
  local extensions = select(8, string.unpack(">I1 I3 I2 c32 s1 s2 s1 s2", hello))
  local at = 1
  while at <= #extensions do
    local kind, data
    kind, data, at = string.unpack(">I2 s2", extensions, at)
    if kind == ALPN then
      local list, names, from = string.unpack(">s2", data), {}, 1
      while from <= #list do names[#names + 1], from = string.unpack(">s1", list, from) end
      return names
    end
  end
end

describe("HTTP/1.1 only:", function()
  local certificates, lab
  setup(function() certificates = Certificates.make() end)
  teardown(function() certificates:remove() end)
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  it("the ClientHello offers http/1.1 and nothing else", function()
    local names
    local server = lab:server():handle(function(connection)
      local length = string.unpack(">I2", connection:read(5), 4)
      names = offered(connection:read(length))
    end)
    local client = lab:client { base_url = "https://localhost:" .. server.port, ca_file = certificates.ca_file }
    assert.equal("tls", select(2, client:cancel(Lab.CALL)).kind)
    assert.same({ "http/1.1" }, names)
  end)

  it("a TLS server that accepts h2 only, and sends the alert no_application_protocol, is reported", function()
    local process, url = certificates:serve("good", "-alpn", "h2")
    lab:finally(function() process:stop "sigterm" end)
    local client = lab:client { base_url = url, ca_file = certificates.ca_file }
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "tls", ambiguous = false, message = "HTTP/1%.1" })
  end)

  for _, scheme in ipairs { "http", "https" } do
    it("a server whose first bytes are a SETTINGS frame is reported (" .. scheme .. ")", function()
      local server = lab:server():always(function(connection)
        if scheme == "https" and not connection:start_tls(certificates:server "good") then return end
        connection:send(SETTINGS)
        connection:stall()
      end)
      local client = lab:client {
        base_url = ("%s://localhost:%d"):format(scheme, server.port), ca_file = certificates.ca_file, retries = 2,
      }
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "protocol", ambiguous = true, message = "HTTP/1%.1" })
      assert.equal(1, #server.connections)
    end)
  end
end)
