-- The calls of the commands, each for one target, in a coroutine of a batch.
--
-- A target is a table with publisher and offer, or location. Its fields `begun`, `accepted` and `location` record the
-- state of the call, for a report if the command is interrupted.

local calls = {}

--- Waits until the target's operation has ended.
-- @param session the session (cpp/command/session.lua)
-- @param client the batch's client
-- @param target the target; the wait follows its field `followed`, or the target itself
-- @return the operation after it has ended; or nil, err
function calls.wait(session, client, target)
  target.begun = true
  local options = session:options_of("wait")
  options.on_progress = session:progress_of(target)
  local given = target.followed or session:request(target)
  -- The operation may be one of a cancellation, whose end alone is not the outcome.
  local names_one = given.location or given.operation_id
  if session.given["for"] == "canceled" and names_one then given.call = "cancel" end
  return client:wait(given, options)
end

--- Starts or cancels an operation and, with --wait, waits for its end.
-- @return the call's result, or the operation after it has ended; or nil, err
function calls.start(session, client, target)
  target.begun, session.in_flight = true, session.in_flight + 1
  local result, err = client[session.command.endpoint](client, session:request(target))
  session.in_flight = session.in_flight - 1
  if not result then return nil, err end
  if result.outcome then -- nothing was sent
    result.state = result.state or result.outcome
    return result
  end
  target.accepted, target.location, target.followed = true, result.location, result
  if not session.given.wait then
    result.state = result.state or "accepted"
    return result
  end
  if not result.state then session:show_accepted(target, result) end
  return calls.wait(session, client, target)
end

--- Reads once.
-- @return what the client's method returns
function calls.look(session, client, target)
  return client[session.command.endpoint](client, session:request(target))
end

return calls
