-- examples/journal.lua: what it cancels, and how it goes on after it was killed.

local fixture = require "spec.support.fixture"
local Programs = require "spec.support.program"

describe("examples/journal.lua", function()
  local portal, programs, offers, journal
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    offers, journal = programs:file("offer-1\noffer-2\n\n  offer-3\noffer-4\n"), programs:file()
  end)

  local function offer(number, options)
    fixture.offer(portal, { offer = "offer-" .. number, operation_id = "id-" .. number }, options)
  end

  local function words() return { "examples/journal.lua", "contoso", offers, journal } end

  -- How often the service accepted a cancel of the offer, and how often it was asked to.
  local function cancels(number)
    local accepted, asked = 0, 0
    for _, entry in ipairs(portal:journal { method = "POST", path = ("offer%%-%d/cancel"):format(number) }) do
      asked = asked + 1
      if entry.status == 202 then accepted = accepted + 1 end
    end
    return accepted, asked
  end

  -- The events of the journal, by offer.
  local function events()
    local list = {}
    for name, event in programs.content(journal):gmatch("(%S+) (%l+) [^\n]* %.\n") do
      list[name] = (list[name] and list[name] .. " " or "") .. event
    end
    return list
  end

  it("cancels what runs, and notes each step", function()
    for number = 1, 3 do offer(number, { cancel_seconds = 0 }) end
    offer(4, { running = false })
    local output, errors, status = programs:run(words())
    assert.same({ "", 0 }, { errors, status })
    assert.is_truthy(output:find("offer-1: ended\n", 1, true))
    assert.same({ ["offer-1"] = "begin accepted ended", ["offer-2"] = "begin accepted ended",
                  ["offer-3"] = "begin accepted ended", ["offer-4"] = "idle" }, events())
    assert.is_truthy(programs.content(journal):find("\noffer-1 begin id-1 .\n", 1, true))
    assert.is_truthy(programs.content(journal):find("\noffer-1 ended canceled .\n", 1, true))
    portal:clear_journal()
    assert.same({ "", "", 0 }, { programs:run(words()) })
    assert.same({}, portal:journal())
  end)

  it("goes on when it was killed, and cancels nothing twice", function()
    for number = 1, 2 do offer(number) end
    for number = 3, 4 do offer(number, { cancel_seconds = 0, steps = { { name = "long", seconds = 1000 } } }) end
    -- The cancels of offer-3 and offer-4 reach the service, which says nothing; it cancels offer-4.
    for number, act in pairs { [3] = false, [4] = true } do
      portal:fault { match = { method = "POST", path = ("offer%%-%d/cancel"):format(number) }, action = "stall", act = act }
    end
    local program = programs:start(words())
    for _ = 1, 2 do program:read_until(": accepted") end
    Programs.wait_for(function() return select(2, cancels(3)) + select(2, cancels(4)) == 2 end)
    program:kill "KILL"
    local _, _, _, signal = program:finish()
    assert.equal(9, signal)
    portal:clear_faults()
    assert.same({ ["offer-1"] = "begin accepted", ["offer-2"] = "begin accepted", ["offer-3"] = "begin", ["offer-4"] = "begin" },
                events())

    portal:advance(100)
    local _, errors, status = programs:run(words())
    assert.same({ "", 0 }, { errors, status })
    for number, expected in ipairs { { 1, 1 }, { 1, 1 }, { 1, 2 }, { 0, 1 } } do
      assert.same(expected, { cancels(number) })
      assert.equal("canceled", portal:state("contoso", "offer-" .. number).operations[1].state)
      assert.is_truthy(events()["offer-" .. number]:find("ended$"))
    end
  end)

  it("does not cancel an operation that another program has started since", function()
    offer(1)
    offers = programs:file("offer-1\n")
    programs.write(journal, "offer-1 begin id-0 .\noffer-1 accepted http://127.0.0.1/cut-o") -- a line that is not whole
    assert.same({ "", "offer-1: another operation runs now: id-1\n", 1 }, { programs:run(words()) })
    assert.same({}, portal:journal { method = "POST" })
  end)

  it("tries again what was refused", function()
    offer(1, { cancel_mode = "synchronous", location_form = "none" })
    offers = programs:file("offer-1\n")
    portal:fault { match = { method = "POST" }, status = 403 }
    local _, errors, status = programs:run(words())
    assert.is_truthy(errors:find("^offer%-1: http: 403: [^\n]*POST http"))
    assert.equal(1, status)
    local output, said, ended = programs:run(words())
    assert.is_truthy(output:find("offer-1: ended\n", 1, true), output)
    assert.same({ "", 0 }, { said, ended })
  end)

  it("reports the end of the canceled operation, and not of a later publish", function()
    offers = programs:file("offer-1\n")
    local submissions = { { id = "p2", submissionState = "completed" }, { id = "p1", submissionState = "canceled" } }
    for _, event in ipairs { "begin p1", "accepted " .. portal.url .. "/api/publishers/contoso/offers/offer-1/operations/c" } do
      portal:reset()
      offer(1, { elapsed = 7200 })
      portal:fault { match = { path = "/submissions/$" }, status = 200, body = submissions, times = -1 }
      portal:fault { match = { path = "/operations/c$" }, status = 200, body = { status = "completed" } }
      journal = programs:file("offer-1 begin p1 .\noffer-1 " .. event .. " .\n")
      local _, errors, status = programs:run(words())
      assert.same({ "", 0 }, { errors, status })
      assert.is_truthy(programs.content(journal):find("\noffer-1 ended canceled .\n", 1, true))
    end
  end)

  it("does not call an offer idle whose running operation is not listed yet", function()
    offers = programs:file("offer-1\n")
    offer(1)
    portal:fault { match = { path = "/submissions/$" }, status = 200, body = {}, times = -1 }
    assert.same({ "", "offer-1: what runs is not listed yet\n", 1 }, { programs:run(words()) })
  end)
end)
