-- The scheduler of a batch: runs its items, each in its own coroutine.
--
-- The calls of the items wait in a loop of the batch (cpp.items). When all items wait, the batch waits in the outer
-- loop: the one in which a call in place of the batch would wait (see cpp.host).

local auth = require "cpp.auth"
local dispatch = require "cpp.dispatch"
local errors = require "cpp.error"
local host = require "cpp.host"
local items = require "cpp.items"
local private = require "cpp.private"
local queue = require "cpp.queue"
local redact = require "cpp.redact"
local Timers = require "cpp.timers"

local push, pop, is_empty = queue.push, queue.pop, queue.is_empty
local yield = coroutine.yield
local PARKED, DONE, CALL, GO = items.PARKED, items.DONE, items.CALL, items.GO
local is_held, call_up, expire = items.is_held, items.call_up, items.expire

local CONCURRENCY = 16
local STOP_CHECK = 1 -- seconds between two calls of should_stop
local ITEM = "this item" -- for errors.stopped and errors.closed: "... before this item"

local scheduler = {}

-- The publisher or offer of an item, if the item is a table. Its metatable, which may raise an error, is not used.
local function name_of(input, field)
  local name = type(input) == "table" and rawget(input, field)
  return type(name) == "string" and name or nil
end

-- Records the publisher and offer of the item.
local function note_names(item, input)
  item.publisher, item.offer = name_of(input, "publisher"), name_of(input, "offer")
end

-- What a text of an item, or of the whole batch, must not show. The inputs of cancel_all are calls, made by cpp.batch.
local function secrets_of(batch, index)
  local call = index and batch.inputs ~= batch.requests and batch.inputs[index]
  return auth.secrets(batch.client, type(call) == "table" and call or {})
end

-- Whether an err names the call that was accepted in an item.
local function tells_of_accepted(err, item)
  return err.ambiguous or err.offer == item.offer and (err.location or math.type(err.status) and err.status < 300)
end

-- Makes an err from an error of an item's code, because misuse in one item must not end the others. If the item had
-- sent a request, the outcome is unknown, because the code lost the response. If the code raises an err, it had read
-- the response; but the result of an earlier accepted call is lost.
local function raised_err(batch, item, problem)
  if not item.offer then note_names(item, batch.inputs[item.index]) end
  local fields = { ambiguous = item.sent ~= false, publisher = item.publisher, offer = item.offer }
  local secrets = secrets_of(batch, item.index)
  local err = errors.raised(problem, secrets, fields)
  if item.sent ~= "accepted" or tells_of_accepted(err, item) then return err end
  return errors.carrying(err.raised == nil and problem or err.raised, secrets, fields)
end

-- Calls a callback in the coroutine that runs the batch. If responses came meanwhile, they must be read before the next
-- request starts, here and in batches that share the pause: one may be a 429.
local function call_back(batch, fn, ...)
  local last = batch.ready.last
  local done, first, second = batch.call(fn, ...)
  if batch.ready.last ~= last then batch.pause.round = {} end
  return done, first, second
end

local stop

-- Stops the batch after an error of its callback, which is not called again. The error is not raised, so that the
-- caller gets the entries of what was started.
local function fail(batch, name, problem)
  host.pass_interrupt(problem)
  batch[name] = nil
  local secrets = secrets_of(batch)
  host.warn(name, problem, secrets)
  local message = name .. " failed: " .. redact(host.text(problem), secrets)
  if not batch.stopped then stop(batch, errors.new, "raised", message, { raised = problem }) end
end

-- Ends an item with a result; or with nil and an err.
local function finish(batch, index, result, err)
  if result then
    err = nil -- a second value after a result is not an err: a batch returns a number
  elseif err ~= nil then
    batch.failed = batch.failed + 1
  end
  local entry = { request = batch.requests[index], result = result, err = err }
  batch.entries[index] = entry
  if not batch.on_result then return end
  local done, problem = call_back(batch, batch.on_result, index, entry)
  if not done then fail(batch, "on_result", problem) end
end

-- The body of a coroutine: calls `fn` for the item, and then for each further item that it gets.
local function work(_, batch, item)
  while true do
    local result, err = batch.fn(batch.inputs[item.index], batch.client)
    local go = yield(DONE, result, err)
    while go ~= GO do go = yield() end
  end
end

local function may_start(batch)
  return batch.next <= batch.count and batch.in_flight < batch.concurrency
    and is_empty(batch.admission) and not is_held(batch) and not batch.waiters.closed
end

-- Assigns the next entry of the list to the item.
local function take_next(batch, item)
  local index = batch.next
  item.index, item.sent, item.publisher, item.offer = index, false, nil, nil
  if batch.inputs == batch.requests then note_names(item, batch.inputs[index]) end -- the caller's, which may be changed
  batch.next = index + 1
