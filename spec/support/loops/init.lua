-- What holds in every loop that suspends coroutines: the examples that the specs of cqueues, luv and of
-- a loop of the user's own share. They run against the portal emulator, a process of its own.
--
--   describe("cpp.loop.luv", function() loops.examples(_ENV, function() return host end) end)
--
-- A host, made anew for each example:
--   host.loop              what the client is given
--   host:spawn(fn)         runs fn in a coroutine of the loop, and returns that coroutine
--   host:pause(seconds)    inside of a coroutine: waits with the loop's own means
--   host:run(seconds)      runs the loop until nothing is left to wait for; raises what a coroutine
--                          raised, and after so many seconds
--   host:finish()          checks that nothing is left in the loop

local cpp = require "cpp"
local dispatch = require "cpp.dispatch"
local fixture = require "spec.support.fixture"
local Lab = require "spec.support.lab"
local assert = require "luassert"
local portals = require "spec.support.emulator"

local loops = {}

loops.LIMIT = 6 -- seconds after which a loop that has not ended hangs

--- The call for the n-th offer.
function loops.offer(n, more)
  return fixture.merged({ publisher = "contoso", offer = "offer-" .. n }, more)
end

--- Has `count` offers whose publishing runs, and whose cancellation takes a moment of the real clock.
function loops.offers(portal, count)
  local list = {}
  for n = 1, count do
    list[n] = { publisher = "contoso", offer = "offer-" .. n, running = true, cancel_seconds = 0.05 }
  end
  portal:offer(list)
end

--- Has the emulator respond late, or not at all, to each request for the n-th offer.
function loops.respond_late(portal, n, fault)
  portal:fault(fixture.merged(fault, { match = { path = "/offer%-" .. n .. "/" }, times = -1 }))
end

--- Has an emulator with eight offers, and clients of it, which are closed after each example. Then no call may wait,
-- and no descriptor may be left open.
-- @param ready function(portal, new_client): called before each example; new_client(options) makes a client
-- @param settings (may be absent) table: of Portal.start. By default only specs move its clock
-- @param finish (may be absent) function(): called once the clients are closed
function loops.clients(busted, ready, settings, finish)
  local portal, descriptors, unclosed

  local function new_client(options)
    local own = { base_url = portal.url, token = portals.TOKEN, retries = 0, timeout = 10 }
    local made = cpp.client(fixture.merged(own, options))
    unclosed[#unclosed + 1] = made
    return made
  end

  fixture.portal(busted, function(...)
    portal = ...
    loops.offers(portal, 8)
    collectgarbage()
    descriptors = Lab.descriptors()
    unclosed = setmetatable({}, { __mode = "v" })
    ready(portal, new_client)
  end, settings)
  busted.after_each(function()
    for _, made in pairs(unclosed) do
      assert.is_false(dispatch.is_waiting(made.core))
      made:close()
    end
    if finish then finish() end
    collectgarbage()
    collectgarbage()
    assert.equal(descriptors, Lab.descriptors(), "descriptors are left open")
  end)
end

--- Defines the examples.
-- @param busted the environment of the spec, with `it` and the like
-- @param make function without arguments that returns a host
function loops.examples(busted, make)
  local host
  local prepare = require "spec.support.loops.calls" (busted.it)
  loops.clients(busted, function(portal, make_client)
    host = make()
    local function new_client(options) return make_client(fixture.merged({ loop = host.loop }, options)) end
    prepare(portal, host, new_client(), new_client)
  end, { clock = "real" }, function()
    host:finish()
    host = nil
    prepare()
  end)
end

return loops
