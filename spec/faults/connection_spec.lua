-- Connections that cannot be made, that end, that are kept, or that are too narrow for a request.

local Lab = require "spec.support.lab"
local Process = require "spec.support.process"
local cpp = require "cpp"
local socket = require "socket"

local LATE, MARGIN = 0.2, 0.1 -- seconds: a deadline, and by how much it may be passed

describe("a connection", function()
  local lab
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  it("that cannot be made is retryable", function()
    lab:virtual_clock()
    for base_url, retries in pairs { ["http://127.0.0.1:" .. Lab.closed_port()] = 2, ["https://nope.invalid"] = 0 } do
      local _, err = lab:client { base_url = base_url, retries = retries, timeout = 5 }:cancel(Lab.CALL)
      lab:assert_failure(err, { retryable = true, ambiguous = false, attempts = retries + 1 })
      -- A name server may not respond.
      assert.is_true(err.kind == "network" or retries == 0 and err.kind == "timeout", err.kind)
    end
  end)

  -- Checks that a call ends at its deadline, and that nothing was sent.
  local function assert_late_unsent(options)
    local client, err = lab:client(options), nil
    local seconds, all = lab:elapsed(function() err = select(2, client:cancel(Lab.CALL)) end)
    lab:assert_failure(err, { kind = "timeout", retryable = true, ambiguous = false, attempts = 1 })
    assert.is_true(seconds < LATE + MARGIN and all > LATE - 0.01, seconds)
  end

  it("to a full queue of connections meets its deadline", function()
    local full, fillers = lab:server(0), {}
    for i = 1, 4 do
      fillers[i] = socket.tcp4()
      fillers[i]:settimeout(0)
      fillers[i]:connect("127.0.0.1", full.port)
    end
    assert_late_unsent { base_url = full.url, connect_timeout = LATE }
    for _, filler in ipairs(fillers) do filler:close() end
  end)

  it("whose TLS handshake stalls meets its deadline", function()
    local server = lab:server():always(function(connection) connection:stall() end)
    for _, name in ipairs { "connect_timeout", "timeout" } do
      assert_late_unsent { base_url = "https://localhost:" .. server.port, [name] = LATE }
    end
  end)

  for what, handler in pairs {
    ["is reset"] = function(connection) connection:reset() end, ["is closed"] = function() end,
    ["speaks SSH"] = function(connection) connection:send "SSH-2.0-OpenSSH_9.2\r\n" end,
  } do
    it("that " .. what .. " as soon as it is made is retryable if nothing was sent, which TLS makes certain", function()
      lab:virtual_clock()
      local server = lab:server():always(handler)
      local client = lab:client { base_url = "https://localhost:" .. server.port, retries = 2 }
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { retryable = true, ambiguous = false, attempts = 3 })
      assert.is_true(err.kind == "tls" or what ~= "speaks SSH" and err.kind == "network", err.kind)
      if what == "speaks SSH" then return end
      _, err = client:cancel { publisher = "contoso", offer = "contoso-vm", base_url = server.url }
      lab:assert_failure(err, { kind = "network", ambiguous = not err.retryable, attempts = err.retryable and 3 or 1 })
      assert.equal(0, #server.requests)
    end)
  end

  -- libcurl would send it again by itself.
  it("that ends after it brought a request without a body does not make it be sent again", function()
    for _, how in ipairs { "close", "cut", "reset" } do
      local server = lab:server():handle(function(connection)
        connection:read_request()
        connection:send(Lab.ACCEPTED)
        connection:read_request()
        connection[how](connection)
      end)
      local client = lab:client { base_url = server.url, retries = 2 }
      assert.equal(202, client:cancel(Lab.OFFER).status)
      local _, err = client:cancel(Lab.OFFER)
      lab:assert_failure(err, { kind = "network", ambiguous = true, retryable = false, attempts = 1 })
      assert.equal(2, #server.requests)
    end
  end)

  local function serve(server, response)
    return server:always(function(connection)
      while connection:read_request() do connection:send(response or Lab.ACCEPTED) end
    end)
  end

  it("that was kept stays when a request to another host fails", function()
    local server = serve(lab:server())
    local client = lab:client { base_url = server.url, retries = 0 }
    for _ = 1, 2 do assert.equal(202, client:cancel(Lab.CALL).status) end
    local broken = lab:server():handle(function(connection)
      connection:read_request()
      connection:send("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    end)
    for base_url, kind in pairs { ["http://127.0.0.1:" .. Lab.closed_port()] = "network", [broken.url] = "protocol" } do
      local _, err = client:cancel { publisher = "contoso", offer = "contoso-vm", base_url = base_url }
      lab:assert_failure(err, { kind = kind, ambiguous = kind == "protocol", attempts = 1 })
    end
    for _ = 1, 2 do assert.equal(202, client:cancel(Lab.CALL).status) end
    assert.equal(1, #server.connections)
  end)

  -- libcurl 7.88 would append the line to a field of the response before, which it has freed.
  it("stays usable after a response whose first field line is a folded one", function()
    local server = lab:server():always(function(connection)
      for count = 1, math.huge do
        if not connection:read_request() then return end
        connection:send(count % 2 == 1 and Lab.ACCEPTED
          or "HTTP/1.1 202 Accepted\r\n folded: " .. ("x"):rep(1000) .. "\r\nContent-Length: 0\r\n\r\n")
      end
    end)
    local client = lab:client { base_url = server.url }
    for _ = 1, 50 do
      assert.equal(202, client:cancel(Lab.CALL).status)
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "protocol", ambiguous = true, message = "a header of the response is malformed" })
    end
  end)

  -- With an empty body, libcurl 8.14 closes it if the response comes before it has noticed that the request is sent. It
  -- takes a server in another process to be that quick, and some calls.
  it("stays after an error that comes at once", function()
    local server = Process.start { "/usr/bin/python3", "-c", [[
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(connection, number):
    while connection.recv(65536):
        connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nx-ms-request-id: connection-%d\r\n\r\n" % number)
for number in range(1, 100):
    threading.Thread(target=serve, args=(listener.accept()[0], number), daemon=True).start()
]] }
    lab:finally(function() server:stop "sigterm" end)
    local client = lab:client { base_url = "http://127.0.0.1:" .. server:read_line(), retries = 0, loop = cpp.loop.blocking }
    for _ = 1, 50 do
      local _, err = client:cancel { publisher = "contoso", offer = "contoso-vm" }
      assert.equal("connection-1", err.request_id)
    end
  end)

  it("is not used again after a response that says that it closes, or a 304, which may have a body all the same", function()
    local responses = { "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" }
    for _, options in ipairs { "close", "Close", "x , close", "close , x", "x,\tclose\t", ",close", "x, y , close , z",
                               "x,\r\n close", "\r\n\tclose", "close\r\nX: y" } do
      table.insert(responses, "HTTP/1.1 202 Accepted\r\nConnection: " .. options .. "\r\nContent-Length: 0\r\n\r\n")
    end
    for _, response in ipairs(responses) do
      local server = serve(lab:server(), response)
      local client = lab:client { base_url = server.url }
      for count = 1, 2 do
        local result, err = client:cancel(Lab.CALL)
        assert.equal(response:match " (%d+)", tostring((result or err).status))
        assert.equal(count, #server.connections, response)
      end
    end
  end)

  describe("with a request that does not fit into it at once", function()
    local function call_of(count)
      local emails = {}
      for i = 1, count do emails[i] = ("x"):rep(30000) .. i .. "@contoso.example" end
      return { publisher = "contoso", offer = "contoso-vm", emails = emails }
    end
    local LARGE = call_of(33) -- just below the size from which libcurl asks for permission first (Expect: 100-continue)
    local ENDLESS = call_of(400) -- more than the buffers of the kernel hold

    -- Past the layer that keeps addresses out of errors: it has much to do with these.
    local function post(client, call)
      local request = client.core:start("cancel", call, Lab.TOKEN)
      lab.loop.await(client.core, request)
      return request:result()
    end

    it("may have been processed when the server stops reading", function()
      local server = lab:server():handle(function(connection)
        connection:read(1000)
        connection:pause(5)
      end)
      local client = lab:client { base_url = server.url, timeout = 0.2 }
      local _, failure = post(client, LARGE)
      assert.equal("timeout", failure.kind)
      assert.is_true(failure.sent)
      lab:assert_usable(client, server)
    end)

    for status, kind in pairs { [413] = "http", [200] = "protocol", [202] = "protocol", [204] = "protocol" } do
      it(("takes a %d that comes before all of it was sent for an error"):format(status), function()
        local server = lab:server():handle(function(connection)
          connection:read(1000)
          connection:answer(status, { "Location: /operations/1" })
          connection:stall() -- reads the rest
        end)
        local client = lab:client { base_url = server.url }
        local _, failure = post(client, ENDLESS)
        assert.same({ kind, kind == "http" and status or nil, true }, { failure.kind, failure.status, failure.sent })
        if kind == "protocol" then assert.equal("the response came before the request was sent", failure.message) end
        lab:assert_usable(client, server)
      end)
    end
  end)
end)
