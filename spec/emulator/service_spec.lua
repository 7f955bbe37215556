-- The portal emulator responds to requests for the service as its documentation says.

local client = require "spec.support.emulator"
local fixture = require "spec.support.fixture"

local OFFER = "/api/publishers/contoso/offers/contoso-vm"
local GUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
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
            assert.same({ "canceled", "canceled", "jondoe@contoso.com,jane@contoso.com" },
              { operation.status, operation.steps[1].status, operation.notificationEmails })
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
            put { running = false, nothing_running = 400 }
            failure(call("POST", OFFER .. "/cancel"), 400, "NoRunningOperation")
            put { elapsed = 60 }
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

    it("an offer that has been migrated says so, and its operations name no addresses", function()
        for migrated, status in pairs { [true] = "migrated", [false] = "none" } do
            put { migrated = migrated }
            call("POST", OFFER .. "/cancel", { body = EMAILS })
            assert.equal(status, call("GET", OFFER).json.pcMigrationStatus)
            assert.equal(not migrated, call("GET", operation_path()).json.notificationEmails ~= nil)
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

    it("a cancellation of its own ends completed where the publish is canceled, and otherwise as it is told to", function()
        for lost, mode in pairs { completed = "accepted", failed = "lost_race" } do
            put { cancellation = "own", cancellation_lost = lost, cancel_mode = mode, cancel_seconds = 30 }
            local path = call("POST", OFFER .. "/cancel").headers["operation-location"]:match("//[^/]*(.*)")
            assert.equal("running", call("GET", path).json.status)
            portal:advance(60)
            local document = call("GET", path).json
            assert.same({ lost, "cancel" }, { document.status, document.submissionType })
            local list = call("GET", OFFER .. "/submissions").json
            assert.same({ 1, lost == "completed" and "canceled" or "completed" },
                { #list, list[1].submissionState })
        end
    end)

    describe("the place to poll", function()
        -- The response to cancelling an offer with these settings.
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
            assert.same({ "failed", "failed", "error" },
              { operation.status, operation.steps[1].status, operation.steps[1].messages[1].level })
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
            assert.same({ "In Progress", "other", "publish" },
              { operation.status, operation.cancellationRequestState, operation.submissionType })
            assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$", operation.createdDateTime)
            assert.is_string(operation.lastActionDateTime)
            assert.equal(2, operation.publishingVersion)
            assert.equal(1, operation.offerVersion)
            local message = operation.steps[1].messages[1]
            assert.matches("<b>", message.messageHtml, 1, true)
            assert.equal("information", message.level)
            assert.is_string(message.timestamp)
        end)

        it("are listed by offer, of their publisher only", function()
            put()
            portal:offer { publisher = "contoso", offer = "contoso-app" }
            portal:offer { publisher = "other", offer = "elsewhere" }
            local list = call("GET", "/api/publishers/contoso/offers").json
            assert.same({ 2, "contoso-app", "neverPublished", "contoso-vm", "running", "contoso" },
              { #list, list[1].id, list[1].status, list[2].id, list[2].status, list[2].publisherId })
            assert.equal(405, call("POST", "/api/publishers/contoso/offers").status)
            assert.equal(404, call("GET", "/api/publishers/unknown/offers").status)
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

        it("put identifiers on every response", function()
            local answer = call("GET", "/nothing", { headers = { ["x-ms-client-request-id"] = "abc" } })
            assert.matches(GUID, answer.headers["x-ms-correlation-request-id"])
            assert.matches(GUID, answer.headers["x-ms-request-id"])
            assert.equal("abc", answer.headers["x-ms-client-request-id"])
        end)
    end)
end)
