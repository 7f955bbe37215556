-- The types of results and errors, compared with results of calls: a field without a type fails here, and so does a type
-- of a field that never occurs.

local annotations = dofile "doc/generate/annotations.lua"
local fixture = require "spec.support.fixture"
local content = require "spec.support.program".content
local sorted_keys = require "spec.support.sorted_keys"

local types = annotations.read()
local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("the results", function()
  local portal, client, seen

  -- Records the fields of a result, and checks their types.
  local LUA_TYPES = { string = "string", integer = "number", number = "number", boolean = "boolean",
                      ["cpp.State"] = "string", ["cpp.Kind"] = "string", ["cpp.Operation"] = "table", ["cpp.Evidence"] = "table",
                      ["cpp.Step[]"] = "table", ["cpp.Message[]"] = "table", ['"GET"|"POST"'] = "string",
                      ['"running"|"canceled"|"unknown"'] = "string" }
  local function note(class, answer)
    local fields = types.classes[class].fields
    for name, value in pairs(answer) do
      assert.is_truthy(fields[name] or fields["[string]"], ("%s.%s has no type"):format(class, name))
      seen[class .. "." .. name] = true
      local expected = fields[name] and LUA_TYPES[fields[name].type]
      if expected then assert.equal(expected, type(value), name) end
      if fields[name] and fields[name].type == "integer" then assert.equal("integer", math.type(value), name) end
      if class == "cpp.Error" and name == "kind" then seen["kind " .. value] = true end
    end
    for _, field in ipairs(fields) do
      if not field.optional and field.name ~= "[string]" then
        assert.is_truthy(answer[field.name] ~= nil, ("%s.%s is missing"):format(class, field.name))
      end
    end
    return answer
  end

  -- Fails if a field was never seen, except for those of the service.
  local function all_seen(class)
    local missing = {}
    for _, field in ipairs(types.classes[class].fields) do
      if field.name ~= "[string]" and not seen[class .. "." .. field.name] then missing[#missing + 1] = field.name end
    end
    assert.same({}, missing)
  end

  local function offer(options) fixture.offer(portal, options) end

  local function failure(result, err)
    assert.is_nil(result)
    return note("cpp.Error", err)
  end

  local logged
  fixture.client(_ENV, function(...)
    portal, client = ...
    seen, logged = {}, {}
  end, { retries = 0, log = function(entry) logged[#logged + 1] = entry end })

  it("have the fields of a result", function()
    offer { retry_after = 3 }
    note("cpp.Result", assert(client:cancel(OFFER)))
    offer { cancel_mode = "synchronous" }
    note("cpp.Result", assert(client:cancel(OFFER)))
    offer { location_form = "body" }
    note("cpp.Result", assert(client:cancel(OFFER)))
    offer()
    note("cpp.Result", assert(client:cancel { publisher = "contoso", offer = "contoso-vm", if_running = true }))
    offer { running = false }
    note("cpp.Result", assert(client:cancel { publisher = "contoso", offer = "contoso-vm", if_running = true }))
    all_seen "cpp.Result"
  end)

  it("have the fields of operations, lists and states", function()
    offer { steps = { { name = "one", seconds = 60, messages = { { messageHtml = "m", level = "information",
                                                                     timestamp = "t" } } } },
            messages = { { messageHtml = "m", level = "error", timestamp = "t" } } }
    local operation = note("cpp.Operation", assert(client:operation { publisher = "contoso", offer = "contoso-vm",
                                                                      operation_id = "first" }))
    note("cpp.Step", operation.steps[1])
    note("cpp.Message", operation.messages[1])
    note("cpp.OfferStatus", assert(client:offer_status(OFFER)))
    note("cpp.Submission", assert(client:operations(OFFER))[1])
    local answer = note("cpp.Reconciled", assert(client:reconcile(OFFER)))
    note("cpp.Operation", answer.operation)
    local result = assert(client:cancel(OFFER))
    local ended = note("cpp.Operation", assert(client:wait(result)))
    note("cpp.Evidence", ended.evidence)
    note("cpp.Fact", ended.evidence.operation)
    offer { extra = { status = "completed" } }
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = "[]" }
    portal:fault { match = { path = "/status$" }, status = 200, body = { status = "Canceled" } }
    note("cpp.Evidence", assert(client:wait(assert(client:cancel(OFFER)))).evidence)
    offer { cancel_mode = "synchronous" }
    note("cpp.Evidence", assert(client:wait(assert(client:cancel(OFFER)))).evidence)
    note("cpp.Evidence", assert(client:wait(OFFER)).evidence)
    offer { running = false, status = "Canceled" }
    note("cpp.Reconciled", assert(client:reconcile(OFFER)))
    for _, class in ipairs { "cpp.Operation", "cpp.Evidence", "cpp.Fact", "cpp.Step", "cpp.Message", "cpp.OfferStatus",
                             "cpp.Submission", "cpp.Reconciled" } do
      all_seen(class)
    end
  end)

  it("have the fields of an entry of a batch, and of the log", function()
    offer()
    portal:fault { match = { method = "POST" }, action = "close" }
    portal:fault { match = { method = "POST" }, status = 429, headers = { ["Retry-After"] = "1" } }
    for _, entry in ipairs(client:cancel_all { OFFER, OFFER, OFFER, {} }) do note("cpp.Entry", entry) end
    for _, entry in ipairs(logged) do note("cpp.LogEntry", entry) end
    all_seen "cpp.Entry"
    all_seen "cpp.LogEntry"
  end)

  -- One way to meet each kind. Together they have every field of an err.
  local WAYS = {}

  function WAYS.http()
    portal:fault { status = 429, headers = { ["Retry-After"] = "9", ["X-Ms-Correlation-Request-Id"] = "id" },
                   body = { error = { code = "Slow", message = "slower" } } }
    return client:cancel(OFFER)
  end

  function WAYS.auth()
    return client:cancel { publisher = "contoso", offer = "contoso-vm", token = function() end }
  end

  function WAYS.network()
    portal:fault { action = "close" }
    return client:cancel(OFFER)
  end

  function WAYS.tls()
    -- Asks the emulator, which speaks no TLS.
    return client:cancel { publisher = "contoso", offer = "contoso-vm", base_url = portal.url:gsub("^http:", "https:") }
  end

  function WAYS.timeout()
    local result = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", if_running = true })
    return client:wait(result, { timeout = 1 })
  end

  function WAYS.protocol()
    portal:fault { status = 302 }
    return client:cancel(OFFER)
  end

  function WAYS.untrusted()
    return client:operation "https://elsewhere.test/api/operations/first"
  end

  function WAYS.failed()
    offer { ends = "failed" }
    return client:wait(OFFER)
  end

  function WAYS.stopped()
    return client:wait(OFFER, { should_stop = function() return true end })
  end

  function WAYS.closed()
    local entries = client:map({ 1 }, function(_, item_client)
      client:close()
      return item_client:cancel(OFFER)
    end)
    local err = entries[1].err
    if err.kind ~= "closed" then error(tostring(err)) end
    return nil, err
  end

  function WAYS.raised()
    return nil, client:map({ 1 }, function() error "mine" end)[1].err
  end

  it("of an err have a type each, and are all there is a type for", function()
    local closed = WAYS.closed
    WAYS.closed = nil
    local function check(kind, way)
      offer()
      assert.equal(kind, failure(way()).kind)
      portal:clear_faults()
    end
    for kind, way in pairs(WAYS) do check(kind, way) end
    offer()
    local _, err = pcall(client.map, client, { 1 }, function(_, own) return own:cancel(OFFER) end,
                         { loop = { await = function() error "deliberate" end, sleep = print } })
    failure(nil, err)
    WAYS.closed = closed
    check("closed", closed) -- the last: it closes the client
    all_seen "cpp.Error"
  end)

  it("have every kind, and no other, in the types and in doc/errors.md", function()
    local stated, documented = {}, {}
    for _, value in ipairs(types.aliases["cpp.Kind"].values) do stated[value.literal] = true end
    for kind in content "doc/errors.md":match "\n## Kinds\n(.-)\n## ":gmatch "\n| `(%l+)` |" do documented[kind] = true end
    assert.same(sorted_keys(WAYS), sorted_keys(stated))
    assert.same(sorted_keys(WAYS), sorted_keys(documented))
  end)
end)
