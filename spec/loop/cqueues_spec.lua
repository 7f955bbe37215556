-- cpp.loop.cqueues: what holds in every loop, and controllers in each other and one after the other.

local auxlib = require "cqueues.auxlib"
local core = require "cpp.core"
local cpp = require "cpp"
local cqueues = require "cqueues"
local fixture = require "spec.support.fixture"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

local Host = {}
Host.__index = Host

local function new_host()
  return setmetatable({ loop = cpp.loop.cqueues, controller = cqueues.new() }, Host)
end

-- In a coroutine of its own within the controller's: only so can it be closed from outside.
function Host:spawn(fn)
  local thread = coroutine.create(fn)
  self.controller:wrap(function()
    local done, problem = auxlib.resume(thread)
    if not done and problem ~= "cannot resume dead coroutine" then error(problem, 0) end
  end)
  return thread
end

function Host.pause(_, seconds)
  cqueues.sleep(seconds)
end

function Host:run(seconds)
  local deadline = core.monotonic() + seconds
  while not self.controller:empty() do
    local done, problem = self.controller:step(math.max(0, deadline - core.monotonic()))
    if not done then error(problem, 0) end
    assert(core.monotonic() < deadline, "the loop does not end")
  end
end

function Host:finish()
  assert.is_true(self.controller:empty())
  self.controller:close()
end

describe("cpp.loop.cqueues", function()
  loops.examples(_ENV, new_host)

  describe("with several controllers", function()
    local portal, client, host
    local new_client = fixture.clients(_ENV, function()
      return { base_url = portal.url, token = portals.TOKEN, retries = 0, timeout = 10 }
    end)
    fixture.portal(_ENV, function(emulator)
      portal, host = emulator, new_host()
      loops.offers(portal, 4)
      client = new_client { loop = cpp.loop.cqueues }
    end, { clock = "real" })
    after_each(function() host:finish() end)

    it("is told to forget a client that it was given for one call or batch only", function()
      local ticks = 0
      host:spawn(function()
        for _, give in ipairs { "call", "batch", "wait" } do
          local own = new_client()
          if give == "call" then assert(own:offer_status(loops.offer(1, { loop = cpp.loop.cqueues }))) end
          if give == "batch" then own:cancel_all({ loops.offer(1) }, { loop = cpp.loop.cqueues }) end
          if give == "wait" then own:wait(loops.offer(1), { timeout = 0.05, loop = cpp.loop.cqueues }) end
          own:close()
          local reuse <close> = io.open "/dev/null" -- luacheck: ignore reuse
          for _ = 1, 3 do
            host:pause(0.001)
            ticks = ticks + 1
          end
        end
      end)
      host:run(loops.LIMIT)
      assert.equal(9, ticks)
    end)

    it("blocks outside of any", function()
      assert.equal("running", assert(client:offer_status(loops.offer(1))).state)
      local started = cpp.core.monotonic()
      cpp.loop.cqueues.sleep(client.core, 0.01)
      assert.is_true(cpp.core.monotonic() - started >= 0.009)
      local token = function() return portals.TOKEN end -- there is no controller that it could run beside
      assert.equal("running", assert(client:offer_status(loops.offer(1, { token = token }))).state)
    end)

    it("watches the descriptor of a client, or else steps every 10 ms or earlier", function()
      local poll, polled, shortest, longest = cqueues.poll, 0, 0.01, 0
      finally(function() cqueues.poll = poll end)
      function cqueues.poll(first, ready)
        local seconds = first == client.core and 0.01 or first
        polled, shortest, longest = polled + 1, math.min(shortest, seconds), math.max(longest, seconds)
        return poll(first, ready)
      end
      loops.respond_late(portal, 1, { delay = 0.2 })
      host:spawn(function() assert(client:offer_status(loops.offer(1))) end)
      local started = core.monotonic()
      host:run(loops.LIMIT)
      assert.same({ 0.01, not client.core:pollfd() }, { longest, shortest < 0.01 })
      assert.is_true(polled <= 20 + (client.core:pollfd() and 0 or core.monotonic() - started) * 100, polled)
    end)

    it("keeps none of them", function()
      local function run()
        local controller = cqueues.new()
        controller:wrap(function() assert(client:offer_status(loops.offer(1))) end)
        assert(controller:loop(loops.LIMIT))
        return setmetatable({ controller }, { __mode = "v" })
      end
      local kept = run()
      collectgarbage()
      collectgarbage()
      assert.is_nil(kept[1])
    end)

    it("blocks in a function that C calls", function()
      local state
      host:spawn(function()
        local function call() state = assert(client:offer_status(loops.offer(1))).state end
        string.gsub("a", "a", call)
        string.gsub("a", "a", function() cpp.loop.cqueues.sleep(client.core, 0.01) end)
      end)
      host:run(5)
      assert.equal("running", state)
    end)

    it("is not held up by a controller that is not run any more", function()
      portal:fault { match = { path = "/offer%-1/" }, times = -1, action = "stall" }
      local stuck = cqueues.new()
      stuck:wrap(function() client:offer_status(loops.offer(1)) end)
      stuck:step(0)
      local state
      host:spawn(function() state = assert(client:offer_status(loops.offer(2))).state end)
      host:run(5)
      assert.equal("running", state)
      stuck:close()
    end)
  end)
end)
