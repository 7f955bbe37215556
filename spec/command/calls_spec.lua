-- The calls of the commands: what they ask the client for, and what they note in their target for the report.

local calls = require "cpp.command.calls"

describe("cpp.command.calls", function()
  local session, client, target, seen, answers

  before_each(function()
    seen, target = {}, { offer = "o" }
    session = { given = {}, command = { endpoint = "cancel" }, in_flight = 0 }
    function session.options_of(_, scope) return { scope = scope } end
    function session.progress_of(_, of) return of.offer end
    function session.request(_, of) return { offer = of.offer, location = of.at, operation_id = of.id } end
    function session.show_accepted(_, of, result) seen[#seen + 1] = { "accepted", of.offer, result.location } end
    client = {}
    function client.cancel(_, request)
      seen[#seen + 1] = { "cancel", request.offer, session.in_flight }
      return table.unpack(answers, 1, 2)
    end
    function client.wait(_, given, options)
      seen[#seen + 1] = { "wait", given.location or given.operation_id or "", given.call or "", options.scope, options.on_progress }
      return { state = "canceled" }
    end
  end)

  it("look asks once", function()
    answers = { { state = "running" } }
    assert.same({ state = "running" }, calls.look(session, client, target))
    assert.same({ { "cancel", "o", 0 } }, seen)
    assert.same({ offer = "o" }, target)
  end)

  -- The responses of the client; with --wait or not; the returned state; what is noted in the target; what follows.
  for name, case in pairs {
    ["a result"] = { { { location = "/l" } }, false, "accepted", true },
    ["nothing to cancel"] = { { { outcome = "none" } }, true, "none" },
    ["an err"] = { { nil, "the err" }, true },
    ["a result to wait for"] = { { { location = "/l" } }, true, "canceled", true,
                                 { { "accepted", "o", "/l" }, { "wait", "/l", "", "wait", "o" } } },
    ["a result that is done"] = { { { state = "canceled" } }, true, "canceled", true, { { "wait", "", "", "wait", "o" } } },
  } do
    it("start returns " .. name, function()
      local _, wait, state, is_accepted, more = table.unpack(case, 1, 5)
      answers, session.given.wait = case[1], wait
      local result, err = calls.start(session, client, target)
      assert.same({ state, answers[2] }, { result and result.state, err })
      local followed = is_accepted and answers[1] or nil
      assert.same({ offer = "o", begun = true, accepted = is_accepted, location = followed and followed.location,
                    followed = followed }, target)
      assert.same(table.move(more or {}, 1, #(more or {}), 2, { { "cancel", "o", 1 } }), seen)
      assert.equal(0, session.in_flight)
    end)
  end

  it("wait asks for the outcome of a cancel only with --for canceled, and where an operation is named", function()
    for _, case in ipairs { { "canceled", "at", "/l", "cancel" }, { "canceled", "id", "1", "cancel" }, { "canceled", "x", "", "" },
                            { nil, "at", "/l", "" }, { "completed", "id", "1", "" } } do
      seen, target = {}, { offer = "o", [case[2]] = case[3] }
      session.given["for"] = case[1]
      assert.same({ state = "canceled" }, calls.wait(session, client, target))
      assert.same({ { "wait", case[3], case[4], "wait", "o" } }, seen)
      assert.is_true(target.begun)
    end
  end)
end)
