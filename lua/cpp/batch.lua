-- Batches: many items at once, each with straight-line code in a coroutine of its own.
--
-- The batch is itself a loop (await, sleep) for the client that its items use, and runs in any other
-- loop: it takes that one's place while it has something to do, and waits in it otherwise.
-- `concurrency` bounds the requests in flight, not the items: one that sleeps between two looks at
-- its operation holds no connection, no easy handle and no place, so thousands can be followed.

local core = require "cpp.core"
local dispatch = require "cpp.dispatch"
local errors = require "cpp.error"
local queue = require "cpp.queue"
local retry = require "cpp.retry"
local Timers = require "cpp.timers"

local push, pop, is_empty = queue.push, queue.pop, queue.is_empty
local resume_coroutine, yield, this = coroutine.resume, coroutine.yield, coroutine.running
local may_yield = coroutine.isyieldable

local CONCURRENCY = 16
local STOP_CHECK = 1 -- seconds between two looks at should_stop

-- Options of the batch itself; cancel_all hands all others to each call.
local OF_BATCH = { concurrency = true, on_result = true, should_stop = true, loop = true }

-- The item whose code runs. Its client is no use to anybody else: what waits is its own coroutine, so neither one that
-- it made nor an item of a batch within it may wait in its place.
local function running(batch)
  local item = batch.running
  if not item or item.coroutine ~= this() then
    core.misuse("the client of a batch's item was used outside of that item")
  elseif not may_yield() then
    core.misuse("an item of a batch cannot wait in a function that C calls (of gsub, sort, a metamethod)")
  end
  return item
end

-- What an item's coroutine yields to its batch: that it waits, or that its item is done. Anything
-- else was meant for somebody else.
local PARKED, DONE = {}, {}

-- Waits until the batch resumes the item. `parked` tells what for: a request's key in batch.waiting, or true. It
-- stays when the coroutine is closed meanwhile.
local function park(item, key)
  item.parked = key or true
  yield(PARKED)
  item.parked = false
end

-- An item waits for its request no longer. Where that is because its coroutine was closed, nothing else would tell
-- the batch.
local function leave(batch, item)
  local key = item.parked
  batch.in_flight = batch.in_flight - 1
  if batch.waiting[key] ~= item then return end
  batch.waiting[key] = nil
  batch.waiters.requests[key], batch.waiters.others[key] = nil, nil
  push(batch.ready, item)
  if batch.core:usable() then batch.core:alarm(0) end -- whoever waits for the client has to step it
end

-- Whether the service wants no requests now. Mostly it never did, and then the clock is not asked.
local function is_held(batch)
  local over = batch.pause.over
  return over > -math.huge and retry.now(batch.outer) < over
end

-- The loop that the items' client uses, over the batch's own queues.
local function loop_of(batch)
  local outer = batch.outer
  return {
    now = outer.now,
    release = outer.release,
    pause = batch.pause,
    --- Before a request starts: waits for a place, and as long as the service wants a pause. Returns true
    -- when it need not wait, and nothing else is in the way.
    admit = function()
      if batch.in_flight < batch.concurrency and batch.pause.over == -math.huge and not batch.stopped
        and not batch.waiters.closed then
        return true
      end
      local item = running(batch)
      while not batch.stopped and (batch.in_flight >= batch.concurrency or is_held(batch)) do
        push(batch.admission, item)
        park(item)
      end
    end,
    --- A 429 is about all requests of the batch: none starts before the pause is over.
    hold = function(seconds)
      batch.pause.over = math.max(batch.pause.over, retry.now(outer) + seconds)
    end,
    --- Whether the batch is being stopped, so that nothing should be begun or waited for.
    stopped = function()
      return batch.stopped
    end,
    --- Waits for a request by its index, or for another object (a batch within this one).
    await = function(_, request, index)
      local item, waiters, key = running(batch), batch.waiters, index or request
      item.sent = true
      batch.in_flight = batch.in_flight + 1
      batch.waiting[key] = item
      local list = index and waiters.requests or waiters.others
      list[key] = batch.wake
      local waiting <close> = item -- luacheck: ignore waiting
      park(item, key) -- a wake is only called when it is done, or nothing is any more
    end,
    sleep = function(_, seconds)
      local item = running(batch)
      if batch.stopped then return end
      batch.timers:add(retry.now(outer) + seconds, item)
      park(item)
    end,
  }
end

-- A name that an item has as a table. Not asking its metatable, which may raise.
local function name_of(batch, item, field)
  local input = batch.inputs[item.index]
  local name = type(input) == "table" and rawget(input, field)
  return type(name) == "string" and name or nil
end

-- What an item's code raised, as an err: misuse in one item must not end the others. Once a request of the item was
-- sent, nobody knows what the service made of it: the answer is lost with the code that had it. Who raises an err has
-- read the answer.
local function raised(batch, item, problem)
  return errors.raised(problem, {
    ambiguous = item.sent, publisher = name_of(batch, item, "publisher"), offer = name_of(batch, item, "offer"),
  })
