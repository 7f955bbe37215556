-- Waiting for an accepted call that named no place to poll: whatever runs on the offer is followed.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("a wait for a result without a location", function()
  local portal, client, loop
  fixture.client(_ENV, function(...) portal, client, loop = ... end)

  local function cancel(options)
    fixture.offer(portal, { location_form = "none" }, options)
    local result = assert(client:cancel(OFFER))
    assert.equal(202, result.status)
    assert.is_nil(result.location)
    return result
  end

  it("follows the offer's running operations until none runs, as one for a table of publisher and offer does", function()
    for _, target in ipairs { cancel(), OFFER } do
      portal:reset()
      cancel()
      local before = loop.elapsed()
      assert.equal("canceled", assert(client:wait(target)).state)
      assert.near(75, loop.elapsed() - before, 15)
      local lists = portal:journal { path = "/submissions/$" }
      for _, entry in ipairs(lists) do assert.equal("api-version=2017-10-31", entry.query) end
      assert.is_true(#lists > 4)
    end
  end)

  it("shows what runs, how far it is, and where", function()
    local seen
    assert(client:wait(cancel { steps = { { name = "a", seconds = 10 }, { name = "b", seconds = 50 } }, elapsed = 20 },
                       { on_progress = function(operation) seen = seen or operation end }))
    assert.same({ "running", "first", 60 }, { seen.state, seen.id, seen.progress })
    assert.is_truthy(seen.location:find("/operations/first?", 1, true))
  end)

  it("tolerates failures of each request", function()
    for _, fault in ipairs { { status = 500 }, { action = "close" }, { status = 200, body = { id = "first" } },
                             { status = 200, body = '["first"]' } } do
      for _, path in ipairs { "/submissions/$", "/operations/", "/status$" } do
        portal:reset()
        local result = cancel()
        fault.match, fault.times = { path = path }, 3
        portal:fault(fault)
        assert.equal("canceled", assert(client:wait(result)).state)
      end
    end
  end)

  it("takes no member of the service's for one of its own", function()
    local odd = { submissionState = "running", location = { 1 }, operation_id = 5, progress = "some", publisher = {}, offer = 7 }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd } }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]" }
    portal:fault { match = { path = "/status$" }, status = 200,
                   body = { status = "Canceled", location = { 1 }, progress = "some" } }
    local seen = {}
    local operation = assert(client:wait(OFFER, { on_progress = function(one)
      seen[#seen + 1] = { one.progress, one.location or "none", one.operation_id or "none", one.publisher, one.offer }
    end }))
    assert.same({ 0, "none", "none", "contoso", "contoso-vm" }, seen[1])
    assert.is_nil(operation.location)
    assert.equal(0, operation.progress)
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd } }
    local found = assert(client:reconcile(OFFER))
    assert.same({ "contoso", "contoso-vm" }, { found.operation.publisher, found.operation.offer })
    assert.is_nil(found.operation.location or found.operation.operation_id)
  end)

  -- What only the library sets, and a wait reads of its target.
  local NAMED_ALIKE = { outcome = "none", evidence = { response = { state = "canceled" } }, call = "cancel", sent_at = 1,
                        submission_id = "other", retry_after = 9 }

  local function assert_own(operation)
    for name in pairs(NAMED_ALIKE) do
      if name ~= "submission_id" then assert.is_nil(operation[name], name) end
    end
    assert.not_equal("other", operation.submission_id)
    assert.is_nil(tostring(operation):find("none", 1, true))
  end

  local function odd(more)
    for name, value in pairs(NAMED_ALIKE) do more[name] = more[name] or value end
    return more
  end

  it("takes no outcome, call or time of the service's document for what the library found out", function()
    fixture.offer(portal, { extra = NAMED_ALIKE })
    local operation = assert(client:operation { publisher = "contoso", offer = "contoso-vm", operation_id = "first" })
    assert_own(operation)
    assert.equal("first", operation.operation_id)
    assert_own(assert(client:operation(operation.location)))
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd { submissionState = "running" } }, times = -1 }
    local found = assert(client:reconcile(OFFER)).operation
    assert_own(found)
    for _, target in ipairs { operation, found } do
      local _, err = client:wait(target, { timeout = 30, on_progress = assert_own })
      assert.equal("timeout", err.kind)
      assert.same({}, { err.operation.outcome, err.operation.evidence, err.operation.call })
    end
  end)

  it("asks for no operation by what cannot be one's id", function()
    for _, id in ipairs { "", "..", "a\n", ("x"):rep(257) } do
      portal:reset()
      local list = { match = { path = "/submissions/$" }, status = 200, body = { { id = id, submissionState = "running" } } }
      portal:fault(list)
      portal:fault { match = list.match, status = 200, body = "[]" }
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "Canceled" } }
      assert.equal("canceled", assert(client:wait(OFFER)).state)
      portal:fault(list)
      local operation = assert(client:reconcile(OFFER)).operation
      assert.same({ id }, { operation.id, operation.operation_id })
      assert.same({}, portal:journal { path = "/operations/" })
    end
  end)
end)

describe("a wait for a location that names no offer", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  it("goes on at the location that a 202 names, if the token may be sent there", function()
    portal:fault { match = { path = "^/api/first$" }, status = 202, headers = { Location = "https://example.com/api/1" } }
    portal:fault { match = { path = "^/api/first$" }, status = 202, headers = { Location = "/api/second" } }
    portal:fault { match = { path = "^/api/second$" }, status = 202, times = 2 }
    portal:fault { match = { path = "^/api/second$" }, status = 200, body = { id = "1", status = "completed" } }
    assert.equal("completed", assert(client:wait "/api/first").state)
    local paths = {}
    for i, entry in ipairs(portal:journal()) do paths[i] = entry.path end
    assert.same({ "/api/first", "/api/first", "/api/second", "/api/second", "/api/second" }, paths)
  end)
end)

describe("the offer that a location names", function()
  local follow = require "cpp.follow"

  it("is decoded, in either form", function()
    for _, location in ipairs {
      "/api/publishers/contoso/offers/contoso-vm/operations/x", "/api/operations/contoso$contoso-vm$2$preview?a=b",
      "https://portal.test/api/publishers/con%74os%6F/offers/contoso%2Dvm/operations/a%24b?x=1",
      "/api/operations/conto%73o%24contoso%2dvm%242%24preview#x",
    } do
      assert.same({ "contoso", "contoso-vm" }, { follow.offer_in(location) })
    end
    assert.same({ "a b", "c/d" }, { follow.offer_in "/publishers/a%20b/offers/c%2Fd/operations/x" })
  end)

  it("is absent if the location names none, or no valid name", function()
    for _, location in ipairs { "/api/operations/x", "/api/operations/a$b", "/publishers//offers/b/operations/x",
                                "/publishers/../offers/b/operations/x",
                                "/publishers/a/offers/../operations/x", "/publishers/a%00/offers/b/operations/x",
                                "/publishers/a/offers/b", "/offers/a$b$c", "",
                                "/api/operations/contoso$56615b67-2185-49fe-80d2-c4ddf77bb2e8$2$preview" } do
      assert.is_nil((follow.offer_in(location)))
    end
  end)
end)
