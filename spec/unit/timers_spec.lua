-- Timers: what is due comes out in the order of time, whatever the order in which it went in.

local Timers = require "cpp.timers"

describe("cpp.timers", function()
  it("keeps what is not due", function()
    local timers = Timers.new()
    timers:add(2, "b")
    timers:add(1, "a")
    assert.equal(1, timers:first())
    assert.is_nil(timers:take(0.5))
    assert.equal("a", timers:take(1))
    assert.is_nil(timers:take(1.9))
    assert.equal(2, timers:first())
    assert.equal("b", timers:take(2))
    assert.is_nil(timers:first())
    timers:add(3, "c")
    assert.equal("c", timers:take(3))
  end)

  it("sorts whatever comes, and keeps nothing of what went", function()
    local state = 12345
    local function random(n) -- the same numbers in each run
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % n
    end
    local values = setmetatable({}, { __mode = "k" })
    local function exercise(size, timers)
      local expected = {}
      local function take() assert.equal(table.remove(expected, 1), timers:take(math.huge).time) end
      for _ = 1, size do
        local value = { time = random(20) }
        values[value] = true
        expected[#expected + 1] = value.time
        table.sort(expected)
        timers:add(value.time, value)
        if random(3) == 0 then take() end
      end
      while #expected > 0 do take() end
      assert.is_nil(timers:take(math.huge))
    end
    for size = 1, 40 do
      local timers = Timers.new()
      exercise(size, timers)
      collectgarbage()
      assert.is_nil(next(values))
      assert.is_nil(timers:first())
    end
  end)

  it("holds ten thousand without looking at all of them", function()
    local timers, compared = Timers.new(), 0
    local time = setmetatable({}, {
      __lt = function(a, b) compared = compared + 1 return a.n < b.n end,
      __le = function(a, b) compared = compared + 1 return a.n <= b.n end,
    })
    local function at(n) return setmetatable({ n = n }, getmetatable(time)) end
    for n = 1, 10000 do timers:add(at(n * 7919 % 10007), n) end
    compared = 0
    for _ = 1, 1000 do assert(timers:take(at(20000))) end
    assert.is_true(compared < 1000 * 60, compared)
  end)
end)
