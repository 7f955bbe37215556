-- The portal emulator answers as the documentation of the service says, and does what its control interface promises.
--
--     lua5.4 /usr/bin/busted spec/portal/portal_spec.lua
-- luacheck: std lua54+busted

local cjson = require "cjson"
local client = require "spec.portal.client"
local socket = require "socket"

local OFFER = "/api/publishers/contoso/offers/contoso-vm"
local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
local EMAILS = '{"metadata": {"notification-emails": "jondoe@contoso.com,jane@contoso.com"}}'

describe("the portal emulator", function()
    local portal

    setup(function() portal = client.start() end)
    teardown(function() assert.is_true(portal:stop()) end)
    before_each(function() portal:reset() end)

    -- Sends a request with a valid token and version; `options` as for portal:request, and `query`.
    local function call(method, path, options)
        options = options or {}
        local headers = options.headers or {}
        if options.body then
            headers["Content-Type"] = headers["Content-Type"] or "application/json"
        end
        local query = options.query and options.query .. "&" .. client.API_VERSION or client.API_VERSION
        return assert(portal:request(method, path .. "?" .. query,
            { token = options.token or client.TOKEN, headers = headers, body = options.body }))
    end

    -- Puts offer contoso-vm of publisher contoso in place, being published.
    local function put(settings)
        settings = settings or {}
        settings.publisher, settings.offer = "contoso", "contoso-vm"
        settings.running = settings.running == nil or settings.running
        return portal:offer(settings)
    end

    local function operation_path()
        return OFFER .. "/operations/" .. portal:state("contoso", "contoso-vm").operations[1].id
    end

    local function failure(answer, status, code)
        assert.equal(status, answer.status)
        assert.is_string(answer.json.error.message)
        assert.equal(code, answer.json.error.code)
    end

    describe("cancelling", function()
        it("accepts, and ends the operation as canceled after its time", function()
            put { cancel_seconds = 60 }
            local answer = call("POST", OFFER .. "/cancel", { body = EMAILS })
            assert.equal(202, answer.status)
            assert.equal(portal.url .. operation_path(), answer.headers["operation-location"])
            portal:advance(59)
            assert.equal("running", call("GET", operation_path()).json.status)
            portal:advance(1)
            local operation = call("GET", operation_path()).json
            assert.equal("canceled", operation.status)
            assert.equal("canceled", operation.steps[1].status)
            assert.equal("jondoe@contoso.com,jane@contoso.com", operation.notificationEmails)
        end)

        it("can be asked for again, which changes nothing", function()
            put { cancel_seconds = 60 }
            call("POST", OFFER .. "/cancel")
            portal:advance(30)
            assert.equal(202, call("POST", OFFER .. "/cancel").status)
            portal:advance(30)
            assert.equal("canceled", call("GET", operation_path()).json.status)
        end)

        it("can be synchronous", function()
            put { cancel_mode = "synchronous" }
            local answer = call("POST", OFFER .. "/cancel")
            assert.equal(200, answer.status)
            assert.is_nil(answer.headers["operation-location"])
            assert.equal("canceled", call("GET", operation_path()).json.status)
        end)

        it("can lose the race, or fail", function()
            put { cancel_mode = "lost_race", cancel_seconds = 10, steps = { { name = "Certification", seconds = 20 } } }
            assert.equal(202, call("POST", OFFER .. "/cancel").status)
            portal:advance(20)
            assert.equal("completed", call("GET", operation_path()).json.status)
            put { cancel_mode = "fails", cancel_seconds = 10 }
            assert.equal(202, call("POST", OFFER .. "/cancel").status)
            portal:advance(10)
            local operation = call("GET", operation_path()).json
            assert.equal("failed", operation.status)
            assert.is_table(operation.error)
        end)

        it("is refused where nothing runs, or accepted all the same", function()
            put { running = false }
            failure(call("POST", OFFER .. "/cancel"), 400, "NoRunningOperation")
            put { nothing_running = 202, elapsed = 60 }
            local answer = call("POST", OFFER .. "/cancel")
            assert.equal(202, answer.status)
            assert.is_string(answer.headers["operation-location"])
            assert.equal("completed", call("GET", operation_path()).json.status)
        end)

        it("ignores addresses where the offer has been migrated", function()
            put { migrated = true, seller_contact = "seller@contoso.com" }
            call("POST", OFFER .. "/cancel", { body = EMAILS })
            local state = portal:state("contoso", "contoso-vm")
            assert.equal("seller@contoso.com", state.operations[1].emails)
            assert.same({ call = "cancel", emails = "jondoe@contoso.com,jane@contoso.com" }, state.emails_given[1])
        end)
    end)

    describe("the place to poll", function()
        -- The answer to cancelling an offer with these settings.
        local function cancel(settings)
            put(settings)
            return call("POST", OFFER .. "/cancel", { headers = { ["X-Forwarded-Proto"] = "https" } })
        end

        it("comes in every form", function()
            local absolute = "https://127.0.0.1:" .. portal.port
            local answer = cancel { location_form = "operation_location" }
            assert.equal(absolute .. operation_path(), answer.headers["operation-location"])
            answer = cancel { location_form = "operation_location_relative" }
            assert.equal(operation_path(), answer.headers["operation-location"])
            answer = cancel { location_form = "location" }
            assert.equal(operation_path() .. "?api-version=2017-10-31", answer.headers.location)
            assert.is_nil(answer.headers["operation-location"])
            answer = cancel { location_form = "legacy" }
            assert.equal("/api/operations/contoso$contoso-vm$2$preview?api-version=2017-10-31", answer.headers.location)
            answer = cancel { location_form = "body" }
            assert.same({ location = absolute .. operation_path() }, answer.json)
            answer = cancel { location_form = "none" }
            assert.equal("", answer.body)
            assert.is_nil(answer.headers.location or answer.headers["operation-location"])
        end)

        it("can be any text in any header", function()
            local answer = cancel { location_header = { name = "Location", value = "//evil.example\\@\9x" } }
            assert.equal("//evil.example\\@\9x", answer.headers.location)
        end)

        it("can be polled in the form without an identifier", function()
            cancel { location_form = "legacy", cancel_seconds = 5 }
            portal:advance(5)
            for _, separator in ipairs { "$", "%24" } do
                local path = "/api/operations/" .. table.concat({ "contoso", "contoso-vm", "2", "preview" }, separator)
                assert.equal("canceled", call("GET", path).json.status)
            end
            failure(call("GET", "/api/operations/contoso$contoso-vm$3$preview"), 404, "OperationNotFound")
            failure(call("GET", "/api/operations/contoso"), 404, "NotFound")
        end)

        it("comes with Retry-After where the offer has one", function()
            assert.equal("7", cancel({ retry_after = 7 }).headers["retry-after"])
            assert.equal("7", call("GET", operation_path()).headers["retry-after"])
            assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$",
                cancel({ retry_after = { date = 90 } }).headers["retry-after"])
        end)
    end)

    describe("publishing", function()
        it("starts an operation, one at a time, and ends as completed", function()
            put { running = false }
            assert.equal("neverPublished", call("GET", OFFER .. "/status").json.status)
            local answer = call("POST", OFFER .. "/publish", { body = EMAILS })
            assert.equal(202, answer.status)
            local path = answer.headers["operation-location"]:sub(#portal.url + 1)
            assert.equal(409, call("POST", OFFER .. "/publish").status)
            assert.equal(409, call("POST", OFFER .. "/golive").status)
            portal:advance(60)
            assert.equal("completed", call("GET", path).json.status)
            assert.equal("succeeded", call("GET", OFFER .. "/status").json.status)
            assert.equal(202, call("POST", OFFER .. "/golive").status)
            local latest = call("GET", OFFER .. "/submissions/").json[1]
            assert.equal("goLive", latest.submissionType)
            assert.equal(3, latest.publishingVersion)
            portal:advance(30)
            assert.equal(1, #call("GET", OFFER .. "/status").json.liveLinks)
        end)

        it("goes on step by step", function()
            put { queued_seconds = 5, steps = {
                { name = "Validate", seconds = 10 }, { name = "Certification", seconds = 20, estimated = "~2-3 days" },
                { name = "Live", seconds = 10 } } }
            assert.equal("notStarted", call("GET", operation_path()).json.status)
            portal:advance(5 + 10 + 5)
            local operation = call("GET", operation_path()).json
            local statuses, progress = {}, {}
            for index, step in ipairs(operation.steps) do
                statuses[index], progress[index] = step.status, step.progressPercentage
            end
            assert.equal("running", operation.status)
            assert.same({ "complete", "inProgress", "notStarted" }, statuses)
            assert.same({ 100, 25, 0 }, progress)
            assert.is_nil(operation.steps[1].estimatedTimeFrame)
            assert.equal("~2-3 days", operation.steps[2].estimatedTimeFrame)
            portal:advance(25)
            assert.equal("completed", call("GET", operation_path()).json.status)
        end)

        it("can fail in a step, or wait in one for ever", function()
            put { steps = { { name = "Certification", seconds = 5, fails = true }, { name = "Live", seconds = 5 } } }
            portal:advance(5)
            local operation = call("GET", operation_path()).json
            assert.equal("failed", operation.status)
            assert.equal("failed", operation.steps[1].status)
            assert.equal("error", operation.steps[1].messages[1].level)
            put { steps = { { name = "Publisher signoff", hold = "waitingForPublisherReview" } } }
            portal:advance(1e6)
            operation = call("GET", operation_path()).json
            assert.equal("running", operation.status)
            assert.equal("waitingForPublisherReview", operation.steps[1].status)
        end)
    end)

    describe("documents", function()
        it("have the members of an operation", function()
            put { spelling = { running = "In Progress" }, extra = { cancellationRequestState = "other" } }
            local operation = call("GET", operation_path()).json
            assert.matches(GUID, operation.id)
            assert.equal("In Progress", operation.status)
            assert.equal("other", operation.cancellationRequestState)
            assert.equal("publish", operation.submissionType)
            assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$", operation.createdDateTime)
            assert.is_string(operation.lastActionDateTime)
            assert.equal(2, operation.publishingVersion)
            assert.equal(1, operation.offerVersion)
            local message = operation.steps[1].messages[1]
            assert.matches("<b>", message.messageHtml, 1, true)
            assert.equal("information", message.level)
            assert.is_string(message.timestamp)
        end)

        it("write empty lists as arrays", function()
            put()
            local body = call("GET", operation_path()).body
            for _, member in ipairs { "messages", "previewLinks", "liveLinks" } do
                assert.is_truthy(body:find('"' .. member .. '":[]', 1, true))
            end
            put { running = false }
            assert.equal("[]", call("GET", OFFER .. "/submissions/").body)
        end)

        it("can put an operation into an array", function()
            put { array = true }
            local list = call("GET", operation_path()).json
            assert.equal(1, #list)
            assert.equal("running", list[1].status)
        end)

        it("have the members of the list, and an integer above 2^53", function()
            put()
            local answer = call("GET", OFFER .. "/submissions")
            local entry = answer.json[1]
            assert.is_truthy(answer.body:find('"version":636576975611768314[,}]'))
            assert.equal("contoso-vm", entry.offerId)
            assert.equal("contoso", entry.publisherId)
            assert.equal("microsoft-azure-virtualmachines", entry.offerTypeId)
            assert.equal("running", entry.submissionState)
            assert.equal("staging", entry.slot)
            assert.equal("jdoe@contoso.com", entry.definition.metadata.emails)
            assert.is_string(entry.changedTime)
        end)

        it("filter the list under both names", function()
            put { cancel_mode = "synchronous", spelling = { canceled = "Cancelled" } }
            call("POST", OFFER .. "/cancel")
            call("POST", OFFER .. "/publish")
            local path = OFFER .. "/submissions/"
            assert.equal(2, #call("GET", path).json)
            assert.equal(1, #call("GET", path, { query = "status=running" }).json)
            assert.equal(1, #call("GET", path, { query = "submissionState=cancelled" }).json)
            assert.equal("[]", call("GET", path, { query = "status=not+started" }).body)
        end)
    end)

    describe("checks", function()
        it("want a token first, then the version", function()
            local answer = portal:request("GET", OFFER .. "/status")
            failure(answer, 401, "Unauthorized")
            assert.equal("Bearer", answer.headers["www-authenticate"])
            failure(portal:request("GET", OFFER .. "/status", { token = "wrong" }), 401, "Unauthorized")
            failure(portal:request("GET", OFFER .. "/status", { token = client.TOKEN }), 400, "InvalidAPIVersion")
            failure(portal:request("GET", OFFER .. "/status?api-version=2018-01-01", { token = client.TOKEN }), 400,
                "InvalidAPIVersion")
        end)

        it("want access before existence", function()
            portal:configure { publishers = { "fabrikam" }, tokens = { { token = "narrow", publishers = { "contoso" } } } }
            assert.equal(200, call("GET", OFFER .. "/status", { token = "narrow" }).status)
            failure(call("GET", "/api/publishers/fabrikam/offers/x/status", { token = "narrow" }), 403, "Forbidden")
            failure(call("GET", "/api/publishers/none/offers/x/status", { token = "narrow" }), 403, "Forbidden")
            failure(call("GET", "/api/publishers/none/offers/x/status"), 404, "PublisherNotFound")
            failure(call("GET", "/api/publishers/fabrikam/offers/x/status"), 404, "OfferNotFound")
            failure(call("GET", OFFER .. "/operations/56615b67-2185-49fe-80d2-c4ddf77bb2e8"), 404, "OperationNotFound")
            failure(call("GET", "/nothing/here"), 404, "NotFound")
        end)

        it("refuse bodies that make no sense", function()
            local path = OFFER .. "/cancel"
            failure(call("POST", path, { body = EMAILS, headers = { ["Content-Type"] = "text/plain" } }), 400,
                "InvalidContentType")
            for _, body in ipairs { "{", "[]", "1", '{"metadata":1}', '{"metadata":{"notification-emails":["a@b.c"]}}',
                '{"metadata":{"notification-emails":null}}' } do
                failure(call("POST", path, { body = body }), 400, "InvalidRequestBody")
            end
            assert.is_false(portal:state("contoso", "contoso-vm").operations[1].cancellation_requested)
            assert.equal(202, call("POST", path, { body = "{}",
                headers = { ["Content-Type"] = "Application/JSON; charset=utf-8" } }).status)
        end)

        it("want the right method last", function()
            local answer = call("GET", OFFER .. "/cancel")
            failure(answer, 405, "MethodNotAllowed")
            assert.equal("POST", answer.headers.allow)
            assert.equal("GET", call("DELETE", OFFER .. "/status").headers.allow)
            failure(call("POST", OFFER .. "/status", { body = "{" }), 400, "InvalidRequestBody")
        end)

        it("take identifiers with slashes, blanks and other scripts from one segment", function()
            portal:offer { publisher = "con/toso", offer = "größe 1?", running = true }
            local answer = call("POST", "/api/publishers/con%2Ftoso/offers/gr%C3%B6%C3%9Fe%201%3f/cancel")
            assert.equal(202, answer.status)
            local path = answer.headers["operation-location"]:sub(#portal.url + 1)
            assert.equal(1, path:find("/api/publishers/con%2Ftoso/offers/gr%C3%B6%C3%9Fe%201%3F/operations/", 1, true))
            assert.equal(200, call("GET", path).status)
        end)

        it("put identifiers on every answer", function()
            local answer = call("GET", "/nothing", { headers = { ["x-ms-client-request-id"] = "abc" } })
            assert.matches(GUID, answer.headers["x-ms-correlation-request-id"])
            assert.matches(GUID, answer.headers["x-ms-request-id"])
            assert.equal("abc", answer.headers["x-ms-client-request-id"])
        end)
    end)

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
            local settings = { tenant = "emulator-tenant", client_id = "emulator-client",
                client_secret = "emulator-secret", expires_in = 60 }
            settings.expires_in_as, settings.expires_on_as = "number", "missing"
            portal:configure { clients = { settings } }
            local answer = ask(FORM)
            assert.equal(60, answer.json.expires_in)
            assert.is_nil(answer.json.expires_on)
            settings.expires_in_as, settings.expires_on_as = "missing", "number"
            portal:configure { clients = { settings } }
            answer = ask(FORM)
            assert.is_nil(answer.json.expires_in)
            assert.is_number(answer.json.expires_on)
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

        it("can be revoked", function()
            portal:configure { tokens = { { token = client.TOKEN, expires_in = 0 } } }
            assert.equal(401, call("GET", OFFER .. "/status").status)
        end)
    end)

    describe("faults", function()
        it("answer instead of the service, for the requests that match", function()
            portal:fault { match = { method = "POST", path = "/cancel$", skip = 1 }, times = 2, status = 429,
                headers = { ["Retry-After"] = "3" }, body = { error = { code = "TooMany" } } }
            local statuses = {}
            for index = 1, 4 do
                call("GET", OFFER .. "/status")
                statuses[index] = call("POST", OFFER .. "/cancel").status
            end
            assert.same({ 202, 429, 429, 202 }, statuses)
            assert.same({}, portal:faults())
        end)

        it("leave the service alone, unless they are to act", function()
            portal:fault { { status = 500, body = "oops" }, { status = 500, act = true } }
            local answer = call("POST", OFFER .. "/cancel")
            assert.equal("oops", answer.body)
            assert.is_false(portal:state("contoso", "contoso-vm").operations[1].cancellation_requested)
            assert.equal(500, call("POST", OFFER .. "/cancel").status)
            assert.is_true(portal:state("contoso", "contoso-vm").operations[1].cancellation_requested)
        end)

        it("change headers", function()
            portal:fault { add_headers = { ["Operation-Location"] = false, Location = "https://evil.example/",
                ["X-Twice"] = { "a", "b" } } }
            local answer = call("POST", OFFER .. "/cancel")
            assert.equal(202, answer.status)
            assert.is_nil(answer.headers["operation-location"])
            assert.equal("https://evil.example/", answer.headers.location)
            assert.equal("a, b", answer.headers["x-twice"])
        end)

        it("answer late", function()
            portal:fault { delay = 0.05 }
            local before = socket.gettime()
            assert.equal(202, call("POST", OFFER .. "/cancel").status)
            assert.is_true(socket.gettime() - before >= 0.05)
        end)

        it("close and reset connections", function()
            portal:fault { { action = "close" }, { action = "reset", act = true } }
            assert.is_nil(portal:request("POST", OFFER .. "/cancel?" .. client.API_VERSION, { token = client.TOKEN }))
            assert.is_false(portal:state("contoso", "contoso-vm").operations[1].cancellation_requested)
            assert.is_nil(portal:request("POST", OFFER .. "/cancel?" .. client.API_VERSION, { token = client.TOKEN }))
            assert.is_true(portal:state("contoso", "contoso-vm").operations[1].cancellation_requested)
            assert.equal("reset", portal:journal()[2].fault)
        end)

        -- Sends text on a connection of its own.
        local function connect(text)
            local connection = assert(socket.connect("127.0.0.1", portal.port))
            connection:send(text)
            return connection
        end

        it("cut answers short", function()
            portal:fault { action = "truncate", status = 200, body = "0123456789" }
            local connection = connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            local text = connection:receive("*a")
            assert.matches("content%-length: 10\r\n", text)
            assert.matches("\r\n\r\n01234$", text)
            connection:close()
        end)

        it("withhold answers until they are released", function()
            portal:fault { action = "stall" }
            local connection = connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            repeat until #portal:journal() == 1
            connection:settimeout(0)
            assert.equal("timeout", select(2, connection:receive(1)))
            connection:settimeout(5)
            portal:clear_faults()
            assert.equal("closed", select(2, connection:receive(1)))
            connection:close()
        end)

        it("strike by chance, always the same", function()
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
    end)

    describe("the control interface", function()
        it("keeps a journal", function()
            portal:advance(3)
            call("POST", OFFER .. "/cancel", { body = EMAILS, headers = { ["X-Test"] = "a" } })
            call("GET", OFFER .. "/operations/a%2Fb")
            local entries = portal:journal()
            assert.equal(2, #entries)
            assert.equal("POST", entries[1].method)
            assert.equal(OFFER .. "/cancel", entries[1].path)
            assert.equal("api-version=2017-10-31", entries[1].query)
            assert.equal("a", entries[1].headers["x-test"])
            assert.equal("Bearer emulator-token", entries[1].headers.authorization)
            assert.equal("127.0.0.1:" .. portal.port, entries[1].headers.host)
            assert.equal(EMAILS, entries[1].body)
            assert.equal(3, entries[1].time)
            assert.equal(202, entries[1].status)
            assert.same({ 1, 2 }, { entries[1].connection, entries[2].connection })
            assert.equal(OFFER .. "/operations/a%2Fb", entries[2].path)
            assert.equal(1, #portal:journal { method = "GET", path = "/operations/" })
            portal:clear_journal()
            assert.same({}, portal:journal())
        end)

        it("goes back to the start", function()
            portal:advance(10)
            portal:configure { publishers = { "fabrikam" }, tokens = { { token = "other" } } }
            portal:fault { status = 500 }
            local before = portal:state("contoso", "contoso-vm").operations[1].id
            call("POST", OFFER .. "/cancel")
            portal:reset()
            local state = portal:state("contoso", "contoso-vm")
            assert.equal(before, state.operations[1].id)
            assert.is_true(state.running)
            assert.equal(0, portal:get("clock").now)
            assert.same({}, portal:faults())
            assert.same({}, portal:journal())
            assert.equal(401, call("GET", OFFER .. "/status", { token = "other" }).status)
        end)

        it("refuses what it does not know", function()
            assert.error_matches(function() put { cancel_secs = 1 } end, "unknown option 'cancel_secs'")
            assert.error_matches(function() put { cancel_mode = "no" } end, "'no' is none of")
            assert.error_matches(function() portal:fault { stauts = 1 } end, "unknown option 'stauts'")
            assert.error_matches(function() portal:fault { status = 200, match = { path = "%" } } end, "match.path")
            assert.error_matches(function() portal:get("nothing") end, "has no GET /_portal/nothing")
        end)

        it("takes many offers at once", function()
            local list = {}
            for index = 1, 100 do
                list[index] = { publisher = "contoso", offer = "offer-" .. index, running = true }
            end
            assert.equal(100, #portal:offer(list))
            assert.is_true(portal:state("contoso", "offer-100").running)
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
    end)

    describe("its command line", function()
        it("takes a scenario, and a clock that runs", function()
            local other = client.start { clock = "real", speed = 1000, scenario = {
                offers = { { publisher = "fabrikam", offer = "one", running = true,
                    steps = { { name = "Live", seconds = 5 } } } },
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

        it("says what is wrong and exits with 2", function()
            local shell = io.popen("lua5.1 spec/portal/main.lua --nothing 2>&1")
            local text = shell:read("a")
            assert.equal("portal emulator: unknown option '--nothing'\n", text)
            assert.equal(2, select(3, shell:close()))
        end)

        it("raises where the emulator does not start", function()
            assert.error_matches(function() client.start { lua = "false" } end, "did not start")
        end)
    end)

    it("encodes what it is given without change", function()
        local text = "\0\1ü\"\\/<>"
        call("POST", OFFER .. "/cancel", { body = cjson.encode { metadata = { ["notification-emails"] = text } } })
        assert.equal(text, call("GET", operation_path()).json.notificationEmails)
    end)
end)
