-- The host: the loop that waits for a call, its clock, and the callbacks.
--
-- A call in an item of a batch of its client waits in the batch, which counts the request, delays it after a 429, and
-- stops it. Any other call waits in the loop of its options, or in the client's. A batch waits where a call in its
-- place would wait.
--
-- A callback (log, on_progress, should_stop, on_result) runs in the host's own coroutine, so that it may wait for
-- anything in the host. An item passes it to the coroutine that runs the batch, which does nothing else meanwhile. A
-- token function, which may wait long and for many calls, runs in its own coroutine if the loop can start one
-- (`spawn`), so that it delays no deadline; otherwise it runs like a callback.
--
-- The loop of a batch has a field `scheduler`, which no other loop has: a table with core, outer (the loop that the
-- batch waits in), owner (the coroutine that runs it), and the functions may_send, admit, hold, stopped and call (see
-- cpp.items).

local core = require "cpp.core"
local private = require "cpp.private"
local redact = require "cpp.redact"

local CLOCK = 0.001 -- seconds: the allowed inaccuracy of a loop's timers

local this, may_yield, resume = coroutine.running, coroutine.isyieldable, coroutine.resume
local tell = warn -- kept, because the host may remove or replace it

local host = {}

-- [coroutine of an item] = its batch's loop. Weak keys: an entry lives as long as its item.
local batches = setmetatable({}, { __mode = "k" })

-- The item whose code is running; item.around is the item that runs its batch.
local running

-- [coroutine that host.spawn started] = the coroutine that waits for it; the loop that it waits in.
local started_by = setmetatable({}, { __mode = "kv" })
local spawned_in = setmetatable({}, { __mode = "k" })

-- [loop] = the last time of its clock.
local last = setmetatable({}, { __mode = "k" })

--- Makes the calls of an item's coroutine wait in its batch's loop.
function host.enter(thread, loop)
  batches[thread] = loop
end

--- The item whose code is running; nil outside of items.
function host.item()
  return running
end

--- Sets the item whose code is running.
function host.set_item(item)
  running = item
end

--- Resumes the coroutine of an item, with at most four values.
-- @param item table
-- @return true and at most three values that it yields; or false and its error
function host.run_item(item, go, first, second, third)
  item.around, running = running, item
  local done, sign, one, two = resume(item.coroutine, go, first, second, third)
  running = item.around
  return done, sign, one, two
end

--- Records a request in the item whose code is running, and in the items around it; the client and the coroutine do not
-- matter. The item keeps the names of its last POST, or of its first accepted POST. The items around it only record
-- that a request was sent.
-- @param method string: "GET" or "POST"
-- @param options table of the call's options
function host.sent(method, options)
  if not running then return end
  local sent = running.sent
  if sent ~= "accepted" and (method == "POST" or sent ~= "POST") then
    running.sent = method
    if options.offer then running.publisher, running.offer = options.publisher, options.offer end
  end
  local item = running.around
  while item do
    item.sent, item = item.sent or "inside", item.around
  end
end

--- Records in the same items that a POST was accepted.
-- @param options table of the call's options
function host.accepted(options)
  if not running then return end
  if running.sent ~= "accepted" then running.publisher, running.offer = options.publisher, options.offer end
  local item = running
  while item do
    item.sent, item = "accepted", item.around
  end
end

-- The loop for an item's client in a callback, which runs in the coroutine of the batch (or of the batch around it),
-- and waits there.
local function outside_of(loop)
  local here = this()
  if spawned_in[here] then return spawned_in[here] end
  while loop.scheduler do
    if loop.scheduler.owner == here then return loop.scheduler.outer end
    loop = loop.scheduler.outer
  end
  core.misuse("the client of a batch's item was used outside of that item")
end

--- The loop that waits for a call.
-- @param client the client
-- @param options table of the call's, or the batch's, options
-- @return loop
function host.loop(client, options)
  local batch = batches[this()]
  if batch and batch.scheduler.core == client.core then
    if may_yield() then return batch end
    core.misuse("an item of a batch cannot wait in a function that C calls (as gsub, sort and metamethods do)")
  end
  local loop, known = client.loop, private[client]
  if not loop.scheduler then loop = options.loop or loop end
  if known.loops[loop] then return loop end
  core.check("call", { loop = loop })
  if loop.scheduler then
    loop = outside_of(loop)
    if loop.scheduler then return loop end
  end
  local release = loop.release
  if release ~= nil then known.releases[release] = true end
  known.loops[loop] = true
  return loop
end

