-- TLS: what cannot be trusted gets no byte of the request, and nothing turns the checks off. HTTP/1.1 only: what the client
-- offers, and how a server that speaks HTTP/2 only is reported.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local Process = require "spec.support.process"
local Programs = require "spec.support.program"
local fork = require "spec.support.fork"

-- The extension of a ClientHello that offers http/1.1 alone: its type, and three lengths (RFC 7301, section 3.1).
local ALPN = "\0\16\0\11\0\9\8http/1.1"
-- The frame that begins a connection of HTTP/2: length 0, type 4, no flags, stream 0 (RFC 9113, section 6.5).
local SETTINGS = "\0\0\0\4\0\0\0\0\0"

describe("over TLS,", function()
  local certificates, lab
  setup(function() certificates = Certificates.make() end)
  teardown(function() certificates:remove() end)
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  -- A server that speaks TLS with these parameters and then does what `handler` says.
  local function serve(parameters, handler)
    local server = lab:server()
    server.handshakes = 0
    server:always(function(connection)
      local done, problem = connection:start_tls(parameters)
      server.problem = problem
      if not done then return end
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

  -- What the message says of the certificate, if anything.
  for kind, message in pairs {
    expired = "", not_yet_valid = "", wrong_host = "", no_names = "", self_signed = "", unknown_authority = "", weak_key = "",
    sha1 = "", rude_name = "'a %[31mb c'", -- without its control characters
  } do
    it("a certificate that is not valid gets no byte of the request: " .. kind, function()
      for _, protocol in ipairs { "tlsv1_2", "tlsv1_3" } do
        local server = serve(certificates:server(kind, protocol), function(connection) connection:stall() end)
        local client = client_of(server, { base_url = "https://127.0.0.1:" .. server.port, retries = 2 })
        local _, err = client:cancel(Lab.CALL)
        lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false, attempts = 1, message = message })
        assert.same({ 1, 0 }, { #server.connections, server.connections[1].bytes_received })
      end
    end)
  end

  it("a certificate may be for an address, or have a common name and no other", function()
    local server = serve(certificates:server "good", Lab.accept)
    assert.equal(202, client_of(server, { base_url = "https://127.0.0.1:" .. server.port }):cancel(Lab.CALL).status)
    -- libcurl falls back to the common name where OpenSSL verifies (doc/faults.md).
    assert.equal(202, client_of(serve(certificates:server "common_name", Lab.accept)):cancel(Lab.CALL).status)
  end)

  it("a server without a cipher that is accepted gets no request", function()
    for _, ciphers in ipairs { "aNULL", "NULL-SHA256" } do
      local server = serve(certificates:server("good", "tlsv1_2", ciphers), Lab.accept)
      local _, err = client_of(server):cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "tls", ambiguous = false })
      assert.equal(0, server.handshakes)
    end
  end)

  it("the system's certificates are read once, not for each connection", function()
    local server = serve(certificates:server "good", function(connection) connection:stall() end)
    local client = lab:client { base_url = "https://localhost:" .. server.port }
    local function connect()
      local before = Lab.bytes_read()
      assert.equal("tls", select(2, client:cancel(Lab.CALL)).kind)
      return Lab.bytes_read() - before
    end
    connect()
    local bytes = connect()
    assert.equal(2, #server.connections)
    assert.is_true(bytes < 50000, bytes .. " bytes")
  end)

  it("the trust of one call's ca_file is not that of the next, and a ca_file that does not exist trusts nothing", function()
    local server = serve(certificates:server "good", Lab.accept)
    local client = lab:client { base_url = "https://localhost:" .. server.port }
    local call = { publisher = "contoso", offer = "contoso-vm", ca_file = certificates.ca_file }
    assert.equal(202, client:cancel(call).status)
    call.ca_file = certificates.directory .. "/none.pem"
    for _, untrusted in ipairs { Lab.OFFER, call } do
      local _, err = client:cancel(untrusted)
      lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false })
    end
    assert.equal(1, #server.requests)
  end)

  it("a connection outlives a forked child that uses, closes and finalises the client", function()
    local server = serve(certificates:server "good", Lab.accept)
    local client = client_of(server)
    assert(client:cancel(Lab.CALL))
    local core = client.core
    local running = core:start("cancel", Lab.CALL, Lab.TOKEN)
    core:step(0)
    local child = fork(function()
      for _, method in ipairs { "step", "finished", "pollfd", "events", "timeout", "start", "check" } do
        local done, message = pcall(core[method], core, "cancel", Lab.CALL)
        assert(not done and message:find("fork", 1, true), method)
      end
      running:abort()
      assert(not core:usable() and running:done())
      local _, failure = running:result()
      assert(failure.kind == "closed" and failure.sent, failure.kind)
      for _, object in ipairs { running, core, running } do
        local metatable = debug.getmetatable(object)
        metatable.__close(object)
        metatable.__gc(object)
        tostring(object)
      end
      client:close()
    end)
    assert.equal(0, child:wait())
    lab.tasks:run_until(core, function() return running:done() end)
    assert.equal(202, running:result().status)
    assert(client:cancel(Lab.CALL))
    assert.equal(1, #server.connections)
  end)

  -- The system's own settings of OpenSSL may refuse old protocols: then the above says nothing of ours.
  local LAX = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
    .. "[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n"
  local CALL = [[
    local client = require("cpp").client {
      base_url = arg[1], ca_file = arg[2], token = "token", retries = 0, proxy = arg[3] or "",
    }
    local result, err = client:cancel { publisher = "contoso", offer = "contoso-vm" }
    print(result and result.status or err.kind)]]

  -- The certificate of the proxy is not trusted, which libcurl finds out only if it speaks an accepted protocol.
  for _, case in ipairs {
    { "tlsv1", "tls" }, { "tlsv1_1", "tls" }, { "tlsv1_2", "202" },
    { "tlsv1_1", "tls", proxy = true }, { "tlsv1_2", "tls", proxy = true },
  } do
    local protocol, expected, proxy = case[1], case[2], case.proxy
    local of = proxy and " of a proxy" or ""
    it("old protocols" .. of .. " are refused where OpenSSL allows them (" .. protocol .. ")", function()
      local server = serve(certificates:server("good", protocol), Lab.accept)
      local settings = Programs.write(certificates.directory .. "/lax.cnf", LAX)
      local script = Programs.write(certificates.directory .. "/call.lua", CALL)
      local process = Process.start {
        "/usr/bin/env", "OPENSSL_CONF=" .. settings, os.getenv "LUA" or "lua5.4", script,
        "https://localhost:" .. server.port, certificates.ca_file, proxy and "https://localhost:" .. server.port,
      }
      lab:finally(function() process:stop() end)
      while #process:read_lines() == 0 and not process.ended do lab.tasks:turn(0.01) end
      assert.equal(expected, process:read_line())
      if not proxy then assert.equal(expected == "202" and 1 or 0, server.handshakes) end
      local refused = server.problem and server.problem:find("unsupported protocol", 1, true) ~= nil
      assert.equal(protocol ~= "tlsv1_2", refused or false, server.problem)
    end)
  end

  it("the ClientHello offers http/1.1 and nothing else", function()
    local hello
    local server = lab:server():handle(function(connection)
      local length = string.unpack(">I2", connection:read(5), 4)
      hello = connection:read(length)
    end)
    local client = lab:client { base_url = "https://localhost:" .. server.port, ca_file = certificates.ca_file }
    assert.equal("tls", select(2, client:cancel(Lab.CALL)).kind)
    assert.is_truthy(hello:find(ALPN, 1, true))
  end)

  it("a TLS server that accepts h2 only, and sends the alert no_application_protocol, is reported", function()
    local process, url = certificates:serve("good", "-alpn", "h2")
    lab:finally(function() process:stop "sigterm" end)
    local client = lab:client { base_url = url, ca_file = certificates.ca_file }
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "tls", ambiguous = false, message = "HTTP/1%.1" })
  end)

  it("a server whose first bytes are a SETTINGS frame is reported", function()
    local server = lab:server():always(function(connection)
      connection:send(SETTINGS)
      connection:stall()
    end)
    local _, err = lab:client({ base_url = server.url, retries = 2 }):cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "protocol", ambiguous = true, message = "HTTP/1%.1" })
    assert.equal(1, #server.connections)
  end)
end)
