-- The emulator's page; and foreign web pages, which must not reach what needs no token.

local client = require "spec.support.emulator"
local fixture = require "spec.support.fixture"

describe("the emulator's page", function()
    local portal
    fixture.portal(_ENV, function(...) portal = ... end)

    local function page()
        local response = portal:request("GET", "/")
        assert.equal(200, response.status)
        return response.body, response.headers
    end

    it("shows offers, operations and requests, the newest first", function()
        local id = portal:state("contoso", "contoso-vm").operations[1].id
        portal:advance(10)
        portal:fault { match = { method = "POST" }, status = 503 }
        portal:call("GET", "/api/publishers/contoso/offers/contoso-vm/status")
        portal:call("POST", "/api/publishers/contoso/offers/contoso-vm/cancel")
        local text = page()
        assert.matches("<td>contoso</td><td>contoso%-vm</td><td>publish</td><td>Certification, 10 %%</td>", text)
        assert.matches("<td>contoso%-vm</td><td>publish</td><td>running</td><td>[%d: -]+</td><td>"
            .. id:gsub("%p", "%%%0") .. "</td>", text)
        assert.matches("<td>POST</td><td>[^<]*/cancel</td><td>503</td><td>status</td></tr>\n"
            .. "<tr><td>[%d: -]+</td><td>GET</td><td>[^<]*/status</td><td>200</td>", text)
        assert.equal(2, #portal:journal()) -- requests for the page are not requests for the service
    end)

    it("escapes what it shows", function()
        local hostile = "<script>alert(\"1\")</script>&'\27"
        portal:offer { publisher = hostile, offer = hostile, running = true, operation_id = hostile,
            steps = { { name = hostile, seconds = 60 } } }
        portal:call("GET", "/<b>'\"&")
        local text = page()
        for _, mark in ipairs { "<script", "\27", "<b>", "'\"" } do
            assert.is_nil(text:find(mark, 1, true), mark)
        end
        assert.is_truthy(text:find("&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;?", 1, true))
    end)

    it("shows no token, and loads nothing", function()
        portal:call("GET", "/api?access_token=" .. client.TOKEN)
        local text, headers = page()
        assert.is_nil(text:find(client.TOKEN, 1, true))
        assert.is_nil(text:find("emulator-secret", 1, true))
        assert.is_nil(text:find("https?://"))
        for _, name in ipairs { "src=", "href=", "<script", "<link", "url(", "@import" } do
            assert.is_nil(text:find(name, 1, true), name)
        end
        assert.matches("^default%-src 'none'; style%-src 'unsafe%-inline';", headers["content-security-policy"])
        assert.equal("no-store", headers["cache-control"])
    end)

    it("refuses other origins, and so does the control interface", function()
        for _, headers in ipairs { { Host = "evil.example" }, { Host = "127.0.0.1.evil.example:80" },
            { Origin = "http://evil.example" }, { Origin = "null" } } do
            assert.equal(403, portal:request("GET", "/", { headers = headers }).status)
            assert.equal(403, portal:request("GET", "/_portal/journal", { headers = headers }).status)
            assert.equal(403, portal:request("POST", "/_portal/reset", { headers = headers }).status)
        end
        for _, host in ipairs { "localhost:1", "127.0.0.1", "[::1]:80" } do
            assert.equal(200, portal:request("GET", "/_portal/clock", { headers = { Host = host } }).status)
        end
        assert.equal(200, portal:request("GET", "/_portal/clock", { headers = { Origin = portal.url } }).status)
    end)
end)
