-- offers: the list of a publisher's offers; a call that is made from its row of csrc/endpoint.c alone.

local fixture = require "spec.support.fixture"

describe("offers", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  it("gives what the service sends", function()
    portal:offer { publisher = "contoso", offer = "contoso-app" }
    local list = assert(client:offers { publisher = "contoso" })
    local names = {}
    for i, offer in ipairs(list) do names[i] = offer.id end
    assert.same({ "contoso-app", "contoso-vm" }, names)
    local request = portal:journal()[1]
    assert.equal("GET", request.method)
    assert.equal("/api/publishers/contoso/offers", request.path)
    assert.equal("api-version=2017-10-31", request.query)
    assert.equal("", request.body)
  end)

  it("is sent again after a failure, since it changes nothing", function()
    portal:fault { action = "close" }
    portal:fault { status = 500 }
    assert(client:offers { publisher = "contoso" })
    assert.equal(3, #portal:journal())
  end)

  it("fails with what the service answers, and is never ambiguous", function()
    local list, err = client:offers { publisher = "nope" }
    assert.is_nil(list)
    assert.equal("http", err.kind)
    assert.equal(404, err.status)
    portal:fault { status = 500, times = 4 }
    local _, failed = client:offers { publisher = "contoso" }
    assert.is_false(failed.ambiguous)
    assert.is_true(failed.retryable)
  end)

  it("takes a 202 without a document for no answer", function()
    portal:fault { status = 202 }
    local list, err = client:offers { publisher = "contoso" }
    assert.is_nil(list)
    assert.equal("protocol", err.kind)
    assert.matches("the response has no body", err.message)
  end)

  it("demands a publisher", function()
    assert.error_matches(function() client:offers {} end, "publisher: expected a non%-empty string")
    assert.error_matches(function() client:offers() end, "expected a table of options, got nil")
  end)
end)