end

-- The end of an item: result; or nil and an err.
local function finish(batch, index, result, err)
  if result then
    err = nil -- what comes after a result is none: a batch returns a number there
  elseif err ~= nil then
    batch.failed = batch.failed + 1
  end
  local entry = { request = batch.requests[index], result = result, err = err }
  batch.entries[index] = entry
  if batch.on_result then batch.on_result(index, entry) end
end

-- What a coroutine does: `fn` for the entry that its item has, and then for the next one it is given.
local function work(batch, item)
  while true do
    yield(DONE, batch.fn(batch.inputs[item.index], batch.client, item.index))
  end
end

local function may_start(batch)
  return batch.next <= batch.count and batch.in_flight < batch.concurrency
    and is_empty(batch.admission) and not is_held(batch) and not batch.waiters.closed
end

-- The next entry of the list is the item's.
local function take_next(batch, item)
  item.index, item.sent = batch.next, false
  batch.next = batch.next + 1
end

-- What is left of an item whose code raised, or waits for what nobody would ever tell it of.
local function give_up(batch, item, done, problem)
  batch.active = batch.active - 1
  coroutine.close(item.coroutine) -- an error alone leaves its variables unclosed: a batch within it, and its requests
  if done then
    problem = "cpp: an item's code may wait for calls of its client only"
  elseif item.parked then
    problem = "cpp: an item's coroutine was closed while it waited"
  end
  finish(batch, item.index, nil, raised(batch, item, problem))
end

