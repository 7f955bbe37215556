-- Random hosts (spec/support/model/host.lua): whatever their callbacks, loops, batches and the service do, each call ends once,
-- in time, for the offer that it was given, and no accepted cancel is lost. A run depends on its seed; many more of them:
--
--   MODEL_RUNS=5000 busted spec/unit/host/model_spec.lua
--   MODEL_SEED=1234 MODEL_RUNS=1 busted spec/unit/host/model_spec.lua

local Host = require "spec.support.model.host"

local FIRST, RUNS = tonumber(os.getenv "MODEL_SEED") or 1, tonumber(os.getenv "MODEL_RUNS") or 300
local STEPS = 4 -- calls or batches of each coroutine of the host

describe("a random host", function()
  it("keeps every promise #exhaustive", function()
    local cancels = 0
    for seed = FIRST, FIRST + RUNS - 1 do
      local problems, count = Host.play(seed, { steps = STEPS })
      cancels = cancels + count
      assert.same({}, problems, "with the seed " .. seed)
    end
    assert.is_true(cancels >= 15 * RUNS or RUNS < 10, cancels)
  end)
end)
