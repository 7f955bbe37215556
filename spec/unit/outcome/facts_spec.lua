-- The outcome that facts prove, without a service: the table of rules, which submission of a list counts, and how times are
-- read.

local merged = require "spec.support.fixture".merged
local outcome = require "cpp.outcome"

local SENT = 1512345678 -- when the cancel was sent: 2017-12-04T00:01:18Z

local function at(seconds) return seconds and os.date("!%Y-%m-%dT%H:%M:%S.000", SENT + seconds) end

local function operation(state, seconds, created)
  return { state = state, lastActionDateTime = at(seconds), createdDateTime = at(created) }
end

local function submission(state, seconds, id)
  return { id = id or "other", state = state, changedTime = at(seconds) }
end

local RETRYABLE, FINAL = { retryable = true }, { retryable = false }

-- The polled operation, and what else is known of the call: a line of the table.
local OPERATIONS = {
  {},
  { was_running = true },
  { operation = operation("canceled", -2) },
  { operation = operation("completed", -100, 30), was_running = true },
  { operation = operation "rejected" },
  { operation = operation("running", -100) },
  { operation = operation("completed", -3) },
  { operation = operation("canceled", -10) },
  { operation = operation("canceled", 50, 31), was_running = true },
  { operation = operation "completed", call = "publish" },
  { operation = operation "completed", call = "go_live" },
  { operation = operation "failed", call = "publish" },
  { call = "publish" },
  { call = "go_live", was_running = true, follows = true },
}

-- The submission: a column.
local SUBMISSIONS = {
  {}, -- not requested
  { submission = false, list = {} },
  { submission = false, list_error = FINAL },
  { submission = false, list_error = RETRYABLE },
  { submission = submission "running", found = "newest", list = {} },
  { submission = submission "canceled", found = "newest", list = {} },
  { submission = submission "completed", found = "newest", list = {} },
  { submission = submission "rejected", found = "since", list = {} },
  { submission = submission "canceled", found = "newest", list = {}, is_lost = true },
  { submission = submission("completed", -11, "POLLED"), found = "earlier", list = {}, status = 200 },
}

-- The offer's status: a letter.
local OFFERS = {
  {}, -- not requested
  { offer = { state = "canceled" } }, { offer = { state = "completed" } }, { offer = { state = "running" } },
  { offer = { state = "waitingforpublisherreview" } }, { offer = { state = "neverpublished" } }, { offer = { state = "other" } },
  { offer = false, offer_error = FINAL }, { offer = false, offer_error = RETRYABLE },
}

local LETTERS = { canceled = "c", completed = "d", signoff = "s", none = "n", unknown = "u", failed = "f" }

local TABLE = [[
-uuuuuuuU -UUUSnuuU -uuUSnuuU -UUUSNUUU -UUUSUUUU -uuuuuuuU -uuuuuuuU ffffffffF -cuuuuuuU -NNUSNNNU
-uuuuuuuU -cdUSNuuU -cdUSuuuU -CDUSUUUU -UUUSUUUU ccccccccC ddddddddD ffffffffF ccccccccC ddddddddD
ccccccccC ccccccccC ccccccccC CCCCCCCCC ccccccccC ccccccccC ccccccccC ccccccccC ccccccccC ccccccccC
-uuuuuuuU -cdUSNuuU -cdUSuuuU -CDUSUUUU -UUUSUUUU ccccccccC ddddddddD ffffffffF ccccccccC ddddddddD
-fffffffF -UUUSNffF -ffUSNffF -FFUSNFFF -FFFSFFFF ccccccccC ddddddddD ffffffffF ccccccccC -NNUSNNNU
ssssssssS ssssssssS ssssssssS SSSSSSSSS ssssssssS ssssssssS ssssssssS ssssssssS ssssssssS ssssssssS
-uuuuuuuU -UUUSnuuU -uuUSnuuU -UUUSNUUU -UUUSUUUU -uuuuuuuU -uuuuuuuU ffffffffF -cuuuuuuU -nnUSnnnU
-uuuuuuuU -UUUSnuuU -uuUSnuuU -UUUSNUUU -UUUSUUUU -uuuuuuuU -uuuuuuuU ffffffffF -cuuuuuuU -NNUSNNNU
-uuuuuuuU -UUUSnuuU -uuUSuuuU -UUUSUUUU -UUUSUUUU -uuuuuuuU -uuuuuuuU ffffffffF -cuuuuuuU ddddddddD
ddddddddD ddddddddD ddddddddD DDDDDDDDD ddddddddD ddddddddD ddddddddD ddddddddD ddddddddD ddddddddD
ddddddddD ddddddddD ddddddddD DDDDDDDDD ddddddddD ddddddddD ddddddddD ddddddddD ddddddddD ddddddddD
ffffffffF ffffffffF ffffffffF FFFFFFFFF ffffffffF ffffffffF ffffffffF ffffffffF ffffffffF ffffffffF
-uuuuuuuU -cdUSNuuU -cdUSNuuU -CDUSNUUU -UUUSUUUU ccccccccC ddddddddD ffffffffF ccccccccC ddddddddD
-uuuuuuuU -cdUSNuuU -cdUSuuuU -CDUSUUUU -UUUSUUUU ccccccccC ddddddddD ffffffffF ccccccccC ddddddddD
]]

