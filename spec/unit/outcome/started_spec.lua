-- The outcome of a publish that the service had begun before: "publish is idempotent", says its documentation.

local fixture = require "spec.support.fixture"

describe("the outcome of a publish", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  it("is that of the operation that its location names, whenever that ended", function()
    portal:fault { match = { method = "POST" }, status = 202, headers = {
      ["Operation-Location"] = "/api/publishers/contoso/offers/contoso-vm/operations/first" } }
    portal:fault { match = { path = "/operations/" }, status = 200, body = {
      status = "completed", lastActionDateTime = "2017-10-01T00:00:00Z" } }
    local operation = assert(client:publish { publisher = "contoso", offer = "contoso-vm", wait = true })
    assert.equal("completed", operation.outcome)
    assert.equal(2, #portal:journal())
  end)
end)
