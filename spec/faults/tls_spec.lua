-- TLS: what cannot be trusted gets no byte of the request, and nothing turns the checks off.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local Process = require "spec.support.process"

describe("over TLS,", function()
  local certificates, lab
  setup(function()
    certificates = Certificates.make()
    Process.start({ "/bin/true" }):stop() -- luv keeps descriptors from its first process on
  end)
  teardown(function() certificates:remove() end)
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  -- A server that speaks TLS with these parameters and then does what `handler` says.
  local function serve(parameters, handler)
    local server = lab:server()
    server.handshakes = 0
    server:always(function(connection)
      if not connection:start_tls(parameters) then return end
      server.handshakes = server.handshakes + 1
      handler(connection)
    end)
    return server
  end

  local function client_of(server, options)
    options = options or {}
    options.base_url = options.base_url or "https://localhost:" .. server.port
    options.ca_file = options.ca_file or certificates.ca_file
    return lab:client(options)
  end

  local function accept(connection)
    while connection:read_request() do connection:send(Lab.ACCEPTED) end
  end

  for _, protocol in ipairs { "tlsv1_2", "tlsv1_3" } do
    it("a certificate of a known authority is trusted (" .. protocol .. ")", function()
      local server = serve(certificates:server("good", protocol), accept)
      local client = client_of(server)
      for _ = 1, 3 do
        local result, err = client:cancel(Lab.CALL)
        assert.is_nil(err)
        assert.equal(202, result.status)
        assert.equal("https://localhost:" .. server.port .. Lab.LOCATION, result.location)
      end
      assert.equal(1, #server.connections)
      assert.equal("Bearer " .. Lab.TOKEN, server.requests[3].headers.authorization)
    end)
  end

  it("a certificate may be for an address", function()
    local server = serve(certificates:server "good", accept)
    local client = client_of(server, { base_url = "https://127.0.0.1:" .. server.port })
    assert.equal(202, client:cancel(Lab.CALL).status)
  end)

  local NAMES = { expired = "expired", not_yet_valid = "not yet valid", wrong_host = "for another host",
                  no_names = "without names", self_signed = "signed by itself",
                  unknown_authority = "of an unknown authority", weak_key = "with a weak key",
                  sha1 = "signed with SHA-1" }

  for name, words in pairs(NAMES) do
    it("a certificate that is " .. words .. " gets no byte of the request, and is not tried again", function()
      local server = serve(certificates:server(name), function(connection) connection:stall() end)
      local clock = lab:virtual_clock()
      local client = client_of(server, { retries = 3 })
      local result, err = client:cancel(Lab.CALL)
      assert.is_nil(result)
      lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false, attempts = 1 })
      assert.equal(0, #clock.pauses)
      assert.equal(1, #server.connections)
      assert.equal(0, server:bytes_received())
      lab:assert_usable(client, lab:server())
    end)
  end

  it("a name of control characters comes without them into the message", function()
    local server = serve(certificates:server "rude_name", function(connection) connection:stall() end)
    local _, err = client_of(server):cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false, message = "'a %[31mb c'" })
  end)

  it("a certificate that only ca_file makes trusted is not trusted without it", function()
    local server = serve(certificates:server "good", function(connection) connection:stall() end)
    local client = lab:client { base_url = "https://localhost:" .. server.port }
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false })
    assert.equal(0, server:bytes_received())
  end)

  it("the trust of one call's ca_file is not that of the next", function()
    local server = serve(certificates:server "good", accept)
    local client = lab:client { base_url = "https://localhost:" .. server.port }
    local call = { publisher = "contoso", offer = "contoso-vm", ca_file = certificates.ca_file }
    assert.equal(202, client:cancel(call).status)
    local result, err = client:cancel(Lab.CALL)
    assert.is_nil(result)
    lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false })
    assert.equal(1, #server.requests)
  end)

  it("a ca_file that does not exist is an error, and trusts nothing", function()
    local server = serve(certificates:server "good", accept)
    local client = client_of(server, { ca_file = certificates.directory .. "/none.pem" })
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false })
    assert.equal(0, #server.requests)
  end)

  for _, protocol in ipairs { "tlsv1", "tlsv1_1" } do
    it("an old protocol is refused (" .. protocol .. ")", function()
      local server = serve(certificates:server("good", protocol), accept)
      local client = client_of(server)
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "tls", ambiguous = false, attempts = 1 })
      assert.equal(0, server.handshakes)
      lab:assert_usable(client, lab:server())
    end)
  end

  -- The system's own settings of OpenSSL may refuse old protocols: then the above says nothing of ours.
  local LAX = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
    .. "[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n"
  local CALL = [[
    local client = require("cpp").client {
      base_url = arg[1], ca_file = arg[2], token = "token", retries = 0, proxy = "",
    }
    local result, err = client:cancel { publisher = "contoso", offer = "contoso-vm" }
    print(result and result.status or err.kind)]]

  for protocol, expected in pairs { tlsv1 = "tls", tlsv1_1 = "tls", tlsv1_2 = "202" } do
    it("old protocols are refused where OpenSSL allows them (" .. protocol .. ")", function()
      local server = serve(certificates:server("good", protocol), accept)
      local settings, script = certificates.directory .. "/lax.cnf", certificates.directory .. "/call.lua"
      for path, text in pairs { [settings] = LAX, [script] = CALL } do
        local file = assert(io.open(path, "wb"))
        file:write(text)
        file:close()
      end
      local process = Process.start {
        "/usr/bin/env", "OPENSSL_CONF=" .. settings, arg[-1] or "lua5.4", script,
        "https://localhost:" .. server.port, certificates.ca_file,
      }
      lab:finally(function() process:stop() end)
      while #process:read_lines() == 0 and not process.ended do lab.tasks:turn(0.01) end
      assert.equal(expected, process:read_line())
      assert.equal(expected == "202" and 1 or 0, server.handshakes)
    end)
  end

  it("a server without authentication is refused", function()
    local server = serve(certificates:server("good", "tlsv1_2", "aNULL"), accept)
    local client = client_of(server)
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "tls", ambiguous = false, attempts = 1 })
    assert.equal(0, server.handshakes)
  end)

  for how, finish in pairs {
    closed = function(connection) connection:close() end,
    cut = function(connection) connection:cut() end,
    reset = function(connection) connection:reset() end,
  } do
    for body, call in pairs { ["a body"] = Lab.CALL, ["an empty body"] = Lab.OFFER } do
      it("a kept connection that dies (" .. how .. ") does not send a POST with " .. body .. " again", function()
        local server = serve(certificates:server "good", function(connection)
          connection:read_request()
          connection:send(Lab.ACCEPTED)
          connection:read_request()
          finish(connection)
        end)
        lab:virtual_clock()
        local client = client_of(server, { retries = 3 })
        assert.equal(202, client:cancel(call).status)
        local _, err = client:cancel(call)
        lab:assert_failure(err, { kind = "network", retryable = false, ambiguous = true, attempts = 1 })
        assert.equal(2, #server.requests)
        lab:assert_usable(client, lab:server())
      end)
    end

    it("a connection that dies (" .. how .. ") within the body is a cut answer", function()
      local server = serve(certificates:server "good", function(connection)
        connection:read_request()
        connection:send('HTTP/1.1 200 OK\r\n\r\n{"status":"runn')
        connection:pause(0.02) -- a reset would overtake it
        finish(connection)
      end)
      local client = client_of(server)
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "protocol", status = 200, retryable = false, ambiguous = true })
    end)
  end
end)