-- A list: "id state seconds, ...", the newest first; "cancellation" is the type of one.
local function list_of(text)
  local list = {}
  for id, state, seconds in text:gmatch "(%w+) (%w+) ?(-?%d*)" do
    local entry = submission(state ~= "stateless" and state or nil, tonumber(seconds), id)
    if id == "cancellation" then entry.submissionType = "Cancel" end
    list[#list + 1] = entry
  end
  return list
end

-- A list, the facts besides, and what is found in which way with which outcome.
local LISTS = {
  { "", "false, newest: unknown" },
  { "cancellation completed 10, a stateless 10", "false, newest: unknown" },
  { "b running 5, seen canceled 10", "seen, id: canceled", { submission_id = "SEEN" } },
  { "b completed 5, seen canceled -1", "seen, since: canceled", { submission_id = "seen" } },
  { "b completed 20, a completed 10", "b, since: completed", { call = "publish" } },
  { "b completed 20, a completed 10", "b, since: completed", { call = "go_live" } },
  { "b canceled 20, a completed 0", "a, since: completed" },
  { "polled completed 20, a completed -2", "polled, since: completed" },
  { "a completed -3", "a, earlier: none?" },
  { "a canceled -10", "a, since: unknown" },
  { "a canceled -11", "a, earlier: none?" },
  { "b running 2, a canceled -2", "b, running: unknown?" },
  { "b running 3, a canceled -2", "a, since: canceled" },
  { "b running, a canceled -2", "a, since: canceled" },
  { "b running 5, a completed 10", "a, since: completed" },
  { "a notstarted 5", "a, running: unknown?" },
  { "b completed -100, a notstarted", "b, earlier: none?" },
  { "b completed, a canceled -100", "b, newest: unknown" },
  { "b completed, polled canceled", "polled, newest: unknown" },
  { "b completed 10, a running", "a, newest: unknown?", { sent_at = false } },
  { "b completed, polled canceled", "polled, since: canceled", { operation = operation("canceled", 5) } },
  { "b completed, polled canceled", "polled, since: unknown?", { operation = operation("completed", 5) } },
  { "b completed -100, polled canceled -100", "b, earlier: none", { operation = operation "canceled" } },
  { "b completed -100, a canceled -120", "b, earlier: none?", { operation = operation "canceled" } },
  { "b canceled -6, a canceled -120", "b, since: unknown", { operation = operation "canceled" } },
  { "polled canceled -100", "polled, earlier: none?", { operation = operation("completed", 5) } },
  { "polled canceled -6", "polled, since: signoff", { operation = operation("running", 5), was_running = true } },
}

describe("an outcome", function()
  it("is what the facts prove; a capital letter may still change, and - needs more facts", function()
    local lines = {}
    for row, more in ipairs(OPERATIONS) do
      local cells = {}
      for column, about in ipairs(SUBMISSIONS) do
        cells[column] = ""
        for _, offer in ipairs(OFFERS) do
          local word, settles = outcome.of(merged({ call = "cancel", sent_at = SENT, operation_id = "polled" }, about, offer, more))
          local letter = word and LETTERS[word] or "-"
          cells[column] = cells[column] .. (settles and letter:upper() or letter)
        end
      end
      lines[row] = table.concat(cells, " ") .. "\n"
    end
    assert.equal(TABLE, table.concat(lines))
  end)

  it("rests on the submission that the call was about", function()
    for _, case in ipairs(LISTS) do
      local facts = merged({ call = "cancel", sent_at = SENT, operation_id = "polled", list = list_of(case[1]),
                             offer = { state = "other" } }, case[3])
      outcome.find_submission(facts)
      local word, settles = outcome.of(facts)
      local found = ("%s, %s: %s%s"):format(facts.submission and facts.submission.id, facts.found, word, settles and "?" or "")
      assert.equal(case[2], found, case[1])
    end
  end)

  it("has evidence: what was read, with ids and times in which no secret is", function()
    local long = ("i"):rep(200)
    local facts = { operation = operation("completed", 1), operation_id = long, submission = submission("canceled", 2),
                    offer = { state = "running" } }
    local polled, listed = { state = "completed", id = long, time = at(1) }, { state = "canceled", id = "other", time = at(2) }
    local function of(more, ...) return outcome.evidence(merged(facts, more), { ... }) end
    assert.same({ operation = polled, submission = listed, offer_status = { state = "running" } }, of {})
    assert.same({ submission = listed, offer_status = { state = "running" } }, of { follows = true })
    assert.same({ submission = listed }, of { follows = true, operation = facts.submission, submission = false, offer = false })
    assert.same({ operation = { state = "completed", time = at(1) }, submission = { state = "canceled", id = "other" } },
                of({ offer = false }, long, at(2)))
    assert.same({ operation = { state = "completed", id = long }, submission = { state = "canceled", time = at(2) } },
                of({ offer = false }, at(1), "other"))
    for _, id in ipairs { ("i"):rep(201), "a b", "<b>", 5 } do assert.is_nil(of({ operation_id = id }).operation.id) end
  end)
end)

describe("a time of the service", function()
  it("is read with its zone and its fraction, in microseconds", function()
    local noon = outcome.time "2026-11-26T12:00:00Z"
    for text, more in pairs { ["2026-11-26T14:00:00+02:00"] = 0, ["2026-11-26T09:30:00-0230"] = 0, ["2026-11-26 12:00:00"] = 0,
                              ["2026-11-26t12:00:00.000z"] = 0, ["2026-11-27T02:00:00+14:00"] = 0,
                              ["2026-11-26T12:00:00.25"] = 0.25, ["2026-11-26T14:00:00.5+02:00"] = 0.5,
                              ["2026-11-26T12:59:60Z"] = 3600, ["2026-11-26T23:00:00Z"] = 39600 } do
      assert.equal(noon + more, outcome.time(text), text)
    end
    assert.equal(946684800.123456, outcome.time("2000-01-01T00:00:00.123456" .. ("9"):rep(1000)))
  end)

  it("is none, if it is no time since 2000", function()
    for _, text in ipairs { "1999-12-31T23:59:59Z", "0001-01-01T00:00:00", "2026-00-26T12:00:00", "2026-13-26T12:00:00",
                            "2026-11-00T12:00:00", "2026-11-32T12:00:00", "2026-11-26T24:00:00", "2026-11-26T12:60:00",
                            "2026-11-26T12:00:61", "2026-11-26T12:00:00 ", "2026-11-26T12:00:00+1", "2026-11-26", "" } do
      assert.is_nil(outcome.time(text), text)
    end
    assert.is_nil(outcome.time(20261126))
  end)

  it("is that of the system's clock on every day of the calendar #exhaustive", function()
    for day = 10957, 10957 + 146097 * 2, 29 do -- 800 years from 2000 on, and each date of the month in them
      local time = day * 86400 + day % 86400
      assert.equal(time, outcome.time(os.date("!%Y-%m-%dT%H:%M:%SZ", time)))
    end
  end)
end)
