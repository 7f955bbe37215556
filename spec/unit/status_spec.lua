-- The states of the service, and what follows from them, without a service.

local status = require "cpp.status"

describe("a status", function()
  it("has one spelling", function()
    for text, expected in pairs {
      Complete = "completed", COMPLETED = "completed", succeeded = "completed", Cancelled = "canceled", canceled = "canceled",
      [" Not_Star-ted\t\n\v\f\r"] = "notstarted", [("x"):rep(50)] = ("x"):rep(50), [("x"):rep(51)] = "unknown",
      ["canceled!"] = "unknown", ["caf\u{e9}"] = "unknown", ["step 2"] = "unknown", secretword = "unknown", [" "] = "none",
      [""] = "none", [5] = "none", [true] = "none",
    } do
      assert.equal(expected, status.normalise(text, { "secretword" }) or "none", text)
    end
    assert.equal("secretword", status.normalise "secret word")
    assert.equal("unknown", status.normalise(("x"):rep(42) .. "password", { "password" }))
  end)

  it("ends well, badly or not", function()
    local function ended(...)
      local ends = {}
      for i, state in ipairs { ... } do ends[i] = tostring(status.ended(state)) end
      return table.concat(ends, " ")
    end
    assert.equal("true true false false nil nil", ended("completed", "canceled", "failed", "rejected", "running", "unknown"))
    assert.is_nil(status.ended(nil))
  end)

  it("waits for the publisher, by itself or in a step, unless it has ended", function()
    local STEPS = { 5, { status = 5 }, { status = "running" }, { status = "Waiting For Publisher Review" } }
    for document, expected in pairs {
      [{ state = "waitingforpublisherreview" }] = true, [{ state = "running", steps = STEPS }] = true, [{ steps = STEPS }] = true,
      [{ state = "failed", steps = STEPS }] = false, [{ state = "canceled", steps = STEPS }] = false,
      [{ state = "running", steps = { STEPS[3] } }] = false, [{ state = "running", steps = "steps" }] = false,
      [{ state = "running" }] = false,
    } do
      assert.equal(expected, status.waits_for_publisher(document))
    end
  end)

  it("has a current step: the first that has begun and is not done", function()
    local function step(name, state) return { stepName = name, status = state } end
    local DONE, NEXT = step("done", "Complete"), step("next", "not started")
    for expected, operation in pairs {
      now = { state = "running", steps = { 5, DONE, NEXT, {}, step("now", "inProgress"), step("later", "inProgress") } },
      bad = { steps = { DONE, step("bad", "failed") } },
    } do
      assert.equal(expected, status.current_step(operation))
      for _, state in ipairs { "completed", "canceled", "failed", "rejected" } do
        operation.state = state
        assert.is_nil(status.current_step(operation))
      end
    end
    for _, steps in ipairs { "steps", {}, { DONE, NEXT }, { step(5, "running"), step("later", "running") } } do
      assert.is_nil(status.current_step { state = "running", steps = steps })
    end
  end)
end)

describe("progress is", function()
  local function of(steps, state) return status.progress({ steps = steps }, state or "running") end

  it("the mean of the steps, as an integer", function()
    local progress = of { { progressPercentage = 100 }, { progressPercentage = 50 }, { progressPercentage = 0 } }
    assert.equal(50, progress)
    assert.equal("integer", math.type(progress))
    assert.equal(33, of { { status = "complete" }, {}, {} })
    assert.equal("integer", math.type(of { { progressPercentage = 33.4 } }))
  end)

  it("100 for a step that is complete, however that is spelled and whatever it says", function()
    for _, spelling in ipairs { "complete", "Completed", "SUCCEEDED", " com_plete" } do
      assert.equal(100, of { { status = spelling, progressPercentage = 3 } })
    end
  end)

  it("100 for an operation that is completed, and what its steps say for any other", function()
    assert.equal(100, of({ { progressPercentage = 10 } }, "completed"))
    assert.equal(100, of(nil, "completed"))
    assert.equal(10, of({ { progressPercentage = 10 } }, "canceled"))
    assert.equal(0, of(nil, "canceled"))
  end)

  it("0 to 100, whatever the service gives", function()
    for value, expected in pairs { [-5] = 0, [1000] = 100, ["50"] = 50, [math.huge] = 100, ["many"] = 0 } do
      assert.equal(expected, of { { progressPercentage = value } })
    end
    assert.equal(0, of { { progressPercentage = 0 / 0 } })
    for _, steps in ipairs { {}, "steps", 5, { "step" }, { false }, { a = 1 } } do assert.equal(0, of(steps)) end
  end)
end)
