-- What goes over the wire beside what the portal emulator looks at: the connection's settings and lines that are left out.

local cjson = require "cjson"
local Lab = require "spec.support.lab"

describe("a request", function()
  local lab, server, client
  before_each(function()
    lab = Lab.new()
    server = lab:server():always(Lab.accept)
    client = lab:client { base_url = server.url }
  end)
  after_each(function() lab:close() end)

  it("with a large body does not ask first whether it may be sent", function()
    local name = ("x"):rep(2000) .. "@contoso.example"
    for _, count in ipairs { 1, 600 } do
      local emails = {}
      for i = 1, count do emails[i] = name end
      assert.equal(202, client:cancel({ publisher = "contoso", offer = "contoso-vm", emails = emails }).status)
      local request = server.requests[#server.requests]
      assert.is_nil(request.headers.expect)
      assert.equal(table.concat(emails, ","), cjson.decode(request.body).metadata["notification-emails"])
    end
  end)

  it("has the addresses in its body as they were given, in JSON", function()
    for given, sent in pairs {
      [ [["a\\b"@contoso.example, c/d@contoso.example]] ] = [["a\\b"@contoso.example, c/d@contoso.example]],
      [{ [[\@"]], "münchen@contoso.example", [["\\""@c]] }] = [[\@",münchen@contoso.example,"\\""@c]],
    } do
      assert.equal(202, client:publish({ publisher = "contoso", offer = "contoso-vm", emails = given }).status)
      local body = cjson.decode(server.requests[#server.requests].body)
      assert.same({ metadata = { ["notification-emails"] = sent } }, body)
    end
    for method, body in pairs { cancel = "", publish = '{"metadata":{}}' } do
      client[method](client, { publisher = "contoso", offer = "contoso-vm", emails = {} })
      assert.equal(body, server.requests[#server.requests].body)
    end
  end)

  it("has its own token and no other's, however many went before", function()
    for i = 1, 100 do
      local token = ("%03d."):format(i):rep(1000)
      assert.equal(202, client:cancel({ publisher = "contoso", offer = "contoso-vm", token = token }).status)
      assert.equal("Bearer " .. token, server.requests[i].headers.authorization)
    end
  end)

  it("names the port in its URL only where base_url does", function()
    for base, url in pairs {
      ["https://contoso.example"] = "https://contoso.example/", ["HTTPS://Contoso.Example/"] = "https://Contoso.Example/",
      ["https://contoso.example:8443//"] = "https://contoso.example:8443/", ["http://127.1:80"] = "http://127.0.0.1:80/",
    } do
      local other = lab:client { base_url = base }
      local request <close> = other.core:start("cancel", Lab.OFFER, Lab.TOKEN)
      assert.equal(url .. "api/publishers/contoso/offers/contoso-vm/cancel?api-version=2017-10-31",
                   (select(2, request:url())))
    end
  end)

  it("for the token of a managed identity has a path where its URL has none", function()
    for base, path in pairs { [""] = "/", ["/"] = "/", ["/msi/token/"] = "/msi/token" } do
      local request <close> = client.core:start("metadata", { authority_url = server.url .. base, scope = "a" })
      client.loop.await(client.core, request)
      assert.equal(path .. "?api-version=2017-10-31&resource=a", server.requests[#server.requests].target)
    end
  end)

  it("connects to base_url's host, however a location spells it", function()
    local port = server.url:match ":(%d+)$"
    local path = "/base/api/publishers/contoso/offers/contoso-vm/operations/1?api-version=2017-10-31"
    local own = lab:client { base_url = server.url .. "/base/" }
    for _, location in ipairs { server.url .. path, server.url:upper() .. path, path, server.url .. "/a/.." .. path } do
      own:operation(location)
      local request = server.requests[#server.requests]
      assert.equal("127.0.0.1:" .. port, request.headers.host)
      assert.equal(path, request.target)
    end
    own:operation(server.url .. "?a=1#b")
    assert.equal("/?a=1&api-version=2017-10-31", server.requests[#server.requests].target)
  end)

  -- A GET may take minutes, in which a firewall may forget a connection on which nothing stirs. In /proc/net/tcp
  -- a timer of 2 is that of keep-alive. https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt
  it("goes over a connection that is kept alive", function()
    assert.equal(202, client:cancel(Lab.CALL).status)
    local timers = {}
    for line in io.lines "/proc/self/net/tcp" do
      local port, timer = line:match "^%s*%d+: %x+:%x+ %x+:(%x+) 01 %x+:%x+ (%x+):"
      if port and tonumber(port, 16) == server.port then timers[#timers + 1] = tonumber(timer) end
    end
    assert.same({ 2 }, timers)
  end)
end)
