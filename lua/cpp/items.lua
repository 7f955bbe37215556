-- The loop of a batch's items, over the queues of the batch (cpp.scheduler): places for requests in flight, the pause
-- that the service requested, and timers.
--
-- An item yields a sign to its batch: it waits (PARKED), its code is done (DONE), or the batch must call a callback in
-- its own coroutine (CALL).

local core = require "cpp.core"
local host = require "cpp.host"
local queue = require "cpp.queue"

local push = queue.push
local yield, this = coroutine.yield, coroutine.running

-- The item whose code is running, and calls the loop. Calls of a client have checked this: see host.loop.
local function running()
  local item = host.item()
  if not item or item.coroutine ~= this() then
    core.misuse("the client of a batch's item was used outside of that item")
  end
  return item
end

-- The signs that an item yields; other values were meant for another scheduler. The signs and GO are functions, so that
-- a comparison with a value of the user calls no metamethod.
local function PARKED() end
local function DONE() end
local function CALL() end

-- The value with which the batch resumes an item. A resume with any other value comes from other code.
local function GO() end

-- Waits until the batch resumes the item. `parked` is what it waits for: a request's key in batch.waiting, or true. It
-- is still set if the coroutine is closed meanwhile. An error that ended the batch is raised here, so that the err of
-- an accepted call names this call.
local function park(batch, item, key)
  item.parked = key or true
  while yield(PARKED) ~= GO do end
  item.parked = false
  if batch.broken then error(batch.broken.problem, 0) end
end

-- A function(item) for an item that no longer waits for its request. If its coroutine was closed, only this informs the
-- batch.
local function leave_function(batch)
  local waiting = batch.waiting
  return function(item)
    local key = item.parked
    batch.in_flight = batch.in_flight - 1
    if waiting[key] ~= item then return end
    waiting[key] = nil
    batch.waiters.requests[key], batch.waiters.others[key] = nil, nil
    if host.item() == item then -- an error in the item closes it
      item.parked = false
      return
    end
    push(batch.ready, item)
    if batch.core:usable() then batch.core:alarm(0) end -- makes the waiting loop step the client
  end
end

local NEVER = -math.huge -- the end of a pause if the service has not requested one

-- Whether the service has requested a pause that is not over. Without a pause, the clock is not read.
local function is_held(batch)
  local over = batch.pause.over
  return over > NEVER and host.now(batch.outer) < over
end

-- Whether no request may start now.
local function is_full(batch)
  return batch.in_flight >= batch.concurrency or is_held(batch)
end

-- Waits for a place, or until a time, with a ticket for the item: the first of the two events uses it. A ticket is
-- reused while its timer runs, because a wait has one deadline, and may need a place many times.
local function queue_up(batch, item, deadline)
  local ticket = item.ticket
  if not ticket or ticket.deadline ~= deadline then
    ticket = { deadline = deadline }
    batch.timers:add(deadline, ticket)
    item.ticket = ticket
  end
  ticket.item = item
  push(batch.admission, ticket)
  park(batch, item)
end

-- Lets the item of a ticket continue; false if it has already continued.
local function call_up(batch, ticket)
  local item = ticket.item
  if not item then return false end
  ticket.item = nil
  push(batch.ready, item)
  return true
end

-- The time of a ticket has come.
local function expire(batch, ticket)
  ticket.deadline = nil
  call_up(batch, ticket)
end

-- Before a request starts: waits for a place, and for the end of a pause that the service requested, but not beyond the
-- deadline, nor for more than `patience` seconds. Returns true if the request may start, and false if the time is over.
local function admit(batch, deadline, patience)
  local item, outer = running(), batch.outer
  if batch.stopped then return nil end
  if batch.round ~= batch.pause.round then -- the received responses are read first: one may be a 429
    push(batch.ready, item)
    park(batch, item)
  end
  while not batch.stopped and is_full(batch) do
    deadline = deadline or host.now(outer) + patience
    if host.now(outer) >= deadline then return false end
    queue_up(batch, item, deadline)
  end
end

-- The loop that the items' calls use, over the batch's own queues.
local function loop_of(batch)
  local outer = batch.outer
  return {
    now = outer.now,
    --- Waits for a request by its index, or for another object (a batch within this one).
    await = function(_, request, index)
      local item, waiters, key = index and host.item() or running(), batch.waiters, index or request
      if not index and request:done() then return end -- asked once before: it sets an alarm for its next time
      batch.in_flight = batch.in_flight + 1
      batch.waiting[key] = item
      local list = index and waiters.requests or waiters.others
      list[key] = batch.wake
      local waiting <close> = item -- luacheck: ignore waiting
      park(batch, item, key) -- wake is called only when the request is done or the client is closed
    end,
    sleep = function(_, seconds)
      local item = running()
      if batch.stopped then return end
      batch.timers:add(host.now(outer) + seconds, item)
      return park(batch, item)
    end,
    scheduler = {
      core = batch.core, outer = outer, owner = this(), pause = batch.pause,
      --- Whether a request may start at once: a place is free, and nothing else is in the way.
      may_send = function()
        local pause = batch.pause
        return batch.in_flight < batch.concurrency and pause.over == NEVER and batch.round == pause.round
          and not batch.stopped and not batch.waiters.closed
      end,
      admit = function(deadline, patience) return admit(batch, deadline, patience) end,
      --- Counts an item that waits for a token as a request in flight, until the value is closed: else all items would
      -- start meanwhile, and then queue for a place, with a token that may expire, until their timeout.
      place = function()
        batch.in_flight = batch.in_flight + 1
        return setmetatable({}, { __close = function() batch.in_flight = batch.in_flight - 1 end })
      end,
      --- A 429 applies to all requests of the batch: none starts before the pause is over.
      hold = function(seconds)
        batch.pause.over = math.max(batch.pause.over, host.now(outer) + seconds)
      end,
      --- Whether the batch is being stopped: no request may start, and no wait may begin.
      stopped = function() return batch.stopped end,
      --- Calls a callback in the coroutine that runs the batch: see host.call.
      call = function(fn, ...)
        local item, arguments = running(), table.pack(...)
        item.parked = true
        local go, done, first, second = yield(CALL, function() return fn(table.unpack(arguments, 1, arguments.n)) end)
        while go ~= GO do go, done, first, second = yield(PARKED) end
        item.parked = false
        if batch.broken then error(batch.broken.problem, 0) end
        return done, first, second
      end,
    },
  }
end

return {
  NEVER = NEVER, PARKED = PARKED, DONE = DONE, CALL = CALL, GO = GO,
  new = loop_of, leave_function = leave_function, is_held = is_held, call_up = call_up, expire = expire,
}
