-- Connections that cannot be made, or end: what may have been processed is ambiguous, what certainly
-- was not may be sent again, and nothing is sent twice behind the caller's back.

local Lab = require "spec.support.lab"
local socket = require "socket"

local MARGIN = 0.15 -- seconds by which a deadline may be passed

describe("a connection", function()
  local lab
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  describe("that cannot be made", function()
    it("because it is refused, is an error that may be retried", function()
      local client = lab:client { base_url = "http://127.0.0.1:" .. Lab.closed_port() }
      local result, err = client:cancel(Lab.CALL)
      assert.is_nil(result)
      lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false, attempts = 1 })
      lab:assert_usable(client, lab:server())
    end)

    it("is tried again as often as it was asked for", function()
      local clock = lab:virtual_clock()
      local client = lab:client { base_url = "http://127.0.0.1:" .. Lab.closed_port(), retries = 2, timeout = 300 }
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false, attempts = 3 })
      assert.equal(2, #clock.pauses)
      assert.is_true(clock.pauses[1] >= 0.64 and clock.pauses[1] <= 0.96)
      assert.is_true(clock.pauses[2] >= 1.28 and clock.pauses[2] <= 1.92)
    end)

    it("because the name does not exist, is an error that may be retried", function()
      local client = lab:client { base_url = "https://nope.invalid", timeout = 5 }
      local err
      local elapsed = lab:elapsed(function() err = select(2, client:cancel(Lab.CALL)) end)
      -- A name server that does not answer must not hold the deadline up.
      local kind = elapsed < 5 and "network" or "timeout"
      lab:assert_failure(err, { kind = kind, retryable = true, ambiguous = false })
      assert.is_true(elapsed < 5 + MARGIN)
      lab:assert_usable(client, lab:server())
    end)

    it("because nobody answers, meets the connect timeout", function()
      local server = lab:server(0)
      local fillers = {}
      for i = 1, 4 do -- as many as fit into the queue of connections, and more
        fillers[i] = socket.tcp4()
        fillers[i]:settimeout(0)
        fillers[i]:connect("127.0.0.1", server.port)
      end
      lab:finally(function() for _, filler in ipairs(fillers) do filler:close() end end)
      local client = lab:client { base_url = server.url, connect_timeout = 0.2 }
      local err
      local elapsed, all = lab:elapsed(function() err = select(2, client:cancel(Lab.CALL)) end)
      lab:assert_failure(err, { kind = "timeout", retryable = true, ambiguous = false })
      assert.is_true(elapsed < 0.2 + MARGIN and all > 0.19, elapsed)
      lab:assert_usable(client, lab:server())
    end)

    it("because the TLS handshake stalls, meets the connect timeout", function()
      local server = lab:server():always(function(connection) connection:stall() end)
      local client = lab:client { base_url = "https://127.0.0.1:" .. server.port, connect_timeout = 0.2 }
      local err
      local elapsed, all = lab:elapsed(function() err = select(2, client:cancel(Lab.CALL)) end)
      lab:assert_failure(err, { kind = "timeout", retryable = true, ambiguous = false })
      assert.is_true(elapsed < 0.2 + MARGIN and all > 0.19, elapsed)
      lab:assert_usable(client, lab:server())
    end)

    for how, finish in pairs {
      ["is closed"] = function(connection) connection:close() end,
      ["is reset"] = function(connection) connection:reset() end,
      ["is answered with something else"] = function(connection) connection:send("SSH-2.0-OpenSSH_9.2\r\n") end,
    } do
      it("because the TLS handshake " .. how .. ", is an error that may be retried", function()
        local server = lab:server():always(function(connection)
          connection:fill()
          finish(connection)
        end)
        lab:virtual_clock()
        local client = lab:client { base_url = "https://127.0.0.1:" .. server.port, retries = 1 }
        local _, err = client:cancel(Lab.CALL)
        lab:assert_failure(err, { kind = "tls", retryable = true, ambiguous = false, attempts = 2 })
        assert.equal(2, #server.connections)
        lab:assert_usable(client, lab:server())
      end)
    end
  end)

  describe("that ends", function()
    it("before anything was read, is either retryable or ambiguous", function()
      -- Which of both depends on whether the reset comes before the request has left.
      local server = lab:server():always(function(connection) connection:reset() end)
      local client = lab:client { base_url = server.url }
      for _ = 1, 20 do
        local _, err = client:cancel(Lab.CALL)
        lab:assert_failure(err, { kind = "network" })
        assert.are_not.equal(err.ambiguous, err.retryable)
      end
      assert.equal(0, #server.requests)
      lab:assert_usable(client, server)
    end)

    for how, finish in pairs {
      closed = function(connection) connection:close() end,
      reset = function(connection) connection:reset() end,
    } do
      it("after the request was read (" .. how .. "), is ambiguous for a POST, and it is not sent again", function()
        local server = lab:server():always(function(connection)
          connection:read_request()
          finish(connection)
        end)
        lab:virtual_clock()
        local client = lab:client { base_url = server.url, retries = 3 }
        local _, err = client:cancel(Lab.CALL)
        lab:assert_failure(err, { kind = "network", retryable = false, ambiguous = true, attempts = 1 })
        assert.equal(1, #server.requests)
        lab:assert_usable(client, server)
      end)

      it("after the request was read (" .. how .. "), is retried for a GET", function()
        local server = lab:server():always(function(connection)
          connection:read_request()
          finish(connection)
        end)
        local clock = lab:virtual_clock()
        local client = lab:client { base_url = server.url, retries = 3, timeout = 300 }
        local _, err = client:offer_status(Lab.OFFER)
        lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false, attempts = 4 })
        assert.equal(4, #server.requests)
        assert.equal(3, #clock.pauses)
        lab:assert_usable(client, server)
      end)

      for body, call in pairs { ["a body"] = Lab.CALL, ["an empty body"] = Lab.OFFER } do
        it("when it was kept (" .. how .. "), does not send a POST with " .. body .. " a second time", function()
          local server = lab:server():always(function(connection)
            connection:read_request()
            connection:send(Lab.ACCEPTED)
            connection:read_request()
            finish(connection)
          end)
          lab:virtual_clock()
          local client = lab:client { base_url = server.url, retries = 3 }
          assert.equal(202, client:cancel(call).status)
          local result, err = client:cancel(call)
          assert.is_nil(result)
          lab:assert_failure(err, { kind = "network", retryable = false, ambiguous = true, attempts = 1 })
          assert.equal(2, #server.requests)
          assert.equal(1, server.requests[2].connection)
          lab:assert_usable(client, server)
          assert.equal(3, #server.requests)
        end)
      end

      it("when it was kept (" .. how .. "), sends a GET again only within the count of retries", function()
        local server = lab:server():handle(function(connection)
          connection:read_request()
          connection:answer(200, nil, '{"status":"running"}')
          connection:read_request()
          finish(connection)
        end)
        local client = lab:client { base_url = server.url }
        assert.equal("running", client:offer_status(Lab.OFFER).state)
        local _, err = client:offer_status(Lab.OFFER)
        lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false, attempts = 1 })
        assert.equal(2, #server.requests)
        lab:assert_usable(client, server)
      end)

      it("while it was idle (" .. how .. "), is replaced", function()
        local answered = 0
        local server = lab:server():always(function(connection)
          connection:read_request()
          connection:send(Lab.ACCEPTED)
          while answered < connection.number do connection:pause(0.001) end -- a reset would overtake it
          finish(connection)
        end)
        local client = lab:client { base_url = server.url }
        for i = 1, 3 do
          local result, err = client:cancel(Lab.CALL)
          assert.is_nil(err)
          assert.equal(202, result.status)
          answered = i
          lab.tasks:run_until(client.core, function() return not server.connections[i].socket end)
          assert.equal(i, #server.requests)
        end
        assert.equal(3, #server.connections)
        lab:assert_usable(client, server)
      end)
    end
  end)

  describe("that stalls", function()
    local STALLS = {
      ["before the answer"] = "",
      ["within the status line"] = "HTTP/1.1 2",
      ["within the headers"] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Unfinished: ",
      ["after the headers"] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
      ["within the body"] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{",
      ["within a chunk"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a",
      ["after an interim answer"] = "HTTP/1.1 100 Continue\r\n\r\n",
      ["after a switch of protocols"] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    }
    for where, bytes in pairs(STALLS) do
      it(where .. ", meets the deadline", function()
        local server = lab:server():always(function(connection)
          connection:read_request()
          connection:send(bytes)
          connection:stall()
        end)
        local client = lab:client { base_url = server.url, timeout = 0.2 }
        local err
        local elapsed, all = lab:elapsed(function() err = select(2, client:cancel(Lab.CALL)) end)
        lab:assert_failure(err, {
          kind = "timeout", retryable = false, ambiguous = true,
          status = (where:find("after the headers") or where:find("body") or where:find("chunk")) and 200 or nil,
        })
        assert.is_true(elapsed < 0.2 + MARGIN and all > 0.19, elapsed)
        assert.equal(1, #server.requests)
        lab:assert_usable(client, server)
      end)
    end

    it("never quite, but drips, meets the deadline", function()
      local server = lab:server():always(function(connection)
        connection:read_request()
        connection:drip("HTTP/1.1 200 OK\r\nX-Drip: " .. ("x"):rep(1000), 0.01)
      end)
      local client = lab:client { base_url = server.url, timeout = 0.2 }
      local err
      local elapsed, all = lab:elapsed(function() err = select(2, client:offer_status(Lab.OFFER)) end)
      lab:assert_failure(err, { kind = "timeout", retryable = true, ambiguous = false })
      assert.is_true(elapsed < 0.2 + MARGIN and all > 0.19, elapsed)
      lab:assert_usable(client, server)
    end)
  end)

  describe("with a request that does not fit into it at once", function()
    -- Just below the size from which libcurl asks for permission first (Expect: 100-continue).
    local LARGE = { publisher = "contoso", offer = "contoso-vm", emails = {} }
    for i = 1, 33 do LARGE.emails[i] = ("x"):rep(30000) .. i .. "@contoso.example" end

    -- Past the layer that keeps addresses out of errors: it has much to do with these.
    local function post(client)
      local request = client.core:start("cancel", LARGE, Lab.TOKEN)
      lab.loop.await(client.core, request)
      return request:result()
    end

    it("sends all of it to a server that takes its time", function()
      local server = lab:server():handle(function(connection)
        connection:pause(0.05)
        connection:read_request()
        connection:send(Lab.ACCEPTED)
      end)
      local client = lab:client { base_url = server.url }
      assert.equal(202, post(client).status)
      assert.is_true(#server.requests[1].body > 990000)
      assert.is_truthy(server.requests[1].body:find('33@contoso.example"}}', 1, true))
      lab:assert_usable(client, server)
    end)

    it("may have been processed when the server stops reading", function()
      local server = lab:server():handle(function(connection)
        connection:read(1000)
        connection:pause(5)
      end)
      local client = lab:client { base_url = server.url, timeout = 0.2 }
      local _, failure = post(client)
      assert.equal("timeout", failure.kind)
      assert.is_true(failure.sent)
      lab:assert_usable(client, server)
    end)

    it("reads the answer that comes before all of it was sent", function()
      local server = lab:server():handle(function(connection)
        connection:read(1000)
        connection:answer(413, { "Connection: close" }, "too much")
        connection:stall()
      end)
      local client = lab:client { base_url = server.url }
      local _, failure = post(client)
      assert.equal("http", failure.kind)
      assert.equal(413, failure.status)
      lab:assert_usable(client, server)
    end)
  end)
end)
