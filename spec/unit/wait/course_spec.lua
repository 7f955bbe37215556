-- The whole course of a wait: each request with its time, and how it ends.

local core = require "cpp.core"
local Portal = require "spec.support.emulator"
local fixture = require "spec.support.fixture"
local progress = require "cpp".progress
local submissions = require "spec.support.submissions"

local entry = submissions.entry

local PATH = "/api/publishers/contoso/offers/contoso-vm/operations/first"
local RUNNING, OTHER, FAILS = { status = "running" }, { status = "other" }, { code = 500 }
local NOT_FOUND = { code = 404, pause = "1" }
local SIGNOFF = { status = "waitingForPublisherReview" }
local HALF = { status = "running", steps = { { stepName = "one", status = "running", progressPercentage = 50 } } }
local WHOLE = { status = "running", steps = { { stepName = "one", status = "completed" } } }

-- A row: the target (a location of the offer, if there is no other); the responses to polls of the operation, the list and
-- the offer's status, of which the last is sent again and again; the course; options. The course has the times, with what
-- was polled (o, l, s), and the outcome or kind at the end. A poll of the operation has a Retry-After of 100 s.
local ROWS = {
  { "a cancel is compared with the list from 300 s on", { call = "cancel" },
    { operation = { RUNNING }, list = { { entry("other", "canceled", 10) } } }, "0 o, 100 o, 200 o, 300 ol: canceled" },
  { "also while a later publish waits for its sign-off", { call = "cancel" },
    { operation = { SIGNOFF }, list = { { entry("second", "running", 40), entry("first", "canceled", 30) } } },
    "0 o, 100 o, 200 o, 300 ol: canceled" },
  { "a submission that ended before the cancel does not end it", { call = "cancel" },
    { operation = { HALF }, list = { { entry("other", "canceled", -100) } } }, "0 o, 100 o, 200 o, 300 ol, 400 ol: timeout" },
  { "nor one that runs", { call = "cancel" }, { operation = { HALF }, list = { { entry("other", "running", 10) } } },
    "0 o, 100 o, 200 o, 300 ol, 400 ol: timeout" },
  { "but one without a time that was seen running does", { call = "cancel", submission_id = "seen", sent_at = false },
    { operation = { HALF }, list = { { entry("new", "running"), entry("seen", "canceled") } } },
    "0 o, 100 o, 200 o, 300 ol: canceled" },
  { "a publish is not compared with the list", { call = "publish" },
    { operation = { HALF }, list = { { entry("other", "canceled", 10) } } }, "0 o, 100 o, 200 o, 300 o, 400 o: timeout" },
  { "nor is the operation of no offer", { call = "cancel", location = "/api/operations/first" }, { operation = { RUNNING } },
    "0 o, 100 o, 200 o, 300 o, 400 o: timeout" },
  { "a list that cannot be read is read again with the next poll", { call = "cancel" },
    { operation = { HALF }, list = { FAILS } }, "0 o, 100 o, 200 o, 300 ol, 400 ol: timeout" },
  { "the offer's status is read from 300 s on, once for each poll", {}, { operation = { RUNNING }, status = { FAILS } },
    "0 o, 100 o, 200 o, 300 os, 400 os: timeout" },
  { "it may have the sign-off", {}, { operation = { RUNNING }, status = { SIGNOFF } }, "0 o, 100 o, 200 o, 300 os: signoff" },
  { "it is not read before", {}, { operation = { { status = "running", pause = "299" } } }, "0 o, 299 o: timeout" },
  { "it may have it for a cancel", { call = "cancel" }, { operation = { RUNNING }, list = { {} }, status = { SIGNOFF } },
    "0 o, 100 o, 200 o, 300 ols: signoff" },
  { "a publish waits for it at once", { call = "publish" }, { operation = { RUNNING, WHOLE }, status = { RUNNING, SIGNOFF } },
    "0 os, 100 os: signoff" },
  { "but not while a step runs", { call = "publish" }, { operation = { HALF }, status = { SIGNOFF } },
    "0 o, 100 o, 200 o, 300 o, 400 o: timeout" },
  { "the operation may have it", {}, { operation = { SIGNOFF } }, "0 o, 100 o, 200 o, 300 o: signoff" },
  { "also that of a publish", { call = "publish" }, { operation = { SIGNOFF } }, "0 o: signoff" },
  { "a go live does not wait for it", { call = "go_live" }, { operation = { SIGNOFF }, status = { SIGNOFF } },
    "0 o, 100 o, 200 o, 300 o, 400 o: timeout" },
  { "a sign-off counts at the deadline", {}, { operation = { SIGNOFF } }, "0 o, 100 o, 200 o: signoff", { timeout = 250 } },
  { "but not for a cancel", { call = "cancel" }, { operation = { SIGNOFF } }, "0 o, 100 o, 200 o: timeout", { timeout = 250 } },
  { "nor for a go live", { call = "go_live" }, { operation = { SIGNOFF } }, "0 o, 100 o, 200 o: timeout", { timeout = 250 } },
  { "an offer that was never published ends a cancel", { call = "cancel" },
    { operation = { { status = "neverPublished" } }, list = { {} }, status = { { status = "neverPublished" } } },
    "0 ols, 5 ls, 10 ls, 15 ls, 20 ls, 25 ls, 30 ls, 35 ls, 40 ls, 45 ls, 50 ls, 55 ls, 60 ls: none" },
  { "but no publish", { call = "publish" }, { operation = { { status = "neverPublished" } }, status = { RUNNING } },
    "0 os, 100 os, 200 os, 300 os, 400 os: timeout" },
  { "a publish may not be listed for 60 s", { call = "publish", publisher = "contoso", offer = "contoso-vm" },
    { list = { { body = {}, pause = "30" } }, status = { OTHER } }, "0 l, 30 l, 60 ls: unknown" },
  { "nor may a go live", { call = "go_live", publisher = "contoso", offer = "contoso-vm" },
    { list = { { body = {}, pause = "30" } }, status = { OTHER } }, "0 l, 30 l, 60 ls: unknown" },
  { "but a cancel may", { call = "cancel", publisher = "contoso", offer = "contoso-vm" },
    { list = { {} }, status = { OTHER } }, "0 ls: unknown" },
  { "and a publish that was seen running", { call = "publish", publisher = "contoso", offer = "contoso-vm" },
    { list = { { entry("first", "running", 1) }, {} }, operation = { RUNNING }, status = { OTHER } }, "0 los, 5 ls: unknown" },
  { "what contradicts itself is polled ever more rarely", { call = "cancel" },
    { operation = { { status = "completed" } }, list = { { entry("a", "running") } }, status = { RUNNING } },
    "0 ols, 2 ls, 5 ls, 9.5 ls, 14.5 ls, 19.5 ls, 20 ls: unknown", { interval = 2, timeout = 20 } },
  { "each document once, if it cannot be read", { call = "cancel" },
    { operation = { { status = "completed" } }, list = { FAILS }, status = { FAILS } },
    "0 ols, 5 ls, 10 ls, 15 ls, 20 ls: unknown", { timeout = 20 } },
  { "at the interval that the service asks for", { call = "cancel" },
    { operation = { { status = "completed" } }, list = { { code = 429, pause = "25" } }, status = { RUNNING } },
    "0 ols, 25 ls, 50 ls, 60 ls: unknown" },
  { "and not at all, if it says nothing", { call = "cancel" },
    { operation = { { status = "completed" } }, list = { { code = 403 } }, status = { { code = 404 } } }, "0 ols: unknown" },
  { "the operation of a publish counts, whenever it ended", { call = "publish" },
    { operation = { { status = "completed", lastActionDateTime = "2017-10-01T00:00:00Z" } } }, "0 o: completed" },
  { "until the deadline", { call = "cancel" },
    { operation = { { status = "completed" } }, list = { { entry("a", "running") } }, status = { RUNNING } },
    "0 ols, 25 ls, 40 ls: unknown", { interval = 25, timeout = 40 } },
  { "an operation that runs after all is followed", { publisher = "contoso", offer = "contoso-vm" },
    { list = { {}, { entry("a", "running") }, { entry("a", "running") }, { entry("a", "canceled") } }, operation = { HALF },
      status = { RUNNING } }, "0 ls, 5 ls, 10 lo, 17.5 l: canceled" },
  { "where its operation is cannot be read", { publisher = "contoso", offer = "contoso-vm" },
    { list = { { entry("a", "running") } }, operation = { FAILS } }, "0 lo, 5 lo, 12.5 lo: timeout", { timeout = 20 } },
  { "what the service does not know is asked for until 60 s", {},
    { operation = { { code = 404, pause = "59" }, { code = 404, pause = "1" } } },
    "0 o, 59 o, 60 o: http 404" },
  { "then the list tells, if the operation was there", { call = "cancel" },
    { operation = { { code = 404, pause = "59" }, { code = 404, pause = "1" } }, list = { { entry("first", "canceled", 1) } } },
    "0 o, 59 o, 60 ol: canceled" },
  { "as of one that was seen", {}, { operation = { RUNNING, { code = 404 } }, list = { { entry("first", "canceled", 1) } } },
    "0 o, 100 ol: canceled" },
  { "five failures are ridden out", {}, { operation = { { code = 500, pause = "7" } } },
    "0 o, 7 o, 14 o, 21 o, 28 o, 35 o: http 500" },
  { "pauses grow to 30 s", {}, { operation = { { status = "running", pause = false } } },
    "0 o, 5 o, 12.5 o, 23.75 o, 40.625 o, 65.9375 o, 95.9375 o, 125.938 o: timeout", { timeout = 130 } },
  { "the first poll waits for the Retry-After of the call", { call = "cancel", retry_after = 7 },
    { operation = { { status = "canceled" } } }, "7 ol: canceled" },
  { "an interval longer than the longest is kept", {}, { operation = { { status = "running", pause = false } } },
    "0 o, 40 o, 80 o: timeout", { timeout = 100, interval = 40 } },
  { "a Retry-After replaces the interval once", {},
    { operation = { { status = "running", pause = "20" }, { status = "running", pause = false } } },
    "0 o, 20 o, 25 o, 32.5 o: timeout", { timeout = 40 } },
  { "that of a failure, too, within limits", {}, { operation = { { code = 503, pause = "17" }, { code = 503, pause = "0" },
    { code = 503, pause = "86400" }, { status = "canceled" } } }, "0 o, 17 o, 18 o, 318 o: canceled" },
  { "but not the deadline", {}, { operation = { { code = 429, pause = "250" } } }, "0 o: timeout", { timeout = 30 } },
  { "a 404 is none of the five failures", {}, { operation = { NOT_FOUND, NOT_FOUND, FAILS, FAILS, FAILS, FAILS, FAILS,
    { status = "canceled" } } }, "0 o, 1 o, 2 o, 102 o, 202 o, 302 o, 402 o, 502 o: canceled", { timeout = 600 } },
  { "a 404 ends a cancel, if the list does not tell how", { call = "cancel" },
    { operation = { { code = 404, pause = "61" }, NOT_FOUND }, list = { {} }, status = { OTHER } }, "0 o, 61 ols: http 404" },
  { "within limits", { call = "cancel", retry_after = 1000 }, { operation = { { status = "canceled" } } }, "300 ol: canceled" },
  { "which only a call has", { retry_after = 7 }, { operation = { { status = "canceled" } } }, "0 o: canceled" },
}

