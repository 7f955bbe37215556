-- The outcome of a wait for a cancel, under each hypothesis of what the service does. The emulator knows the truth.

local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

-- What a cancel meets. `truth`: what becomes of the operation, as the emulator tells; `outcome`: what a wait has to say,
-- where the two are not the same word; `err`: the kind of the err that it gives instead.
local SITUATIONS = {
  { name = "the cancel wins", truth = "canceled" },
  { name = "the cancel wins before the first look", options = { cancel_seconds = 0 }, truth = "canceled" },
  { name = "the publish is faster", options = { cancel_mode = "lost_race" }, truth = "completed" },
  { name = "the publish ends right after the cancel", options = { cancel_mode = "lost_race", elapsed = 58 },
    truth = "completed" },
  { name = "the publish comes to its sign-off", truth = "signoff",
    options = { cancel_mode = "lost_race", signoff = "operation", elapsed = 30 } },
  { name = "the publish comes to its sign-off, which the offer's status tells", truth = "signoff",
    options = { cancel_mode = "lost_race", signoff = "status", elapsed = 30 } },
  { name = "it is canceled at its sign-off", truth = "canceled", options = { signoff = "operation", elapsed = 100 } },
  { name = "it was done at once", options = { cancel_mode = "synchronous" }, truth = "canceled" },
  { name = "the operation fails", options = { cancel_mode = "fails" }, truth = "failed", err = "failed" },
  { name = "nothing ran since a publish", truth = "none", options = { elapsed = 7200 } },
  { name = "nothing ran since a failed publish", truth = "none", options = { elapsed = 7200, ends = "failed" } },
  { name = "nothing was ever published", options = { running = false }, truth = "none" },
  { name = "nothing ran since another cancel", truth = "none", canceled_before = 7200 },
}

-- What the service may do.
local HYPOTHESES = {
  { name = "the location is the publish's" },
  { name = "the location is that of a cancellation", options = { cancellation = "own" } },
  { name = "the location is that of a listed cancellation",
    options = { cancellation = "own", cancellation_listed = true } },
  { name = "a cancellation that comes too late fails",
    options = { cancellation = "own", cancellation_lost = "failed" }, may_fail = true },
  { name = "each cancel gets an operation, even where nothing runs",
    options = { cancellation = "own", nothing_running_location = "own" } },
  { name = "submissions have ids of their own", options = { submission_ids = "other" } },
  { name = "submissions and cancellations have ids of their own",
    options = { cancellation = "own", submission_ids = "other", nothing_running_location = "own" } },
  { name = "there is no location", options = { location_form = "none" } },
  { name = "the location is that of the offer's status", options = { location_form = "status" } },
  { name = "the list is late", options = { list_late = 5 } },
  { name = "the list is late, and there is no location", options = { list_late = 5, location_form = "none" } },
  { name = "there is no location, and submissions have ids of their own",
    options = { location_form = "none", submission_ids = "other" } },
}

-- One after another: each meets each situation and each hypothesis.
local FORMS = { "operation_location", "operation_location_legacy", "location", "legacy", "body" }

describe("the outcome of a wait for a cancel", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  local function put_offer(...) fixture.offer(portal, ...) end

  -- An offer whose operation was canceled a while ago.
  local function cancel_before(seconds, ...)
    put_offer(..., { cancel_mode = "accepted", cancel_seconds = 10 })
    assert(client:cancel(OFFER))
    portal:advance(seconds)
  end

  local function check(hypothesis, situation, form, dated)
    local own = { location_form = form, operation_times = dated }
    local options = fixture.merged(own, hypothesis.options, situation.options)
    if situation.canceled_before then
      cancel_before(situation.canceled_before, options)
    else
      put_offer(options)
    end
    local operation, err = client:cancel { publisher = "contoso", offer = "contoso-vm", wait = true }
    assert.equal(situation.truth, portal:state("contoso", "contoso-vm").cancel)
    local given = operation and operation.outcome or err.kind
    local fails = situation.err or hypothesis.may_fail and situation.truth ~= "canceled" and situation.truth ~= "none"
    if not (fails and given == "failed") then assert.equal(situation.truth, given) end
    if operation and not situation.err then assert.is_table(operation.evidence) end
  end

  for first, hypothesis in ipairs(HYPOTHESES) do
    for second, situation in ipairs(SITUATIONS) do
      local form = hypothesis.options and hypothesis.options.location_form or FORMS[(first + second) % #FORMS + 1]
      for _, dated in ipairs { true, false } do
        it(("is true where %s, %s (%s, %s) #exhaustive"):format(hypothesis.name, situation.name, form,
          dated and "dated" or "not dated"), function() check(hypothesis, situation, form, dated) end)
      end
    end
  end
end)