end

-- Ends an item whose code raised an error, or waits for an event that cannot arrive.
local function give_up(batch, item, done, problem)
  batch.active = batch.active - 1
  coroutine.close(item.coroutine) -- after an error its variables are still open: a batch within it, and requests
  if done then
    problem = "cpp: an item's code may wait for calls of its client only"
  elseif item.parked then
    problem = "cpp: an item's coroutine was closed while it waited"
  end
  finish(batch, item.index, nil, raised_err(batch, item, problem))
end

-- Runs an item until it waits, and calls the callbacks that it passes to the batch. After its end it takes the next
-- entry. A value that it yields or raises may come from the user; the signs are functions, so comparing them calls no
-- metamethod.
local function resume(batch, item)
  local done, sign, first, second = host.run_item(item, GO, batch, item)
  while sign ~= PARKED do
    if sign == CALL then
      local called, one, two = call_back(batch, first)
      if not called then host.pass_interrupt(one) end
      done, sign, first, second = host.run_item(item, GO, called, one, two)
    elseif sign ~= DONE then
      return give_up(batch, item, done, sign)
    else
      finish(batch, item.index, first, second)
      if batch.stopped or not may_start(batch) or coroutine.status(item.coroutine) == "dead" then
        batch.active = batch.active - 1
        batch.idle[#batch.idle + 1] = item
        return
      end
      take_next(batch, item)
      done, sign, first, second = host.run_item(item, GO, batch, item)
    end
  end
end

-- An item is small, because thousands may wait.
local function new_item(batch)
  local item = setmetatable({ coroutine = coroutine.create(work) }, batch.item)
  host.enter(item.coroutine, batch.client.loop)
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
  local value = batch.timers:take(time)
  while value do -- an item that slept, or the ticket of an item that waits for a place
    if value.coroutine then push(batch.ready, value) else expire(batch, value) end
    value = batch.timers:take(time)
  end
end

-- Ends the items that were not started.
-- @param new_err function(...) that makes the err of each
local function end_rest(batch, new_err, ...)
  while batch.next <= batch.count do
    local index = batch.next
    batch.next = index + 1
    finish(batch, index, nil, new_err(...))
  end
end

-- Ends all sleeps and all waits for a place, and starts no further item.
-- @param ... as of end_rest
function stop(batch, ...)
  batch.stopped = true
  move_expired(batch, math.huge)
  for ticket in pop, batch.admission do call_up(batch, ticket) end
  end_rest(batch, ...)
end

-- Ends the waits for requests: the client was closed, so every request is done, or the batch has ended.
local function wake_all(batch)
  for key in pairs(batch.waiting) do
    batch.waiters.requests[key], batch.waiters.others[key] = nil, nil
    batch.wake(key)
  end
end

-- Stops the batch if its client was closed, the batch around it stops, or should_stop returns true. Requests in flight
-- finish, because an aborted cancel would have an unknown outcome.
local function look_at_stop(batch)
  local outer = batch.outer
  if not batch.core:usable() then
    if not batch.stopped then stop(batch, errors.closed, ITEM) end
    wake_all(batch)
  elseif batch.stopped then
    return
  elseif outer.scheduler and outer.scheduler.stopped() then
    stop(batch, errors.stopped, ITEM)
  elseif batch.should_stop then
    local done, answer = call_back(batch, batch.should_stop)
    if not done then
      fail(batch, "should_stop", answer)
    elseif answer then
      stop(batch, errors.stopped, ITEM)
    end
  end
end

-- Moves the items that may continue to the ready queue: their sleep is over, or a place is free.
local function gather(batch)
  if batch.timers:first() then move_expired(batch, host.now(batch.outer)) end
  local places = is_held(batch) and 0 or batch.concurrency - batch.in_flight
  while places > 0 and not is_empty(batch.admission) do
    if call_up(batch, pop(batch.admission)) then places = places - 1 end
  end
end

-- Runs all that can run, until every item waits.
local function run_ready(batch)
  while true do
    local item = pop(batch.ready)
    if item then
      resume(batch, item)
    elseif may_start(batch) then
      start(batch)
    else
      batch.round = batch.pause.round -- all responses so far have been read
      gather(batch)
      if is_empty(batch.ready) and not may_start(batch) then return end
    end
  end
end

-- The seconds until the batch has something to do even if no request finishes; nil if it has nothing.
local function seconds_left(batch)
  local time = batch.timers:first()
  if is_held(batch) and (not is_empty(batch.admission) or batch.next <= batch.count) then
    time = math.min(time or batch.pause.over, batch.pause.over)
  end
  local left = time and math.max(0, time - host.now(batch.outer))
  return batch.should_stop and math.min(left or STOP_CHECK, STOP_CHECK) or left
end

-- Waits in the outer loop until there is something to do.
local function wait(batch)
  local core_client, outer = batch.core, batch.outer
  if not core_client:usable() then return end -- an item or on_result closed it: look_at_stop comes next
  local left = seconds_left(batch)
  if not next(batch.waiting) then
    if left then outer.sleep(core_client, left) end
    return
  end
  local wake_at = left and host.now(outer) + left
  local waited = {
    done = function()
      if core_client:usable() then dispatch.run_requests(core_client) end
      if not is_empty(batch.ready) or not core_client:usable() then return true end
      left = wake_at and wake_at - host.now(outer)
      if left and left <= 0 then return true end
      if left then core_client:alarm(left) end -- set each time, because an alarm of another batch may have replaced it
      return false
    end,
  }
  outer.await(core_client, waited)
  if not waited.done() then
    core_client:step(0)
    dispatch.run(core_client)
  end
end

-- Ends the batch after an error of its clock or loop, or Ctrl-C. The error is raised in each waiting item, so that its
-- err has what is known, and then raised again, with all entries. The queues and timers are not used, because Ctrl-C
-- may have come while one was changed.
local function break_off(batch, problem)
  if batch.next == 1 then error(problem, 0) end -- no item was started
  batch.broken, batch.stopped, batch.on_result, batch.should_stop = { problem = problem }, true, nil, nil
  wake_all(batch)
  for _, item in ipairs(batch.items) do
    local index = item.index -- nil: a Ctrl-C came when the item was new
    if not batch.entries[index] and item.parked then pcall(resume, batch, item) end
    if index and not batch.entries[index] then finish(batch, index, nil, raised_err(batch, item, problem)) end
  end
  local secrets = secrets_of(batch)
  end_rest(batch, errors.new, "raised", "the batch ended before this item: "
    .. redact(host.text(problem), secrets), { raised = problem })
  error(errors.carrying(problem, secrets, { entries = batch.entries }), 0)
end

-- If the batch ends early (by an error, or because its coroutine was closed), closes the coroutines of its items, which
-- aborts their requests.
local function abandon(batch)
  for _, item in ipairs(batch.items) do
    if coroutine.status(item.coroutine) == "suspended" then coroutine.close(item.coroutine) end
  end
end

local function run_to_end(batch)
  while true do
    look_at_stop(batch)
    run_ready(batch)
    if batch.active == 0 and batch.next > batch.count then
      batch.items = {} -- all are closed, so a Ctrl-C from here on has nothing to end
      return
    end
    wait(batch)
  end
end

local function run(batch)
  local guard <close> = setmetatable({}, { __close = function() abandon(batch) end }) -- luacheck: ignore guard
  local around = host.item()
  local done, problem = pcall(run_to_end, batch)
  host.set_item(around)
  if not done then break_off(batch, problem) end
end

--- Runs a function for each item of a list, many at once.
-- @param client the client
-- @param requests list of anything: the `request` of each entry
-- @param inputs list of the same length: the argument of `fn` for each entry
-- @param fn function(input, client) -> result; or nil, err
-- @param options table: concurrency, on_result, should_stop and loop, or some
-- @return list of tables { request =, result =, err = }; the number of those with an err
function scheduler.run(client, requests, inputs, fn, options)
  local self = {
    core = client.core, outer = host.loop(client, options),
    fn = fn, next = 1, count = #requests, requests = requests, inputs = inputs,
    items = {}, idle = {}, active = 0, entries = {}, failed = 0,
    concurrency = options.concurrency or CONCURRENCY, in_flight = 0, waiting = {}, -- [index or object] = item
    ready = queue.new(), admission = queue.new(), timers = Timers.new(), stopped = false,
    on_result = options.on_result, should_stop = options.should_stop,
  }
  self.call = host.caller(self.outer)
  local around = self.outer.scheduler
  if not around then self.core:timeout() end -- raises an error if the client is closed, as every call does
  host.now(self.outer) -- raises an error if the loop has no valid clock
  self.waiters = dispatch.waiters(self.core)
  self.pause = around and around.pause or { over = items.NEVER, round = {} } -- a batch within another one shares it
  self.wake = function(key)
    push(self.ready, self.waiting[key])
    self.waiting[key] = nil
    return true -- no user code ran
  end
  self.item = { __close = items.leave_function(self) }
  self.client = setmetatable({ core = client.core, loop = items.new(self) }, getmetatable(client))
  private[self.client] = private[client]
  run(self)
  return self.entries, self.failed
end

return scheduler
