-- Offers that are published again: a new operation begins when the last one has ended.

local client = require "spec.support.emulator"
local fixture = require "spec.support.fixture"

local OFFER = "/api/publishers/contoso/offers/contoso-vm"

describe("an offer that is published again", function()
    local portal
    fixture.portal(_ENV, function(...)
        portal = ...
        portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, republish = true, cancel_seconds = 4,
            steps = { { name = "one", seconds = 60 } } }
    end)

    local function operations()
        return portal:state("contoso", "contoso-vm").operations
    end

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
        assert.equal(50, portal:call("GET", OFFER .. "/operations/" .. list[2].id).json.steps[1].progressPercentage)
        for _ = 1, 120 do
            portal:advance(60)
            portal:call("GET", OFFER .. "/status")
        end
        assert.equal(100, #operations())
    end)

    it("lasts where its operations take no time, or never end", function()
        for _, step in ipairs { { name = "s", seconds = 0 }, { name = "s", hold = "blocked" } } do
            portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, republish = true, steps = { step } }
            portal:advance(10)
            assert.equal(202, portal:call("POST", OFFER .. "/cancel").status)
        end
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