-- Runs an item until it waits, and with it one entry after another as long as none has to.
local function resume(batch, item)
  local before = batch.running
  while true do
    batch.running = item
    local done, sign, result, err = resume_coroutine(item.coroutine, batch, item)
    batch.running = before
    if sign == PARKED then return end
    if sign ~= DONE then return give_up(batch, item, done, sign) end
    finish(batch, item.index, result, err)
    if batch.stopped or not may_start(batch) or coroutine.status(item.coroutine) == "dead" then
      batch.active = batch.active - 1
      batch.idle[#batch.idle + 1] = item
      return
    end
    take_next(batch, item)
  end
end

-- Thousands of items may wait: each is small.
local function new_item(batch)
  local item = setmetatable({ index = 0, sent = false, parked = false, coroutine = coroutine.create(work) }, batch.item)
  batch.items[#batch.items + 1] = item
  return item
end

local function start(batch)
  local item = table.remove(batch.idle)
  if not item or coroutine.status(item.coroutine) == "dead" then item = new_item(batch) end
  take_next(batch, item)
  batch.active = batch.active + 1
  resume(batch, item)
end

local function move_expired(batch, time)
  local item = batch.timers:take(time)
  while item do
    push(batch.ready, item)
    item = batch.timers:take(time)
  end
end

-- Nobody sleeps or waits for a place any longer, and nothing more is begun.
local function stop(batch, kind, message)
  batch.stopped = true
  move_expired(batch, math.huge)
  for item in pop, batch.admission do push(batch.ready, item) end
  for index = batch.next, batch.count do
    batch.next = index + 1
    finish(batch, index, nil, errors.new(kind, message))
  end
end

-- The client was closed: every request is done, whoever closed it.
local function wake_all(batch)
  for key in pairs(batch.waiting) do
    batch.waiters.requests[key], batch.waiters.others[key] = nil, nil
    batch.wake(key)
  end
end

-- Requests in flight are let finish, since aborting a cancel would leave its outcome unknown. A batch
-- within an item of another one stops with it.
local function look_at_stop(batch)
  local outer = batch.outer
  if not batch.core:usable() then
    if not batch.stopped then stop(batch, "closed", "the client was closed before this item") end
    wake_all(batch)
  elseif batch.stopped then
    return
  elseif batch.should_stop and batch.should_stop() or outer.stopped and outer.stopped() then
    stop(batch, "stopped", "should_stop ended the batch before this item")
  end
end

-- Moves to the ready queue who may go on: whose time has come, and who gets a place.
local function gather(batch)
  if batch.timers:first() then move_expired(batch, retry.now(batch.outer)) end
  for _ = 1, not is_held(batch) and batch.concurrency - batch.in_flight or 0 do
    local item = pop(batch.admission)
    if not item then break end
    push(batch.ready, item)
  end
end

-- Runs all that can run, until everybody waits for something.
local function run_ready(batch)
  while true do
    local item = pop(batch.ready)
    if item then
      resume(batch, item)
    elseif may_start(batch) then
      start(batch)
    else
      gather(batch)
      if is_empty(batch.ready) then return end
    end
  end
end

-- The seconds until the batch has something to do although no request finishes; nil: it has not.
local function seconds_left(batch)
  local time = batch.timers:first()
  if is_held(batch) and (not is_empty(batch.admission) or batch.next <= batch.count) then
    time = math.min(time or batch.pause.over, batch.pause.over)
  end
  local left = time and math.max(0, time - retry.now(batch.outer))
  return batch.should_stop and math.min(left or STOP_CHECK, STOP_CHECK) or left
end

-- Waits in the outer loop until there is something to do.
local function wait(batch)
  local core_client, outer = batch.core, batch.outer
  if not core_client:usable() then return end -- an item or on_result closed it: look_at_stop comes next
  local left = seconds_left(batch)
  if batch.in_flight == 0 then
    if left then outer.sleep(core_client, left) end
    return
  end
  local wake_at = left and core.monotonic() + left
  outer.await(core_client, {
    done = function()
      if core_client:usable() then dispatch.run_requests(core_client) end
      if not is_empty(batch.ready) or not core_client:usable() then return true end
      left = wake_at and wake_at - core.monotonic()
      if left and left <= 0 then return true end
      if left then core_client:alarm(left) end -- again each time: another batch's may have rung
      return false
    end,
  })
end

-- When the batch is left early (on_result raised, its own coroutine was closed), the items' requests
-- are aborted by the closing of their coroutines.
local function abandon(batch)
  for _, item in ipairs(batch.items) do
    if coroutine.status(item.coroutine) == "suspended" then coroutine.close(item.coroutine) end
  end
end

local function run(batch)
  local guard <close> = setmetatable({}, { __close = function() abandon(batch) end }) -- luacheck: ignore guard
  while true do
    look_at_stop(batch)
    run_ready(batch)
    if batch.active == 0 and batch.next > batch.count then return end
    wait(batch)
  end
end

local function check_list(list, fn)
  if type(list) ~= "table" then core.misuse("expected a list, got " .. type(list)) end
  if type(fn) ~= "function" then core.misuse("expected a function, got " .. type(fn)) end
end

local batch = {}

-- Options of a batch itself, and those that are for each of its calls.
local function split(options)
  options = core.snapshot(options)
  core.check("batch", options)
  local own, of_calls = {}, {}
  for name, value in pairs(options) do (OF_BATCH[name] and own or of_calls)[name] = value end
  return own, of_calls
end

-- Runs `fn` for each item.
-- @param list list of anything, the caller's
-- @param items list of what `fn` gets for each, or nil: what is in `list`
local function run_all(client, list, items, fn, options)
  local requests = table.move(list, 1, #list, 1, {})
  local self = {
    core = client.core, outer = options.loop or client.loop,
    fn = fn, next = 1, count = #requests, requests = requests, inputs = items or requests,
    items = {}, idle = {}, active = 0, entries = {}, failed = 0,
    concurrency = options.concurrency or CONCURRENCY, in_flight = 0, waiting = {}, -- [index or object] = item
    ready = queue.new(), admission = queue.new(), timers = Timers.new(), stopped = false,
    on_result = options.on_result, should_stop = options.should_stop,
  }
  if not self.outer.admit then self.core:timeout() end -- raises when the client is closed, as every call does
  self.waiters = dispatch.waiters(self.core)
  self.pause = self.outer.pause or { over = -math.huge } -- a batch within another one shares its pause
  self.wake = function(key)
    push(self.ready, self.waiting[key])
    self.waiting[key] = nil
    return true -- nobody's code ran
  end
  self.item = { __close = function(item) leave(self, item) end }
  self.client = client:with_loop(loop_of(self))
  run(self)
  return self.entries, self.failed
end

--- Runs a function for each item of a list, many at once.
-- @param client the client
-- @param list list of anything
-- @param fn function(item, client) -> result; or nil, err
-- @param options table or nil: cpp.MapOptions in types/options.lua
-- @return list of tables { request =, result =, err = } in the order of `list`; the number of those
--   with an err (kinds: those of what `fn` calls, and raised)
function batch.map(client, list, fn, options)
  local own, of_calls = split(options or {})
  if next(of_calls) then core.misuse(next(of_calls) .. ": this is no option of map") end
  check_list(list, fn)
  return run_all(client, list, nil, fn, own)
end

-- The call of each item, made before anything is sent: the caller may change the list and its tables meanwhile. What
-- is wrong with an item is raised when its turn comes.
local function calls_of(list, defaults)
  check_list(list, print)
  local calls, problems = {}, {}
  for index = 1, #list do
    local read, call = pcall(core.snapshot, list[index])
    if not read then
      calls[index], problems[index] = false, call
    else
      for name, value in next, defaults do
        if call[name] == nil then call[name] = value end
      end
      calls[index] = call
    end
  end
  return calls, problems
end

--- Cancels the running operations of many offers at once.
-- @param client the client
-- @param list list of tables, each what cancel takes
-- @param options table or nil: cpp.CancelAllOptions in types/options.lua
-- @return as batch.map
function batch.cancel_all(client, list, options)
  local own, defaults = split(options or {})
  local calls, problems = calls_of(list, defaults)
  return run_all(client, list, calls, function(call, item_client, index)
    if not call then error(problems[index], 0) end
    return item_client:start("cancel", call)
  end, own)
end

return batch
