-- A random host: clients, loops, batches and batches within them, with callbacks that wait, raise, close, change tables
-- and make calls; and a service that limits, fails and loses responses. After a run, `problems` lists each promise that was
-- broken.
--
--   local problems = Host.play(seed, { steps = 20 })

local World = require "spec.support.model.world"
local core = require "cpp.core"
local dispatch = require "cpp.dispatch"
local service = require "spec.support.model.service"

local TOKEN = service.TOKEN
local LEEWAY = 0.05 -- seconds after its deadline in which a wait has ended: pauses between looks at a token that is renewed

local Host = {}
Host.__index = Host

-- Adds a broken promise.
function Host:note(...)
  self.problems[#self.problems + 1] = (...):format(select(2, ...))
end

-- What a callback may do beside its work.

local function fails() error "deliberate" end

-- No function of its metatable may be called.
local untellable = setmetatable({}, { __tostring = function() error "no text" end, __eq = fails, __index = fails,
                                      __lt = fails, __len = fails, __name = "untellable" })

-- The first of them take no time: in every other run there are no others, and then no wait may be late.
local DEEDS = {
  fails,
  function() error(untellable) end,
  function() error("interrupted!", 0) end,
  function(self) self:close_one() end,
  function(self) self:disturb_one() end,
  function(self) self:change() end,
  function(self, client) if self.world:chance(4) then client:close() end end,
  function(self) self.world:sleep(self.world:random(400) / 100) end,
  function(self) self.world:sleep(0) end,
  function(self, client)
    if not client.core:usable() then return end
    client:offer_status { publisher = "contoso", offer = "for-a-callback", token = self.world:chance(2) and TOKEN or nil }
  end,
}
local AT_ONCE = 7

-- A callback that returns `value()`, and sometimes does something else before.
function Host:callback(client, value, frequency)
  return function(...)
    if self.world:chance(frequency or 12) then
      local before = self.world.now
      local watch <close> = World.at_end(function() -- luacheck: ignore watch
        if self.world.spawned[coroutine.running()] then return end -- no call waits for that beyond its deadline
        self.world.waited = self.world.waited + self.world.now - before
      end)
      DEEDS[self.world:random(self.is_quick and AT_ONCE or #DEEDS)](self, client)
    end
    return value(...)
  end
end

-- Closes a coroutine of an item where it waits, rarely; and resumes one by mistake.
function Host:close_one()
  local thread = #self.items > 0 and self.world:chance(3) and self.world:pick(self.items)
  if not thread or coroutine.status(thread) ~= "suspended" then return end
  coroutine.close(thread)
  self.batch_of[thread].held_until = -math.huge -- a 429 that it was to read is lost with it
end

function Host:disturb_one()
  local list = self.world:chance(2) and self.items or self.threads
  local thread = #list > 0 and self.world:pick(list)
  if thread and coroutine.status(thread) == "suspended" then coroutine.resume(thread, "by mistake", true) end
end

-- Changes the tables that calls were given.
function Host:change()
  for _, options in ipairs(self.tables) do
    options.offer, options.publisher, options.base_url, options.token = "wrong", "wrong", "https://wrong.test", "wrong"
    options.timeout, options.wait, options.loop = 0.001, false, nil
  end
  for _, list in ipairs(self.lists) do list[1], list[#list + 1] = nil, { publisher = "wrong", offer = "wrong" } end
  self.tables, self.lists = {}, {}
end

local function nothing() end

-- What becomes of the table that on_progress gets is the host's own business.
local function spoil(self)
  return function(operation)
    if not self.world:chance(4) then return end
    operation.state, operation.status, operation.location = "canceled", nil, "https://wrong.test"
    operation.itself = operation
  end
end

-- The options of a wait, or nil.
function Host:wait_options(client)
  if self.world:chance(3) then return nil end
  return {
    timeout = self.world:pick { 2, 10, 60, 400 }, interval = self.world:pick { 1, 5 }, max_interval = 10,
    on_progress = self:callback(client, spoil(self)), should_stop = self.world:chance(3) and self:callback(client, nothing) or nil,
  }
end

-- A cancel of an offer of its own.
function Host:operation(batch)
  local op = { offer = ("offer-%d"):format(#self.order + 1), batch = batch, ended = 0 }
  self.ops[op.offer], self.order[#self.order + 1] = op, op
  return op
end

-- Its options, which will be changed at any moment from now on.
function Host:options(client, op)
  local wait = self:wait_options(client)
  op.deadline = wait and wait.timeout
  op.timeout = self.world:chance(2) and self.world:pick { 10, 60 } or nil
  local options = {
    publisher = "contoso", offer = op.offer, wait = wait, emails = { "a@contoso.example" }, timeout = op.timeout,
  }
  if self.world:chance(3) then options.loop = self.world:pick(self.world.loops) end
  if self.world:chance(3) then options.log = self:callback(client, nothing) end
  if self.world:chance(3) then options.token = self:callback(client, function() return TOKEN end, 4) end
  self.tables[#self.tables + 1] = options
  return self.world:chance(4) and setmetatable({}, { __index = options }) or options
end

-- Whether an end tells of the cancel that was accepted, or that it may have been.
local function tells(op)
  local err = op.err
  if op.result then return true end
  return type(err) == "table" and (err.ambiguous or err.location ~= nil or err.status == 200 or err.status == 202)
end

-- What a call fails for, of these kinds: never for a callback that did no more than wait.
local EXPECTED = {
  raised = { "deliberate", "interrupted!", World.LOOP_FAILS, "coroutine was closed while it waited" },
  auth = { "deliberate", "has no text", "its own token", "not renewed in time", "no response", "interrupted!",
           World.LOOP_FAILS },
}

local function is_expected(err)
  local list = type(err) == "table" and EXPECTED[err.kind]
  if not list or rawequal(err.raised, untellable) then return true end
  local text = err.kind == "auth" and err.message or err.raised
  for _, words in ipairs(list) do
    if type(text) == "string" and text:find(words, 1, true) then return true end
  end
  return false
end

-- The end of an operation.
function Host:ended(op, result, err)
  op.ended, op.result, op.err = op.ended + 1, result, err
  if not op.batch then op.done_at = self.world.now end
  if op.is_discarded then return end
  if err and not is_expected(err) then self:note("%s: ended by %s", op.offer, tostring(err)) end
  if result and op.deadline and op.goes_on and (op.done_at or self.world.now) < op.over_at then
    self:note("%s: ended before its cancel did", op.offer)
  end
  local named = result and result.offer or type(err) == "table" and err.offer
  if named and named ~= op.offer then self:note("%s: its end names %s", op.offer, named) end
end

-- What may end a call otherwise than by returning: a client that was closed before it, a loop that fails, Ctrl-C.
local function may_raise(problem)
  if type(problem) == "table" and problem.kind == "raised" then problem = problem.raised end
  return problem == World.LOOP_FAILS or problem == "interrupted!" or type(problem) == "string"
    and problem:find("the client is closed", 1, true) ~= nil
end

function Host:single(client)
  local op = self:operation()
  local done, result, err = pcall(client.cancel, client, self:options(client, op))
  if done then
    self:ended(op, result, err)
  else
    if not may_raise(result) then self:note("%s: raised %s", op.offer, tostring(result)) end
    self:ended(op, nil, op.acted and result or "closed")
  end
end

function Host:new_batch()
  return { concurrency = self.world:random(4), in_flight = 0, held_until = -math.huge }
end

function Host:batch_options(client, batch, loop, ops)
  return {
    concurrency = batch.concurrency, loop = loop,
    on_result = self:callback(client, function(place) ops[place].done_at = self.world.now end, 24),
    should_stop = self.world:chance(4) and self:callback(client, function() return self.world:chance(30) end) or nil,
  }
end

local function settle(self, done, entries, ops, list)
  if not done and not may_raise(entries) then self:note("a batch raised %s", tostring(entries)) end
  if not done then entries = type(entries) == "table" and entries.entries end
  for place, op in ipairs(ops) do
    local entry = entries and entries[place]
    if entry and not rawequal(entry.request, list[place]) then
      self:note("%s: its entry has another request", op.offer)
    end
    if entries and not entry then self:note("%s: has no entry", op.offer) end
    if entry then self:ended(op, entry.result, entry.err) end
    if not entries then self:ended(op, nil, "the batch did not begin") end
  end
end

-- A batch of cancels, of at most so many. Returns whether it ended, or false and what it raised.
function Host:cancel_all(client, loop, most)
  local batch = self:new_batch()
  local list, ops = {}, {}
  for place = 1, self.world:random(most) do
    ops[place] = self:operation(batch)
    list[place] = self:options(client, ops[place])
  end
  self.lists[#self.lists + 1] = list
  local given = table.move(list, 1, #list, 1, {})
  local done, entries = pcall(client.cancel_all, client, list, self:batch_options(client, batch, loop, ops))
  settle(self, done, entries, ops, given)
  return done, entries
end

-- A batch with code of its own, which may have a batch in it, raise, or use the item's client or its own.
function Host:map(client, loop)
  local batch = self:new_batch()
  local list, ops, of = {}, {}, {}
  for place = 1, self.world:random(6) do
    list[place], ops[place] = setmetatable({}, getmetatable(untellable)), self:operation(batch)
    of[list[place]] = ops[place]
  end
  local done, entries = pcall(client.map, client, list, function(item, own)
    local op = of[item]
    self.items[#self.items + 1] = coroutine.running()
    self.batch_of[coroutine.running()] = batch
    if self.world:chance(6) then -- a batch within an item: its requests are not those of the batch around it
      local ended, problem = self:cancel_all(own, self.world:pick(self.world.loops), 3)
      if not ended then error(problem, 0) end
    end
    local result, err = (self.world:chance(3) and client or own):cancel(self:options(client, op))
    if self.world:chance(8) then error(self.world:chance(2) and untellable or "deliberate") end
    if not result and self.world:chance(8) then
      op.is_discarded = true
      return untellable
    end
    return result, err
  end, self:batch_options(client, batch, loop, ops))
  settle(self, done, entries, ops, list)
end

function Host:new_client()
  local token = self:callback({ core = { usable = function() return false end }, close = nothing },
                              function() return TOKEN, 400 end, 3)
  local options = self.world:pick {
    { token = TOKEN }, { token = token }, { tenant = "t", client_id = "c", client_secret = "secret" },
  }
  options.loop, options.retries = self.world:pick(self.world.loops), self.world:random(3) - 1
  local client = self.world:client(options, function(...) return service.respond(self, ...) end)
  self.clients[#self.clients + 1] = client
  return client
end

-- A coroutine of the host makes one call or batch after another.
function Host:task(steps)
  self.threads[#self.threads + 1] = self.world:spawn(function()
    for _ = 1, steps do
      local client = self.world:pick(self.clients)
      if not client.core:usable() then client = self:new_client() end
      local loop = self.world:chance(2) and self.world:pick(self.world.loops) or nil
      local dice = self.world:random(10)
      if dice <= 4 then self:single(client) elseif dice <= 7 then self:cancel_all(client, loop, 8) else self:map(client, loop) end
      if self.world:chance(3) then self.world:sleep(self.world:random(10)) end
    end
  end)
end

-- What is left when all has ended, and every client is closed.
local function check_rest(self)
  for _, client in ipairs(self.clients) do client:close() end
  self.world:run()
  for _, client in ipairs(self.clients) do
    local core_client = client.core
    if core_client.running ~= 0 then self:note("%d requests are left", core_client.running) end
    if dispatch.is_waiting(core_client) then self:note("something still waits for a client") end
    for loop in pairs(self.world.registered[core_client] or {}) do self:note("the %s loop was not released", loop.name) end
  end
  for _, thread in ipairs(self.threads) do
    if coroutine.status(thread) ~= "dead" then self:note("a coroutine is left") end
  end
  for _, raised in ipairs(self.world.raised) do self:note("a coroutine raised %s", raised) end
end

local function check_ops(self)
  for _, op in ipairs(self.order) do
    if op.ended > 1 then self:note("%s: ended %d times", op.offer, op.ended) end
    if op.ended == 1 and not op.is_discarded then
      if op.acted and not tells(op) then self:note("%s: was accepted, and its end is %s", op.offer, tostring(op.err)) end
      local late = op.accepted and op.deadline and op.done_at
        and op.done_at - op.acted - op.deadline - self.world.waited
      if late and late > LEEWAY then self:note("%s: ended %g s after its deadline", op.offer, late) end
    end
  end
end

--- Plays a host.
-- @param seed integer
-- @param size table: `steps`, calls or batches of each of its three coroutines
-- @return list of strings: what was broken; how many cancels there were
function Host.play(seed, size)
  local world = World.new(seed)
  local random = core.random
  core.random = function() return world:random(1000) / 1001 end -- the jitter of pauses
  local restore <close> = World.at_end(function() core.random = random end) -- luacheck: ignore restore
  local self = setmetatable({
    world = world, is_quick = seed % 2 == 0, ops = {}, order = {}, tables = {}, lists = {}, clients = {}, threads = {},
    items = {}, batch_of = {}, problems = {},
  }, Host)
  if world:chance(4) then world.failing = world:pick { 10, 60 } end
  for _ = 1, 2 do self:new_client() end
  for _ = 1, 3 do self:task(size.steps) end
  if world:chance(3) then world:after(world:random(30), function() self:change() end) end
  if world:chance(3) then
    local victim = world:pick(self.threads)
    world:after(world:random(60), function()
      if coroutine.status(victim) == "suspended" then coroutine.close(victim) end
    end)
  end
  if world:chance(4) then
    local client = world:pick(self.clients)
    world:after(world:random(60), function() client:close() end)
  end
  world:run()
  check_rest(self)
  check_ops(self)
  return self.problems, #self.order
end

return Host