describe("the course of a wait:", function()
  local portal, client, loop
  local random, own_random = 0.5, core.random -- 0.5: no jitter
  submissions.client(_ENV, function(...)
    portal, client, loop = ...
    core.random = function() return random end
  end)
  after_each(function() core.random, random = own_random, 0.5 end)

  local KINDS = { operation = "/operations/", list = "/submissions/$", status = "/status$" }

  local function respond(kind, responses)
    for place, response in ipairs(responses) do
      portal:fault { match = { path = KINDS[kind] }, times = place == #responses and -1 or 1, status = response.code or 200,
                     body = response.body or response,
                     headers = { ["Retry-After"] = response.pause or response.pause == nil and kind == "operation" and "100" } }
    end
  end

  -- The requests so far, as in a row.
  local function course()
    local words, last = {}, nil
    for _, request in ipairs(portal:journal { method = "GET" }) do
      if request.time ~= last then words[#words + 1] = ("%g "):format(request.time) end
      last = request.time
      for name, path in pairs(KINDS) do
        if request.path:find(path) then words[#words] = words[#words] .. name:sub(1, 1) end
      end
    end
    return table.concat(words, ", ")
  end

  for _, row in ipairs(ROWS) do
    it(row[1], function()
      local target, options = fixture.merged({ sent_at = Portal.EPOCH }, row[2]), fixture.merged({ timeout = 450 }, row[5])
      if not (target.location or target.publisher) then target.location = PATH end
      for kind, list in pairs(row[3]) do respond(kind, list) end
      local operation, err = client:wait(target, options)
      local ending = operation and operation.outcome or err.kind .. (err.status and " " .. err.status or "")
      assert.equal(row[4], course() .. ": " .. ending)
      if ending == "timeout" then assert.equal(options.timeout, loop.elapsed()) end
    end)
  end

  for value, expected in pairs { [0] = "0 o, 1.8 o, 4.5 o, 8.1 o, 11.7 o", [1] = "0 o, 2.2 o, 5.5 o, 9.5 o, 13.5 o" } do
    it("pauses vary by a tenth, up to the longest: " .. value, function()
      random = value
      fixture.offer(portal)
      client:wait(PATH, { timeout = 14, interval = 2, max_interval = 4 })
      assert.equal(expected, course())
    end)
  end

  it("its err has what another process needs, without secrets", function()
    local function named(name) return name .. "-" .. Portal.TOKEN end
    local target = { location = "/api/operations/" .. Portal.TOKEN, call = "cancel", sent_at = 5, retry_after = 7 }
    for _, name in ipairs { "publisher", "offer", "operation_id", "submission_id" } do target[name] = named(name) end
    local _, err = client:wait(target, { should_stop = function() return true end })
    assert.same({
      kind = "stopped", message = "should_stop ended the wait", ambiguous = false, retryable = false,
      location = "/api/operations/[redacted]", call = "cancel", sent_at = 5, publisher = "publisher-[redacted]",
      offer = "offer-[redacted]", operation_id = "operation_id-[redacted]", submission_id = "submission_id-[redacted]",
    }, fixture.merged(err))
  end)

  it("its progress and its err have the last operation without secrets, however long that is", function()
    local stream <close> = assert(io.tmpfile())
    local body = { status = "running", steps = { { stepName = Portal.TOKEN, status = "running" } } }
    for n = 1, 50 do body["text " .. n] = ("x"):rep(9000) end
    portal:fault { match = { path = "/operations/" }, status = 200, body = body, times = -1 }
    local options = { timeout = 10, on_progress = progress(stream) }
    local _, err = client:wait("/api/operations/" .. Portal.TOKEN, options)
    stream:seek "set"
    assert.matches("^running: %[redacted%], 0 %%", stream:read "a")
    assert.same({ "running", portal.url .. "/api/operations/[redacted]?api-version=2017-10-31" },
                { err.operation.state, err.operation.location })
  end)

  it("its err has 500 bytes of the service's own words", function()
    portal:fault { match = { path = "/operations/" }, status = 200, body = { status = "failed", error = ("x"):rep(501) } }
    local _, err = client:wait(PATH)
    assert.equal("the operation ended failed: " .. ("x"):rep(500), err.message)
  end)
end)
