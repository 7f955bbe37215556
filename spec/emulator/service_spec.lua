-- The portal emulator responds to requests for the service as its documentation says.

local client = require "spec.support.emulator"
local fixture = require "spec.support.fixture"

local OFFER = "/api/publishers/contoso/offers/contoso-vm"
local EMAILS = '{"metadata": {"notification-emails": "jondoe@contoso.com,jane@contoso.com"}}'

describe("the service of the portal emulator", function()
    local portal, call
    fixture.portal(_ENV, function(...) portal, call = ... end)

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

    local function operation() return call("GET", operation_path()).json end

    local function failure(answer, status, code)
        assert.equal(status, answer.status)
        assert.is_string(answer.json.error.message)
        assert.equal(code, answer.json.error.code)
    end

    -- How a cancel ends in every way: spec/unit/outcome/outcome_spec.lua.
    it("a cancel is accepted, and the operation ends as canceled after its time", function()
        put { cancel_seconds = 60 }
        local answer = call("POST", OFFER .. "/cancel", { body = EMAILS })
        assert.equal(202, answer.status)
        assert.equal(portal.url .. operation_path(), answer.headers["operation-location"])
        portal:advance(59)
        assert.equal("running", operation().status)
        portal:advance(1)
        assert.same({ "canceled", "canceled", "jondoe@contoso.com,jane@contoso.com" },
            { operation().status, operation().steps[1].status, operation().notificationEmails })
    end)

    it("an offer that has been migrated says so, and ignores the addresses of calls", function()
        for migrated, status in pairs { [true] = "migrated", [false] = "none" } do
            put { migrated = migrated, seller_contact = "seller@contoso.com" }
            call("POST", OFFER .. "/cancel", { body = EMAILS })
            assert.equal(status, call("GET", OFFER).json.pcMigrationStatus)
            assert.equal(not migrated, operation().notificationEmails ~= nil)
            local state, emails = portal:state("contoso", "contoso-vm"), "jondoe@contoso.com,jane@contoso.com"
            assert.equal(migrated and "seller@contoso.com" or emails, state.operations[1].emails)
            assert.same({ call = "cancel", emails = emails }, state.emails_given[1])
        end
    end)

    it("a path is taken with and without its last slash", function()
        put()
        for _, path in ipairs { OFFER, OFFER .. "/submissions", operation_path(), "/api/publishers",
            OFFER:match("^(.*/offers)/") } do
            local with, without = call("GET", path .. "/"), call("GET", path)
            assert.same({ 200, 200 }, { with.status, without.status })
            assert.same(without.json, with.json)
        end
    end)

    -- The forms of the place to poll: spec/unit/client/cancel_spec.lua.
    it("the place to poll has the scheme of a proxy; it may be any text in any header, and Retry-After a date", function()
        put()
        local headers = call("POST", OFFER .. "/cancel", { headers = { ["X-Forwarded-Proto"] = "https" } }).headers
        assert.equal("https://127.0.0.1:" .. portal.port .. operation_path(), headers["operation-location"])
        put { location_header = { name = "Location", value = "//evil.example\\@\9x" }, retry_after = { date = 90 } }
        headers = call("POST", OFFER .. "/cancel").headers
        assert.equal("//evil.example\\@\9x", headers.location)
        assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", headers["retry-after"])
    end)

    it("publish starts an operation, one at a time, which ends as completed", function()
        put { running = false }
        assert.equal("neverPublished", call("GET", OFFER .. "/status").json.status)
        assert.equal(202, call("POST", OFFER .. "/publish", { body = EMAILS }).status)
        assert.equal(409, call("POST", OFFER .. "/publish").status)
        assert.equal(409, call("POST", OFFER .. "/golive").status)
        portal:advance(60)
        assert.equal("completed", operation().status)
        assert.equal("succeeded", call("GET", OFFER .. "/status").json.status)
        assert.equal(202, call("POST", OFFER .. "/golive").status)
        local latest = call("GET", OFFER .. "/submissions/").json[1]
        assert.same({ "goLive", 3 }, { latest.submissionType, latest.publishingVersion })
        portal:advance(30)
        assert.equal(1, #call("GET", OFFER .. "/status").json.liveLinks)
    end)

    it("an operation goes on step by step", function()
        put { queued_seconds = 5, steps = {
            { name = "Validate", seconds = 10 }, { name = "Certification", seconds = 20, estimated = "~2-3 days" },
            { name = "Live", seconds = 10 } } }
        assert.equal("notStarted", operation().status)
        portal:advance(5 + 10 + 5)
        assert.equal("running", operation().status)
        for index, expected in ipairs { { "complete", 100 }, { "inProgress", 25, "~2-3 days" }, { "notStarted", 0 } } do
            local step = operation().steps[index]
            assert.same(expected, { step.status, step.progressPercentage, step.estimatedTimeFrame })
        end
        portal:advance(25)
        assert.equal("completed", operation().status)
    end)

    it("an operation can fail in a step, or wait in one for ever", function()
        put { steps = { { name = "Certification", seconds = 5, fails = true }, { name = "Live", seconds = 5 } } }
        portal:advance(5)
        local step = operation().steps[1]
        assert.same({ "failed", "failed", "error" }, { operation().status, step.status, step.messages[1].level })
        put { steps = { { name = "Publisher signoff", hold = "waitingForPublisherReview" } } }
        portal:advance(1e6)
        assert.same({ "running", "waitingForPublisherReview" }, { operation().status, operation().steps[1].status })
    end)

    it("the list of operations is filtered under both names", function()
        put { cancel_mode = "synchronous", spelling = { canceled = "Cancelled" } }
        call("POST", OFFER .. "/cancel")
        call("POST", OFFER .. "/publish")
        local path = OFFER .. "/submissions/"
        assert.equal(2, #call("GET", path).json)
        assert.equal(1, #call("GET", path, { query = "status=running" }).json)
        assert.equal(1, #call("GET", path, { query = "submissionState=cancelled" }).json)
        assert.equal("[]", call("GET", path, { query = "status=not+started" }).body)
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
            portal:configure { publishers = { "fabrikam" },
                tokens = { { token = "narrow", publishers = { "contoso" } } } }
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
    end)

    describe("an offer that is published again", function()
        before_each(function()
            put { republish = true, cancel_seconds = 4, steps = { { name = "one", seconds = 60 } } }
        end)

        local function operations() return portal:state("contoso", "contoso-vm").operations end

        it("has a new operation when the last one has completed", function()
            local first = operations()[1]
            portal:advance(59)
            assert.equal(1, #operations())
            portal:advance(1)
            local list = operations()
            assert.same({ first.id, "completed", "running" }, { list[1].id, list[1].state, list[2].state })
            assert.not_equal(first.id, list[2].id)
            assert.equal(first.publishing_version + 1, list[2].publishing_version)
            portal:advance(59)
            assert.equal(2, #operations())
        end)

        it("is in the middle of an operation after any time, and forgets old ones", function()
            portal:advance(60 * 1000 + 30)
            local list = operations()
            assert.same({ 2, "running" }, { #list, list[2].state })
            assert.equal(50, call("GET", OFFER .. "/operations/" .. list[2].id).json.steps[1].progressPercentage)
            for _ = 1, 120 do
                portal:advance(60)
                call("GET", OFFER .. "/status")
            end
            assert.equal(100, #operations())
        end)

        it("lasts where its operations take no time, or never end", function()
            for _, step in ipairs { { name = "s", seconds = 0 }, { name = "s", hold = "blocked" } } do
                put { republish = true, steps = { step } }
                portal:advance(10)
                assert.equal(202, call("POST", OFFER .. "/cancel").status)
            end
        end)
    end)
end)

describe("the emulator without a scenario", function()
    it("has one offer that is always being published, and another whose publish completes at once", function()
        local portal = client.start { scenario = false }
        for _ = 1, 2 do
            for _, seconds in ipairs { 0, 59, 1, 1000 } do
                portal:advance(seconds)
                assert.equal(202, portal:call("POST", OFFER .. "/cancel").status)
            end
            for _, call in ipairs { "publish", "golive" } do
                assert.equal(202, portal:call("POST", "/api/publishers/contoso/offers/contoso-app/" .. call).status)
            end
        end
        portal:stop()
    end)
end)
