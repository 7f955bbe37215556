-- The outcome of a wait, by the list of the offer's submissions, the polled operation and the offer's status. facts_spec.lua
-- has the rules alone.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local submissions = require "spec.support.submissions"

local at = submissions.at

local LIST, STATUS, POST = { path = "/submissions/$" }, { path = "/status$" }, { method = "POST" }
local NOWHERE = { location_form = "none" }
local NOTHING = { location_form = "none", running = false }
local COMPLETED = { extra = { status = "completed" } }
local CANCELED = { extra = { status = "canceled" }, operation_times = false, cancel_seconds = 0 } -- before the first look
local OWN = { cancellation = "own", extra = { status = "completed" } }
local OWN_FAILS = { cancellation = "own", cancel_mode = "fails_alone", cancel_seconds = 0 }
local IF_RUNNING = { if_running = true }

local function says(state, times) return { match = STATUS, status = 200, body = { status = state }, times = times or -1 } end

local ACCEPTS = { match = POST, status = 202, act = false }

-- A row: the lists that the service sends one after another ("id state seconds, ...", the newest first; "-" is no id);
-- the settings of the offer; the outcome, or the kind of the err, and the submission that it rests on; further options of
-- the call, with its name and the faults of other requests.
local ROWS = {
  { "what ran first, and not what was published since", { "first running -100", "second running 20, first canceled 10" },
    NOWHERE, "canceled first" },
  { "the list, where an operation has no time", { "FIRST canceled -1000" }, CANCELED, "none FIRST" },
  { "a list that is read again, as it may be late", { "old completed -1000", "new canceled 10, old completed -1000" }, CANCELED,
    "canceled new" },
  { "or does not have what was seen to run", { "old completed -1000", "new canceled 50, old completed -1000" }, COMPLETED,
    "canceled new" },
  { "or the offer's status says that something runs",
    { "old completed -1000", "first running -1, old completed -1000", "first canceled 50, old completed -1000" }, NOWHERE,
    "canceled first", { faults = { says("running", 1) } } },
  { "or is in progress", { "old completed -1000", "first canceled 50" }, NOWHERE, "canceled first",
    { faults = { says("in progress", 1) } } },
  { "the submission, where the cancellation's own operation failed", { "publish completed 10" }, OWN_FAILS, "completed publish" },
  { "the time of the request that was accepted, not of one refused before", { "old canceled 30" }, NOTHING, "none old",
    { faults = { { match = POST, status = 429, headers = { ["Retry-After"] = "60" } } } } },
  { "no body of a 200 that is completed", { "first completed 10" }, {}, "completed first",
    { faults = { { match = POST, status = 200, body = { status = "Succeeded" } } } } },
  { "the last response, if the last poll of a minute fails", { "old completed -1000" }, COMPLETED, "none old",
    { faults = { says("completed", 12), { match = STATUS, status = 502, times = -1 } } } },
  { "no status while the list cannot be read", nil, { cancellation = "own", extra = COMPLETED.extra, cancel_seconds = 0 },
    "canceled first", { faults = { { match = LIST, status = 500 }, says("published", 1) } } },
  { "what a publish started, not what ended right before", { "new running 1, staging canceled 1", "new completed 100" }, NOWHERE,
    "completed new", { call = "publish", faults = { ACCEPTS } } },
  { "not what ended before a publish that a 202 accepts", { "old completed -100" }, NOWHERE, "unknown old",
    { call = "publish", faults = { ACCEPTS } } },
  { "no operation without times, unless a list was late", { "new running -10, old canceled -1000", "new canceled 1" }, CANCELED,
    "canceled new" },
  { "a canceled operation of before, if it was seen to run", { "first canceled -6" },
    { extra = { lastActionDateTime = at(-6) } }, "canceled -" },
  { "but by more than a list that may have been late", { "first running -100", "first canceled -6" },
    { operation_times = false, cancel_seconds = 0 }, "unknown first", IF_RUNNING },
  { "what was listed as running before", { "new running -2, old failed -2", "new completed 10, old failed -2" }, OWN,
    "completed new", IF_RUNNING },
  { "no running entry of a late list", { "first running -100", "first canceled -30" }, NOTHING, "none first" },
  { "what is newer than the one that a late list showed",
    { "old running -100", "old running -100", "new running -5, old completed -2", "newest running 70, new failed 60" },
    { location_form = "none", submission_ids = "other" }, "failed new", IF_RUNNING },
  { "the newest that was seen to run, without ids as well", { "- running", "- canceled" }, NOWHERE, "canceled -" },
  { "the one that was followed, whatever its operation's id", { "first running", "second running, first canceled" },
    { location_form = "none", operation_id = "other" }, "canceled first" },
}

describe("the outcome of a wait rests on", function()
  local portal, client, loop, lists
  submissions.client(_ENV, function(...) portal, client, loop, lists = ... end)

  local function list_of(text)
    local list = {}
    for id, state, seconds in text:gmatch "([%w-]+) (%w+) ?(-?%d*)" do
      list[#list + 1] = submissions.entry(id ~= "-" and id or nil, state, tonumber(seconds))
    end
    return list
  end

  for _, row in ipairs(ROWS) do
    it(row[1], function()
      local given, more = {}, row[5] or {}
      for i, text in ipairs(row[2] or {}) do given[i] = list_of(text) end
      if row[2] then lists(table.unpack(given)) end
      for _, fault in ipairs(more.faults or {}) do portal:fault(fault) end
      fixture.offer(portal, row[3])
      local operation, err = client[more.call or "cancel"](client, { publisher = "contoso", offer = "contoso-vm",
        wait = { timeout = 600 }, if_running = more.if_running })
      local submission = operation and operation.evidence.submission or { id = err and err.operation.submission_id }
      assert.equal(row[4], (operation and operation.outcome or err.kind) .. " " .. (submission.id or "-"))
    end)
  end

  it("a submission whose id is the token, which the evidence does not have", function()
    lists { submissions.entry(Portal.TOKEN, "canceled", 10) }
    fixture.offer(portal, NOWHERE)
    local operation = assert(client:cancel(fixture.call { wait = true }))
    assert.same({ "canceled", { state = "canceled", time = at(10) } }, { operation.outcome, operation.evidence.submission })
  end)

  it("the time of sending, which is never after the real one", function()
    fixture.offer(portal)
    local slow = setmetatable({ await = function(...)
      loop.sleep(nil, 2.5)
      loop.await(...)
    end }, { __index = loop })
    local result = assert(client:cancel { publisher = "contoso", offer = "contoso-vm", loop = slow })
    assert.equal(Portal.EPOCH - 1, result.sent_at)
  end)

  it("no state but canceled of a 200 without a location", function()
    lists { submissions.entry("first", "completed", 10) }
    for _, state in ipairs { "accepted", 5, true } do
      local operation = client:wait { publisher = "contoso", offer = "contoso-vm", status = 200, state = state, call = "publish" }
      assert.equal("completed", assert(operation).outcome)
    end
  end)
end)
