-- A loop of the user's own: the one in doc/loops.md is taken from there as it stands, and holds what
-- every loop holds.

local blocks = require "spec.support.blocks"
local core = require "cpp.core"
local loops = require "spec.support.loops"

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

-- It has a client of its own, for the pauses of the host.
local function new_host()
  local loop, turn = assert(load(documented(), "=doc/loops.md"))()
  local self = setmetatable({ loop = loop, turn = turn, threads = {}, raised = {}, own = core.client {}, clients = {} }, Host)
  for _, name in ipairs { "await", "sleep" } do
    local wait = loop[name]
    loop[name] = function(core_client, what)
      if core_client ~= self.own then self.clients[core_client] = true end
      return wait(core_client, what)
    end
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

function Host:pause(seconds)
  self.threads[coroutine.running()] = true -- also one that the loop has spawned
  self.loop.sleep(self.own, seconds)
end

local function is_alive(self)
  for thread in pairs(self.threads) do
    if coroutine.status(thread) == "dead" then self.threads[thread] = nil end
  end
  return next(self.threads) ~= nil
end

function Host:run(seconds)
  local deadline = core.monotonic() + seconds
  while #self.raised == 0 and is_alive(self) do
    self.turn(self.own, next(self.clients) and 0 or 0.05)
    for client in pairs(self.clients) do self.turn(client, next(self.clients, client) and 0 or 0.05) end
    assert(core.monotonic() < deadline, "the loop does not end")
  end
  if #self.raised > 0 then error(table.remove(self.raised, 1), 0) end
end

function Host:finish()
  self.own:close()
end

describe("a loop of the user's own", function()
  loops.examples(_ENV, new_host)
end)
