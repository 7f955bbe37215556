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

  local function lists() return portal:journal { path = "/submissions/$" } end

  it("follows the offer's running operations until none runs", function()
    local operation = assert(client:wait(cancel()))
    assert.equal("canceled", operation.state)
    assert.is_true(loop.elapsed() >= 60 and loop.elapsed() <= 60 + 30)
    for _, entry in ipairs(lists()) do assert.equal("api-version=2017-10-31", entry.query) end
    assert.is_true(#lists() > 4)
  end)

  it("takes a table of publisher and offer as well", function()
    cancel()
    assert.equal("canceled", assert(client:wait(OFFER)).state)
  end)

  it("ends with the first operation, though another publish has started since", function()
    fixture.offer(portal)
    local begun
    loop.on_sleep = function(elapsed)
      if elapsed >= 60 and not begun then begun = assert(client:publish(OFFER)) end
    end
    local operation = assert(client:wait(OFFER))
    assert.same({ "completed", "first" }, { operation.state, operation.id })
    assert.is_true(loop.elapsed() < 100)
    assert.equal("running", assert(client:operations(OFFER))[1].state)
  end)

  it("knows the first operation by its id, if the list does not date its end", function()
    local result = cancel()
    local function respond(times, ...)
      portal:fault { match = { path = "/submissions/$" }, times = times, status = 200, body = { ... } }
    end
    respond(1, { id = "first", submissionType = "publish", submissionState = "running" })
    respond(-1, { id = "second", submissionType = "publish", submissionState = "running" },
                { id = "first", submissionType = "publish", submissionState = "canceled" })
    local operation = assert(client:wait(result))
    assert.same({ "canceled", "canceled", "first" }, { operation.outcome, operation.state, operation.id })
  end)

  it("tells that the publish won the race", function()
    assert.equal("completed", assert(client:wait(cancel { cancel_mode = "lost_race" })).state)
  end)

  it("tells that it failed", function()
    local operation, err = client:wait(cancel { cancel_mode = "fails" })
    assert.is_nil(operation)
    assert.equal("failed", err.kind)
  end)

  it("shows what runs, how far it is, and where", function()
    local seen = {}
    assert(client:wait(cancel { steps = { { name = "a", seconds = 10 }, { name = "b", seconds = 50 } }, elapsed = 20 },
                       { on_progress = function(operation) seen[#seen + 1] = operation end }))
    assert.equal("running", seen[1].state)
    assert.equal("first", seen[1].id)
    assert.equal(60, seen[1].progress)
    assert.is_truthy(seen[1].location:find("/operations/first?", 1, true))
  end)

  it("gives an err to go on from", function()
    local _, err = client:wait(cancel(), { timeout = 30 })
    assert.equal("timeout", err.kind)
    assert.equal(30, loop.elapsed())
    assert.equal("running", err.operation.state)
    assert.equal("contoso", err.publisher)
    assert.equal("contoso-vm", err.offer)
    assert.is_truthy(err.location:find("/operations/first?", 1, true))
    assert.equal("canceled", assert(client:wait(err)).state)
  end)

  it("tells how the newest submission ended when none was seen to run", function()
    local result = cancel()
    portal:advance(60)
    local operation = assert(client:wait(result))
    assert.same({ "canceled", "canceled" }, { operation.state, operation.outcome })
    assert.equal("first", operation.operation_id)
    assert.equal(1, #portal:journal { method = "GET" })
  end)

  it("asks for the offer's status when the list is empty", function()
    local result = cancel()
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]", times = -1 }
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "NeverPublished" } }
    local operation = assert(client:wait(result))
    assert.same({ "neverpublished", "none" }, { operation.state, operation.outcome })
  end)

  for _, word in ipairs { "running", "InProgress" } do
    it("goes on while the offer's status says that something runs: " .. word, function()
      local result = cancel()
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]", times = 3 }
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = word }, times = 3 }
      assert.equal("canceled", assert(client:wait(result)).state)
      assert.is_true(loop.elapsed() >= 60)
    end)
  end

  it("takes no step of an offer that has ended for a sign-off that it waits for", function()
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]", times = -1 }
    portal:fault { match = { path = "/status$" }, status = 200, times = -1,
                   body = { status = "Canceled", steps = { { status = "waitingForPublisherReview" } } } }
    assert.not_equal("signoff", assert(client:wait(OFFER)).outcome)
  end)

  it("ends with what on_progress raises for what has ended before the first look", function()
    portal:fault { match = { path = "/submissions/$" }, status = 200, times = -1,
                   body = { { id = "old", submissionState = "completed" } } }
    local _, err = client:wait(OFFER, { on_progress = function() error("deliberate", 0) end })
    assert.same({ "raised", "deliberate" }, { err.kind, err.raised })
  end)

  for name, fault in pairs {
    ["a 500"] = { status = 500 }, ["a closed connection"] = { action = "close" },
    ["an object instead of a list"] = { status = 200, body = { id = "first" } },
    ["a list of texts"] = { status = 200, body = '["first"]' },
  } do
    for _, path in ipairs { "/submissions/$", "/operations/", "/status$" } do
      it(("rides out %s at %s"):format(name, path), function()
        local result = cancel()
        fault.match, fault.times = { path = path }, 3
        portal:fault(fault)
        assert.equal("canceled", assert(client:wait(result)).state)
      end)
    end
  end

  it("gives up after six failures in a row, without a location that leads nowhere", function()
    local result = cancel()
    portal:fault { match = { method = "GET" }, status = 500, times = -1 }
    local _, err = client:wait(result)
    assert.equal(500, err.status)
    assert.equal(6, err.attempts)
    assert.is_nil(err.location)
    assert.equal("contoso-vm", err.offer)
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

  it("takes no outcome, call or time of the service's document for what the library found out", function()
    fixture.offer(portal, { extra = NAMED_ALIKE })
    local operation = assert(client:operation { publisher = "contoso", offer = "contoso-vm", operation_id = "first" })
    assert_own(operation)
    assert.equal("first", operation.operation_id)
    assert_own(assert(client:operation(operation.location)))
    local _, err = client:wait(operation, { timeout = 30, on_progress = assert_own })
    assert.equal("timeout", err.kind)
    assert.same({}, { err.operation.outcome, err.operation.evidence, err.operation.call })
  end)

  it("waits for what reconcile found, whatever members it has", function()
    local odd = { submissionState = "running" }
    for name, value in pairs(NAMED_ALIKE) do odd[name] = value end
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd }, times = -1 }
    local found = assert(client:reconcile(OFFER)).operation
    assert_own(found)
    local _, err = client:wait(found, { timeout = 30, on_progress = assert_own })
    assert.equal("timeout", err.kind)
    assert.is_nil(err.operation.outcome)
  end)

  it("does not end at once for a listed operation, or for the status of an offer, that has such members", function()
    local odd = { status = "running", submissionState = "running" }
    for name, value in pairs(NAMED_ALIKE) do odd[name] = value end
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd } }
    portal:fault { match = { path = "/status$" }, status = 200, body = odd }
    local listed, status = assert(client:operations(OFFER))[1], assert(client:offer_status(OFFER))
    for _, document in ipairs { listed, status } do
      assert_own(document)
      assert.error_matches(function() client:wait(document) end, "publisher: expected")
    end
  end)

  it("gives the status of an offer no evidence of the service's", function()
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]", times = -1 }
    local odd = { status = "Canceled" }
    for name, value in pairs(NAMED_ALIKE) do odd[name] = value end
    portal:fault { match = { path = "/status$" }, status = 200, body = odd, times = -1 }
    local operation = assert(client:wait(OFFER))
    assert.is_nil(operation.evidence.response)
    assert.same({}, { operation.call, operation.sent_at, operation.retry_after })
  end)

  for what, id in pairs { ["an empty id"] = "", ["a dot segment"] = "..", ["a control character"] = "a\n",
                          ["a long id"] = ("x"):rep(257) } do
    it("asks for no operation by what cannot be one's id: " .. what, function()
      local odd = { id = id, submissionState = "running" }
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd } }
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]" }
      portal:fault { match = { path = "/status$" }, status = 200, body = { status = "Canceled" } }
      assert.equal("canceled", assert(client:wait(OFFER)).state)
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = { odd } }
      local operation = assert(client:reconcile(OFFER)).operation
      assert.equal(id, operation.id)
      assert.is_nil(operation.operation_id)
      assert.same({}, portal:journal { path = "/operations/" })
    end)
  end
end)

describe("a wait for a location that names no offer", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  it("asks for nothing else, so that the outcome stays unknown", function()
    portal:fault { match = { path = "^/api/elsewhere$" }, status = 200, body = { id = "1", status = "completed" } }
    local operation = assert(client:wait "/api/elsewhere")
    assert.equal("completed", operation.state)
    assert.equal("unknown", operation.outcome)
    assert.equal(1, #portal:journal())
  end)

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
