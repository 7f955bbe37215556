-- The types of results and errors, compared with results of calls: a field without a type fails here, and so does a type
-- of a field that never occurs.

local annotations = dofile "doc/generate/annotations.lua"
local fixture = require "spec.support.fixture"
local content = require "spec.support.program".content

local types = annotations.read()
local OFFER = fixture.call()

describe("the results", function()
  local portal, client, seen

  -- Records the fields of a result, and checks their types.
  local LUA_TYPES = { string = "string", integer = "integer", number = "number", boolean = "boolean",
                      ["cpp.State"] = "string", ["cpp.Kind"] = "string", ["cpp.Operation"] = "table", ["cpp.Evidence"] = "table",
                      ["cpp.Step[]"] = "table", ["cpp.Message[]"] = "table", ['"GET"|"POST"'] = "string",
                      ['"running"|"canceled"|"unknown"'] = "string" }
  local function note(class, answer)
    local fields = types.classes[class].fields
    for name, value in pairs(answer) do
      assert.is_truthy(fields[name] or fields["[string]"], ("%s.%s has no type"):format(class, name))
      seen[class .. "." .. name] = true
      local expected = fields[name] and LUA_TYPES[fields[name].type]
      if expected then assert.equal(expected, expected == "integer" and math.type(value) or type(value), name) end
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
    for _, field in ipairs(types.classes[class].fields) do
      assert.is_true(field.name == "[string]" or seen[class .. "." .. field.name], class .. "." .. field.name)
    end
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
    for settings, options in pairs {
      [{ retry_after = 3 }] = {}, [{ cancel_mode = "synchronous" }] = {}, [{ location_form = "body" }] = {},
      [{}] = { if_running = true }, [{ running = false }] = { if_running = true },
    } do
      offer(settings)
      note("cpp.Result", assert(client:cancel(fixture.call(options))))
    end
    all_seen "cpp.Result"
  end)

  it("have the fields of operations, lists and states", function()
    offer { steps = { { name = "one", seconds = 60, messages = { { messageHtml = "m", level = "information",
                                                                     timestamp = "t" } } } },
            messages = { { messageHtml = "m", level = "error", timestamp = "t" } } }
    local operation = note("cpp.Operation", assert(client:operation(fixture.call { operation_id = "first" })))
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

  -- One way to meet each kind but "closed": settings of the offer, a fault of the service, a call (without one: a cancel).
  -- Together they have every field of an err.
  local WAYS = {
    http = { fault = { status = 429, headers = { ["Retry-After"] = "9", ["X-Ms-Correlation-Request-Id"] = "id" },
                       body = { error = { code = "Slow", message = "slower" } } } },
    auth = { call = function() return client:cancel(fixture.call { token = function() end }) end },
    network = { fault = { action = "close" } },
    -- The emulator speaks no TLS.
    tls = { call = function() return client:cancel(fixture.call { base_url = portal.url:gsub("^http:", "https:") }) end },
    timeout = { call = function()
      return client:wait(assert(client:cancel(fixture.call { if_running = true })), { timeout = 1 })
    end },
    protocol = { fault = { status = 302 } },
    untrusted = { call = function() return client:operation "https://elsewhere.test/api/operations/first" end },
    failed = { offer = { ends = "failed" }, call = function() return client:wait(OFFER) end },
    stopped = { call = function() return client:wait(OFFER, { should_stop = function() return true end }) end },
    raised = { call = function() return nil, client:map({ 1 }, function() error "mine" end)[1].err end },
  }

  it("of an err have a type each, and are all there is a type for", function()
    for kind, way in pairs(WAYS) do
      offer(way.offer)
      if way.fault then portal:fault(way.fault) end
      local call = way.call or function() return client:cancel(OFFER) end
      assert.equal(kind, failure(call()).kind)
      portal:clear_faults()
    end
    local _, err = pcall(client.map, client, { 1 }, function(_, own) return own:cancel(OFFER) end,
                         { loop = { await = function() error "deliberate" end, sleep = print } })
    failure(nil, err)
    local entries = client:map({ 1 }, function(_, own)
      client:close()
      return own:cancel(OFFER)
    end)
    assert.equal("closed", failure(nil, entries[1].err).kind)
    all_seen "cpp.Error"
    for _, value in ipairs(types.aliases["cpp.Kind"].values) do assert.is_true(seen["kind " .. value.literal], value.literal) end
  end)

  it("have every kind in doc/errors.md, and no other", function()
    local stated, documented = {}, {}
    for _, value in ipairs(types.aliases["cpp.Kind"].values) do stated[value.literal] = true end
    for kind in content "doc/errors.md":match "\n## Kinds\n(.-)\n## ":gmatch "\n| `(%l+)` |" do documented[kind] = true end
    assert.same(documented, stated)
  end)
end)
