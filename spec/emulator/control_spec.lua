-- The portal emulator issues tokens, and goes wrong as it is told to. What other specs use of its control interface, such as the
-- journal and most faults, is not repeated here.

local client = require "spec.support.emulator"
local fixture = require "spec.support.fixture"
local socket = require "socket"

local OFFER = "/api/publishers/contoso/offers/contoso-vm"

describe("the portal emulator", function()
    local portal, call
    fixture.portal(_ENV, function(...) portal, call = ... end)

    describe("tokens", function()
        local FORM = "grant_type=client_credentials&client_id=emulator-client&client_secret=emulator-secret"
            .. "&resource=https%3A%2F%2Fcloudpartner.azure.com"

        local function ask(form, tenant)
            return portal:request("POST", "/" .. (tenant or "emulator-tenant") .. "/oauth2/token",
                { body = form, headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } })
        end

        it("are issued, and expire by the clock", function()
            local answer = ask(FORM)
            assert.equal(200, answer.status)
            assert.equal("3600", answer.json.expires_in)
            assert.matches("^%d+$", answer.json.expires_on)
            local token = answer.json.access_token
            portal:advance(3599)
            assert.equal(200, call("GET", OFFER .. "/status", { token = token }).status)
            portal:advance(1)
            assert.equal(401, call("GET", OFFER .. "/status", { token = token }).status)
        end)

        it("say when they expire in every form", function()
            for given, found in pairs { string = "string", number = "number", missing = "nil" } do
                portal:configure { clients = { { tenant = "emulator-tenant", client_id = "emulator-client", expires_in = 60,
                    client_secret = "emulator-secret", expires_in_as = given, expires_on_as = given } } }
                local answer = ask(FORM).json
                assert.same({ found, found }, { type(answer.expires_in), type(answer.expires_on) })
            end
        end)

        it("are refused with the errors of the directory", function()
            local function refused(status, code, form, tenant)
                local answer = ask(form, tenant)
                assert.equal(status, answer.status)
                assert.equal(code, answer.json.error)
                assert.is_string(answer.json.error_description)
            end
            refused(401, "invalid_client", (FORM:gsub("emulator%-secret", "wrong")))
            refused(400, "unsupported_grant_type", (FORM:gsub("client_credentials", "password")))
            refused(400, "invalid_resource", (FORM:gsub("cloudpartner", "graph")))
            refused(400, "invalid_request", FORM, "other-tenant")
        end)
    end)

    it("has faults that strike by chance, always the same", function()
        local function run(seed)
            portal:clear_faults()
            portal:fault { probability = 0.5, seed = seed, status = 503 }
            local text = ""
            for _ = 1, 40 do
                text = text .. (call("GET", OFFER .. "/status").status == 503 and "x" or ".")
            end
            return text
        end
        local first = run(1)
        assert.matches("x", first)
        assert.matches("%.", first)
        assert.equal(first, run(1))
        assert.not_equal(first, run(2))
    end)

    it("refuses what it does not know", function()
        assert.error_matches(function() portal:offer { cancel_secs = 1 } end, "unknown option 'cancel_secs'")
        assert.error_matches(function()
            portal:offer { publisher = "a", offer = "b", cancel_mode = "no" }
        end, "'no' is none of")
        assert.error_matches(function() portal:fault { stauts = 1 } end, "unknown option 'stauts'")
        assert.error_matches(function() portal:configure { identities = { { client = "c" } } } end,
            "identities%[1%]: unknown option 'client'")
        for _, entry in ipairs { { expires_in_as = "text" }, { expires_on_as = "text" } } do
            assert.error_matches(function() portal:configure { identities = { entry } } end,
                "identities%[1%].expires_%a%a_as: 'text' is none of")
        end
        assert.error_matches(function() portal:fault { status = 200, match = { path = "%" } } end, "match.path")
        assert.error_matches(function() portal:get("nothing") end, "has no GET /_portal/nothing")
    end)

    it("survives clients that send garbage", function()
        for _, text in ipairs { "garbage\r\n\r\n", "\22\3\1\0\5\1xxxxx", "GET / HTTP/9\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: ;;\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
            "GET /%zz?%zz=&&= HTTP/1.1\r\nbad\r\n\r\n" } do
            local connection = assert(socket.connect("127.0.0.1", portal.port))
            connection:send(text)
            connection:close()
            assert.equal(0, portal:get("clock").now)
        end
    end)

    it("takes a scenario, and a clock that runs", function()
        local other = client.start { clock = "real", speed = 1000, scenario = {
            offers = { { publisher = "fabrikam", offer = "one", running = true, steps = { { name = "Live", seconds = 5 } } } },
            tokens = { { token = "scenario-token" } },
        } }
        repeat until other:get("clock").now >= 5
        local answer = other:request("GET", "/api/publishers/fabrikam/offers/one/status?" .. client.API_VERSION,
            { token = "scenario-token" })
        assert.equal("succeeded", answer.json.status)
        assert.is_true(other:stop())
    end)

    it("ends at the end of its standard input", function()
        local other = client.start()
        local process = other.process
        other.process = nil
        assert.is_true(process:close())
    end)
end)
