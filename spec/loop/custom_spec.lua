-- A loop of the user's own: the one in doc/loops.md is taken from there as it stands, and holds what
-- every loop holds.

local blocking = require "cpp.loop.blocking"
local blocks = require "spec.support.blocks"
local core = require "cpp.core"
local cpp = require "cpp"
local loops = require "spec.support.loops"
local portals = require "spec.support.emulator"

local function documented()
  local parts = { 'local core, dispatch, socket = require "cpp.core", require "cpp.dispatch", require "socket"\n' }
  for _, block in ipairs(blocks.read "doc/loops.md") do
    if block.directives["part of"] then parts[#parts + 1] = block.text end
  end
  assert.equal(3, #parts)
  return table.concat(parts) .. "return loop, turn\n"
end

local Host = {}
Host.__index = Host

local function new_host()
  local self = setmetatable({ threads = {}, tickers = {}, raised = {} }, Host)
  local chunk = assert(load(documented(), "=doc/loops.md"))
  self.loop, self.turn = chunk()
  -- The host has to know whose turn it is: its clients.
  self.clients = {}
  local await, sleep = self.loop.await, self.loop.sleep
  function self.loop.await(core_client, request)
    self.clients[core_client] = true
    return await(core_client, request)
  end
  function self.loop.sleep(core_client, seconds)
    self.clients[core_client] = true
    return sleep(core_client, seconds)
  end
  return self
end

function Host:spawn(fn)
  local thread = coroutine.create(function()
    local done, problem = xpcall(fn, debug.traceback)
    if not done then self.raised[#self.raised + 1] = problem end
  end)
  self.threads[thread] = true
  assert(coroutine.resume(thread))
  return thread
end

function Host:close(thread)
  self.threads[thread] = nil
  assert(coroutine.close(thread))
end

function Host:pause(seconds)
  local wake, thread = core.monotonic() + seconds, coroutine.running()
  self.tickers[#self.tickers + 1] = { time = wake, fn = function() assert(coroutine.resume(thread)) end }
  coroutine.yield()
end

function Host:tick(seconds, fn)
  local ticker = { time = core.monotonic() + seconds }
  function ticker.fn()
    if fn() then self:tick(seconds, fn) end
  end
  self.tickers[#self.tickers + 1] = ticker
end

local function run_tickers(self)
  local now, left, wait = core.monotonic(), {}, 0.05
  local tickers = self.tickers
  self.tickers = left
  for _, ticker in ipairs(tickers) do
    if ticker.time <= now then ticker.fn() else left[#left + 1] = ticker end
  end
  for _, ticker in ipairs(left) do wait = math.min(wait, ticker.time - now) end
  return math.max(0, wait)
end

local function is_alive(self)
  for thread in pairs(self.threads) do
    if coroutine.status(thread) == "dead" then self.threads[thread] = nil end
  end
  return next(self.threads) ~= nil or #self.tickers > 0
end

function Host:run(seconds)
  local deadline = core.monotonic() + seconds
  while #self.raised == 0 and is_alive(self) do
    local wait = run_tickers(self)
    for client in pairs(self.clients) do self.turn(client, next(self.clients, client) and 0 or wait) end
    assert(core.monotonic() < deadline, "the loop does not end")
  end
  if #self.raised > 0 then error(table.remove(self.raised, 1), 0) end
end

function Host.finish() end

describe("a loop of the user's own", function()
  loops.examples(_ENV, new_host)

  it("may come back early, with anything: the call waits again", function()
    local portal = portals.start { clock = "real" }
    loops.offers(portal, 1)
    portal:fault { match = { path = "/offer%-1/" }, delay = 0.1, status = 429, headers = { ["Retry-After"] = "1" } }
    local count, slept = 0, 0
    local client <close> = cpp.client { base_url = portal.url, token = portals.TOKEN, loop = {
      await = function()
        count = count + 1
        return { status = 200, body = {} }
      end,
      sleep = function(core_client, seconds)
        slept = slept + 1
        blocking.sleep(core_client, math.min(seconds, 0.3))
      end,
    } }
    local started = core.monotonic()
    assert.equal("running", assert(client:offer_status(loops.offer(1))).state)
    assert.is_true(core.monotonic() - started >= 1.099)
    assert.is_true(count > 1)
    assert.is_true(slept > 1, slept)
    portal:stop()
  end)
end)
