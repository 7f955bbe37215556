-- Many cancels at once: whatever one response holds, each that was accepted is in the entries.

local fixture = require "spec.support.fixture"

describe("cancel_all", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  -- Values that a response may hold anywhere.
  local VALUES = {
    "null", "true", "{}", "[]", "[[]]", "[null,1]", "0", "-0", "1e308", "-1e308", "1e-320", "9223372036854775807",
    "12345678901234567890123", ("9"):rep(300), '""', '" "', '"\\u0000"', '"%s%d%n%1"', '"\\u202e"', '"table: 0x1"',
    '"' .. ("x"):rep(100000) .. '"',
    '"2022-06-02T12:25:56.651"', '"0000-00-00T00:00:00"', '"99999999999999999999-1-1T1:1:1"',
    '{"__index":1,"__tostring":2,"__gc":3}',
  }
  local NAMES = { "status", "state", "error", "errors", "message", "location", "Operation-Location", "id", "steps", "success",
                  "lastActionDateTime", "outcome", "evidence", "publisher", "offer", "1", "" }

  local function documents()
    local list = {}
    for _, value in ipairs(VALUES) do
      list[#list + 1] = value
      local members = {}
      for _, name in ipairs(NAMES) do
        members[#members + 1] = ('"%s":%s'):format(name, value)
        list[#list + 1] = ('{"%s":%s}'):format(name, value)
      end
      list[#list + 1] = "{" .. table.concat(members, ",") .. "}"
      list[#list + 1] = "[{" .. table.concat(members, ",") .. "}]"
    end
    return list
  end

  -- Cancels three offers, of whose responses to a path one is odd. Returns the odd entry.
  local function cancel_three(path, fault, wait)
    portal:reset()
    local list = {}
    for i, name in ipairs { "ok-1", "odd", "ok-2" } do
      fixture.offer(portal, { offer = name })
      list[i] = { publisher = "contoso", offer = name }
    end
    fault.match = { path = path }
    portal:fault(fault)
    local reported = 0
    local entries = client:cancel_all(list, { wait = wait, on_result = function() reported = reported + 1 end })
    local odd, body = entries[2], fault.body
    assert.equal(3, reported)
    for i = 1, 3, 2 do assert.equal(wait and "canceled" or 202, entries[i].result[wait and "state" or "status"], body) end
    assert.is_true((odd.result ~= nil) ~= (odd.err ~= nil))
    assert.is_false(odd.err ~= nil and odd.err.kind == "raised", body)
    assert.is_string(tostring(odd.err))
  end

  it("gives an entry for each, whatever one response holds", function()
    for _, status in ipairs { 202, 200 } do
      for _, body in ipairs(documents()) do cancel_three("/odd/cancel", { status = status, body = body }) end
    end
  end)

  it("gives the operation of each where it waits, whatever one operation holds", function()
    for _, value in ipairs(VALUES) do
      local members = { '"status":"canceled"' }
      for i = 2, #NAMES do members[i] = ('"%s":%s'):format(NAMES[i], value) end
      cancel_three("/odd/operations/", { status = 200, body = "{" .. table.concat(members, ",") .. "}", times = -1 },
                   { timeout = 600 })
    end
  end)
end)
