-- Proxies: https goes through CONNECT, so a proxy sees neither token nor path; plain http, which goes to
-- loopback only, never goes through one.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local uv = require "luv"

local VARIABLES = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                    "no_proxy", "NO_PROXY" }
local PASSWORD = "proxy-password"

describe("a proxy", function()
  local certificates, lab, service, proxy
  setup(function() certificates = Certificates.make() end)
  teardown(function() certificates:remove() end)

  before_each(function()
    for _, name in ipairs(VARIABLES) do uv.os_unsetenv(name) end
    lab = Lab.new()
    service = lab:server():always(function(connection)
      if connection:start_tls(certificates:server "good") then Lab.good_service(connection) end
    end)
    proxy = lab:server():always(function(connection)
      if connection:read_request() then connection:tunnel(service.port) end
    end)
  end)

  after_each(function()
    lab:close()
    for _, name in ipairs(VARIABLES) do uv.os_unsetenv(name) end
  end)

  local function client_of(options)
    options.base_url = options.base_url or "https://localhost:" .. service.port
    options.ca_file = certificates.ca_file
    return lab:client(options)
  end

  -- A client without the lab's own `proxy`: it has to look at the environment.
  local function client_of_environment(options)
    return require("cpp").client {
      base_url = options.base_url or "https://localhost:" .. service.port, ca_file = certificates.ca_file,
      token = Lab.TOKEN, loop = lab.loop, retries = 0, timeout = 10, proxy = options.proxy,
    }
  end

  local function assert_saw_nothing()
    for _, request in ipairs(proxy.requests) do
      assert.equal("CONNECT", request.method)
      assert.equal("localhost:" .. service.port, request.target)
      assert.is_nil(request.headers.authorization)
      assert.is_nil(request.head:find("secret-token", 1, true))
      assert.is_nil(request.head:find("contoso", 1, true))
      assert.is_nil(request.headers["x-ms-client-request-id"])
    end
  end

  -- libcurl would send the request again, over a new connection, whatever the proxy says to that.
  for what, more in pairs { ["that connects again"] = false, ["that then sends headers without end"] = true } do
    it(what .. " after a connection has ended without a response is not what the err is about", function()
      service:handle(function(connection)
        if not connection:start_tls(certificates:server "good") then return end
        connection:read_request()
        connection:answer(200, nil, '{"status":"running"}')
        connection:read_request()
      end)
      local client = client_of { proxy = proxy.url }
      assert.is_table(client:offer_status(Lab.OFFER))
      if more then
        proxy:always(function(connection)
          connection:read_request()
          connection:send "HTTP/1.1 200 OK\r\n"
          while connection:send(("X: y\r\n"):rep(1000)) do end
        end)
      end
      local _, err = client:offer_status(Lab.OFFER)
      lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false, attempts = 1 })
      assert.is_truthy(err.message:find("ended before a response", 1, true), err.message)
      assert.equal(2, #service.requests)
    end)
  end

  it("of a call is used for that call only; so are its connect_timeout and user_agent", function()
    local client = client_of { proxy = "" }
    local status, err = client:offer_status { publisher = "contoso", offer = "contoso-vm", proxy = proxy.url }
    assert.is_nil(err)
    assert.equal("running", status.state)
    assert.equal(1, #proxy.requests)
    assert_saw_nothing()
    assert.is_table(client:offer_status { publisher = "contoso", offer = "contoso-vm", connect_timeout = 5 })
    assert.is_table(client:offer_status { publisher = "contoso", offer = "contoso-vm", user_agent = "mine/1" })
    assert.is_table(client:offer_status(Lab.OFFER))
    assert.equal(1, #proxy.requests)
    local agents = {}
    for i, request in ipairs(service.requests) do agents[i] = request.headers["user-agent"] == "mine/1" end
    assert.same({ false, false, true, false }, agents)
  end)

  it("gets a CONNECT without the token, and the name and password that its URL holds, which the service does not get", function()
    local client = client_of { proxy = ("http://user:%s@127.0.0.1:%d"):format(PASSWORD, proxy.port) }
    assert.equal("running", assert(client:offer_status(Lab.OFFER)).state)
    assert.equal("Bearer " .. Lab.TOKEN, service.requests[1].headers.authorization)
    assert.equal(1, #proxy.requests)
    assert.is_string(proxy.requests[1].headers["proxy-authorization"])
    assert.is_nil(service.requests[1].headers["proxy-authorization"])
    assert_saw_nothing()
  end)

  -- With GSSAPI, libcurl reads from the proxy without a deadline.
  it("that speaks SOCKS5 is offered a name and a password at most", function()
    local greeting
    proxy:always(function(connection)
      greeting = connection:read(4)
      connection:send "\5\255"
    end)
    local client = client_of { proxy = ("socks5://user:%s@127.0.0.1:%d"):format(PASSWORD, proxy.port) }
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false })
    assert.equal("\5\2\0\2", greeting)
  end)

  -- The file has about 200 KiB, and reading it takes 10 to 40 ms, in which no loop of the host runs.
  it("that speaks TLS has the system's certificates read once", function()
    proxy:always(function(connection) connection:start_tls(certificates:server "good") end)
    local client = client_of { proxy = "https://127.0.0.1:" .. proxy.port }
    local function call()
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "tls", retryable = false, ambiguous = false }) -- its authority is not the system's
    end
    local before = Lab.bytes_read()
    call()
    local once = Lab.bytes_read() - before
    for _ = 1, 5 do call() end
    assert.equal(6, #proxy.connections)
    assert.is_true(Lab.bytes_read() - before < 2 * once + 100000)
  end)

  for _, row in ipairs {
    { "https_proxy" }, { "HTTPS_PROXY" }, { "all_proxy" }, { "ALL_PROXY" }, { "https_proxy", no_proxy = "localhost" },
    { "https_proxy", no_proxy = "*" }, { "https_proxy", no_proxy = "example.org,localhost" }, { "https_proxy", option = "" },
  } do
    local passed_by = row.no_proxy and "no_proxy=" .. row.no_proxy or row.option and "an empty option"
    local words = passed_by and "is passed by for " .. passed_by or "is used for https"
    it(("of the environment (%s) %s"):format(row[1], words), function()
      uv.os_setenv(row[1], proxy.url)
      if row.no_proxy then uv.os_setenv("no_proxy", row.no_proxy) end
      local client <close> = client_of_environment { proxy = row.option }
      assert.is_table(client:offer_status(Lab.OFFER))
      assert.same({ passed_by and 0 or 1, 1 }, { #proxy.requests, #service.requests })
      assert_saw_nothing()
    end)
  end

  it("is never used for plain http to loopback", function()
    for _, name in ipairs(VARIABLES) do
      if not name:lower():find "no" then uv.os_setenv(name, proxy.url) end
    end
    local plain = lab:server():always(Lab.good_service)
    local client <close> = client_of_environment { base_url = plain.url }
    assert.is_table(client:offer_status(Lab.OFFER))
    assert.is_table(client:offer_status {
      publisher = "contoso", offer = "contoso-vm", base_url = "http://localhost:" .. plain.port, proxy = proxy.url,
    })
    assert.equal(2, #plain.requests)
    assert.equal(0, #proxy.connections)
  end)

  -- What a proxy does with a CONNECT.
  local HANDLERS = {
    ["is closed"] = function() end, ["is reset"] = function(connection) connection:reset() end,
    ["says nonsense"] = function(connection) connection:send("nonsense\r\n\r\n") end,
    ["leads nowhere"] = function(connection)
      connection:send("HTTP/1.1 200 OK\r\n\r\n")
      connection:fill()
    end,
  }
  for _, status in ipairs { 302, 403, 407, 502 } do
    HANDLERS["is refused with " .. status] = function(connection)
      connection:answer(status, { "Proxy-Authenticate: Basic realm=x", "Location: " .. Lab.LOCATION }, "<html>" .. Lab.TOKEN)
    end
  end
  for how, handler in pairs(HANDLERS) do
    it("whose connection " .. how .. " is an error that may be retried, and nothing was sent", function()
      proxy:always(function(connection)
        connection:read_request()
        handler(connection)
      end)
      local client = client_of { proxy = ("http://user:%s@127.0.0.1:%d"):format(PASSWORD, proxy.port) }
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { retryable = true, ambiguous = false, attempts = 1 })
      assert.is_true(err.kind == "network" or not how:find "refused" and (err.kind == "tls" or err.kind == "protocol"), err.kind)
      Lab.assert_discreet(err, { PASSWORD })
      assert.equal(0, #service.connections)
      assert_saw_nothing()
    end)
  end

  for _, url in ipairs { "http://user:PASSWORD@127.0.0.1:PORT", "http://user:PASSWORD@nope.invalid:3128",
                         "socks5://user:PASSWORD@127.0.0.1:PORT", "gopher://user:PASSWORD@127.0.0.1:PORT",
                         "http://user:PASSWORD@[::1", "http://user:PASSWORD@127.0.0.1:99999",
                         "http://user:PASSWORD@contoso.example:port" } do
    it("that cannot be used (" .. url:match "^%a+" .. url:match "@(.*)" .. ") does not show its password", function()
      local client = client_of {
        proxy = (url:gsub("PASSWORD", PASSWORD):gsub("PORT", Lab.closed_port())), timeout = 5,
      }
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { ambiguous = false, attempts = 1 })
      Lab.assert_discreet(err, { PASSWORD })
      assert.is_nil(tostring(err):find("contoso.example", 1, true) or tostring(client.core):find(PASSWORD, 1, true))
      assert.equal(0, #service.connections)
    end)
  end
end)
