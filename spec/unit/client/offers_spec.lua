-- offers: the list of a publisher's offers; a call that is made from its row of csrc/endpoint.c alone.

local Portal = require "spec.support.emulator"
local fixture = require "spec.support.fixture"

describe("the documents of a publisher:", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  it("offers gives what the service sends, as publishers does", function()
    portal:offer { publisher = "contoso", offer = "contoso-app" }
    portal:offer { publisher = "fabrikam", offer = "elsewhere" }
    for path, case in pairs { ["/api/publishers/contoso/offers"] = { "offers", { "contoso-app", "contoso-vm" } },
                              ["/api/publishers"] = { "publishers", { "contoso", "fabrikam" } } } do
      portal:clear_journal()
      local ids = {}
      for i, one in ipairs(assert(client[case[1]](client, { publisher = case[1] == "offers" and "contoso" or nil }))) do
        ids[i] = one.id
      end
      assert.same(case[2], ids)
      local request = portal:journal()[1]
      assert.same({ "GET", path, "api-version=2017-10-31", "" }, { request.method, request.path, request.query, request.body })
    end
  end)

  it("offers takes a type, and gives the offers of that type", function()
    portal:offer { publisher = "contoso", offer = "contoso-app", offer_type_id = "microsoft-azure-applications" }
    local list = assert(client:offers { publisher = "contoso", type = "microsoft-azure-applications" })
    assert.same({ 1, "contoso-app" }, { #list, list[1].id })
    assert.equal("api-version=2017-10-31&%24filter=offerTypeId%20eq%20%27microsoft-azure-applications%27",
                 portal:journal()[1].query)
  end)

  it("offers is an err where the service sends anything but a list of objects, as publishers are", function()
    for _, text in ipairs { '{"id":"a"}', '{"value":[]}', '[null,{"id":"a"}]', '["a"]', '[1]', '"a"', "" } do
      for _, name in ipairs { "offers", "publishers" } do
        portal:fault { status = 200, headers = { ["Content-Type"] = "application/json" }, body = text }
        local list, err = client[name](client, { publisher = name == "offers" and "contoso" or nil, retries = 0 })
        assert.same({ nil, "protocol" }, { list, err and err.kind }, text)
        assert.is_false(err.ambiguous)
      end
    end
    portal:fault { status = 202 }
    assert.equal("the response has no body", select(2, client:offers { publisher = "contoso" }).message)
    portal:fault { status = 200, headers = { ["Content-Type"] = "application/json" }, body = "[]" }
    assert.same({}, client:offers { publisher = "contoso" })
  end)

  it("offer gives one offer, or one of its versions", function()
    for path, options in pairs { [""] = {}, ["/versions/2"] = { version = "2" }, ["/versions/3"] = { version = 3 },
                                 ["/slot/preview"] = { slot = "preview" } } do
      portal:reset()
      options.publisher, options.offer = "contoso", "contoso-vm"
      assert.equal("contoso-vm", assert(client:offer(options)).id)
      local request = portal:journal()[1]
      assert.same({ "/api/publishers/contoso/offers/contoso-vm" .. path, "api-version=2017-10-31" },
                  { request.path, request.query })
    end
    assert.error_matches(function() client:offer(fixture.call { version = "1", slot = "draft" }) end,
                         "version: expected without slot")
  end)

  it("offer_status gives a document with a status, alone or in a list of one", function()
    for body, state in pairs {
      ['{"status":"Running"}'] = "running", ['[{"status":"Running"}]'] = "running", ['{"status":"Running","1":{}}'] = "running",
      ["null"] = false, ["[]"] = false, ["{}"] = false, ["5"] = false, ['"running"'] = false, ["[[]]"] = false, ["[5]"] = false,
      ['[{"status":"running"},{"status":"running"}]'] = false, ['[null,{"status":"running"}]'] = false,
      ['{"status":5}'] = false, ['{"status":null}'] = false, ['{"state":"running"}'] = false,
    } do
      portal:fault { match = { path = "/status$" }, status = 200, body = body, headers = { ["content-type"] = "application/json" } }
      local answer, err = client:offer_status { publisher = "contoso", offer = "contoso-vm", retries = 0 }
      assert.equal(state, answer and answer.state or false, body)
      if not state then assert.same({ "protocol", "contoso", "contoso-vm" }, { err.kind, err.publisher, err.offer }, body) end
    end
  end)

  it("a response that is not what was requested gives an err with all that is known of it, without secrets", function()
    local OFFER = "/api/publishers/contoso/offers/contoso-vm"
    for _, row in ipairs {
      { "offers", "", "the response has no body", "/api/publishers/contoso/offers" },
      { "offer", "", "the response has no body", OFFER },
      { "operation", "[{},{}]", "the response is not an operation", "/api/operations/[redacted]" },
      { "operation", '{"a":1}', "the response has no status", "/api/operations/[redacted]" },
      { "operations", '{"a":1}', "the response is not a list of operations", OFFER .. "/submissions/" },
      { "offer_status", '{"a":1}', "the response has no status", OFFER .. "/status" },
    } do
      local call, body, message, path = table.unpack(row)
      local publisher, offer = path:match "/publishers/([^/]+)", path:match "/offers/([^/]+)"
      portal:fault { status = 200, body = body, headers = { ["Retry-After"] = "7" } }
      local location = call == "operation" and "/api/operations/" .. Portal.TOKEN or nil
      local options = { client_request_id = "mine", retries = 0, location = location, publisher = publisher, offer = offer }
      local fields = fixture.merged((select(2, client[call](client, options))))
      assert.equal(36, #fields.request_id)
      assert.same({ kind = "protocol", message = message, status = 200, method = "GET", attempts = 1, retryable = true,
                    ambiguous = false, url = portal.url .. path .. "?api-version=2017-10-31", retry_after = 7,
                    publisher = publisher, offer = offer, request_id = fields.request_id, client_request_id = "mine" }, fields)
    end
  end)

  it("a state is that of the submission or of the document, and no secret", function()
    local names = { publisher = "contoso", offer = "contoso-vm", token = "password" }
    for sent, state in pairs { ["Running"] = "running", ["pass word"] = "password", password = "unknown" } do
      for call, body in pairs { operation = { status = sent }, offer_status = { status = sent },
                                operations = { { status = sent }, { submissionState = sent, status = "other" } } } do
        portal:fault { status = 200, body = body }
        names.operation_id = call == "operation" and "first" or nil
        local answer = assert(client[call](client, names))
        assert.equal(state, (answer[2] or answer).state)
        assert.equal(state, (answer[1] or answer).state)
      end
    end
    portal:fault { status = 200, body = { status = "succeeded" } }
    assert.equal(100, client:operation("/api/operations/1").progress)
  end)
end)