--- Unregisters a client from every loop that waited for it.
-- @param secrets list: of the client, as of auth.secrets
function host.release(client, secrets)
  for release in next, private[client].releases do
    local done, problem = pcall(release, client.core)
    if not done then host.warn("a loop's release", problem, secrets) end
  end
end

--- The time of a loop's clock, in seconds: real monotonic time unless the loop has a `now`.
function host.now(loop)
  local now = loop.now
  if not now then return core.monotonic() end
  local time = now()
  if type(time) ~= "number" or time ~= time or time == math.huge or time == -math.huge then
    core.misuse("loop.now: expected a number of seconds, got " .. host.text(time))
  end
  local before = last[loop]
  if before and time < before then
    core.misuse(("loop.now: expected a clock that never goes back, got %.14g after %.14g"):format(time, before))
  end
  last[loop] = time
  return time
end

--- Sleeps, and sleeps again if the loop returns early because other code resumed the coroutine. A loop whose sleep
-- takes no time has another clock, and is not made to sleep again.
-- @param loop as of host.loop
-- @param core_client the client's core
-- @param seconds number
function host.sleep(loop, core_client, seconds)
  if loop.scheduler then return loop.sleep(core_client, seconds) end
  local now = host.now(loop)
  local wake = now + seconds
  repeat
    local before = now
    loop.sleep(core_client, wake - now)
    now = host.now(loop)
  until now > wake - CLOCK or now - before < CLOCK or not core_client:usable()
end

--- The text of an error, whose metatable may raise an error too.
function host.text(problem)
  local done, text = pcall(tostring, problem)
  return done and text or "a " .. type(problem) .. " that has no text"
end

--- Warns of a callback's failure that no err can hold.
-- @param what string: what failed
-- @param problem anything: its error
-- @param secrets list: what to redact, as of auth.secrets
function host.warn(what, problem, secrets)
  pcall(tell, "cpp: ", what, " failed: ", redact(host.text(problem), secrets))
end

--- The function that calls callbacks in the host's own coroutine: like pcall, with at most two results.
-- @param loop as of host.loop
function host.caller(loop)
  return loop.scheduler and loop.scheduler.call or pcall
end

--- Calls a callback, in the host's own coroutine.
-- @param loop as of host.loop
-- @param fn function
-- @param ... its arguments
-- @return true and at most two results; or false and its error
function host.call(loop, fn, ...)
  return host.caller(loop)(fn, ...)
end

-- The loop of the host in which a batch, or a batch within it, waits.
local function outermost(loop)
  while loop.scheduler do loop = loop.scheduler.outer end
  return loop
end

--- Starts a function in its own coroutine, beside the running one.
-- @param loop as of host.loop
-- @param fn function(loop), which must not raise an error: it gets the loop to wait in
-- @return the coroutine; or nil if the loop cannot start one here. Raises the errors of the loop
function host.spawn(loop, fn)
  loop = outermost(loop)
  if not loop.spawn then return nil end
  local thread = coroutine.create(function() fn(loop) end)
  started_by[thread], spawned_in[thread] = this(), loop
  local item = running
  running = nil -- the function may begin at once, and is not part of the item
  local done, started = pcall(loop.spawn, thread)
  running = item
  if not done then error(started, 0) end
  return started ~= false and thread or nil
end

local LONGEST_CHUNK = 60 -- bytes of a chunk's name in a message, LUA_IDSIZE of luaconf.h

--- Whether an error comes from Ctrl-C in the interpreter (lua.c): its text is a position and "interrupted!".
function host.is_interrupt(problem)
  if type(problem) ~= "string" then return false end
  local chunk = problem:match "^([^\n]*):%d+: interrupted!$"
  return problem == "interrupted!" or chunk ~= nil and #chunk < LONGEST_CHUNK
end

--- Raises the error of a Ctrl-C in a callback again: it is not an error of the callback.
function host.pass_interrupt(problem)
  if host.is_interrupt(problem) then error(problem, 0) end
end

--- Whether a coroutine cannot continue before the running one: it is the running one, or waits for it, because that is
-- the callback of a batch, an item, or was started by host.spawn.
function host.is_held_up(thread)
  local here, through = this(), nil -- through: the batch by which `here` waits for the running coroutine
  while here do
    local held, by = thread, nil
    while held do
      if held == here then return through == nil or through ~= by end -- two items of a batch do not wait for each other
      by = batches[held]
      held = by and by.scheduler.owner
    end
    through = batches[here]
    here, through = through and through.scheduler.owner or started_by[here], through or started_by
  end
  return false
end

return host
