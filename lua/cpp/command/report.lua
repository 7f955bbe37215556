-- Reports the outcome of each target, as a table or as JSON.

local advice = require "cpp.command.advice"
local encode = require "cpp.command.json"
local exit = require "cpp.command.exit"
local redact = require "cpp.redact"
local views = require "cpp.command.views"

local report = {}

-- The fields of an err in JSON.
local ERROR_FIELDS = { "kind", "message", "status", "code", "reason", "retryable", "ambiguous", "attempts", "method",
                       "url", "location", "request_id", "client_request_id", "retry_after", "operation",
                       "call", "sent_at", "submission_id" }

local function view_of(session)
  return views[session.command.view]
end

-- The table of a session; its first column is as wide as the longest offer.
local function table_of(session)
  if not session.table then
    local names = {}
    for i, target in ipairs(session.targets) do names[i] = { target.offer } end
    session.table = session.screen:table(view_of(session).columns, names)
  end
  return session.table
end

local function write_rows(session, target, document)
  table_of(session)(view_of(session).rows(document, target, session.screen.secrets()))
end

local function write_details(session, document)
  local view = view_of(session)
  if #session.targets > 1 or not view.details or session.screen.quiet then return end
  local rows = view.details.rows(document, session.screen.secrets())
  if #rows > 0 then
    session.screen:answer("")
    session.screen:table(view.details.columns, rows)(rows)
  end
  session.screen:notes(view.messages(document))
end

local function shell_quote(text)
  if text:find("^[%w%-%._/:]+$") then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- The command line for another run of this command.
local function command_line(session, ...)
  local words = { "cpp-portal", ... }
  if session.given["base-url"] then
    table.insert(words, 3, "--base-url")
    table.insert(words, 4, session.given["base-url"])
  end
  for i, word in ipairs(words) do words[i] = shell_quote(word) end
  return table.concat(words, " ")
end

local function say(session, target, line)
  session.screen:say((target.offer and target.offer .. ": " or "") .. line)
end

-- The outcomes of a wait that count as a success; nil: any.
local function wanted(session)
  local one = session.given["for"]
  return one and { one } or session.given.wait and session.command.ends or nil
end

local function say_how_to_go_on(session, target, location)
  local words = { "wait" }
  if wanted(session) then words = { "wait", "--for", wanted(session)[1] } end
  for _, word in ipairs(location and { location } or { target.publisher, target.offer }) do words[#words + 1] = word end
  say(session, target, "resume with: " .. command_line(session, table.unpack(words)))
end

local function say_how_to_look(session, target)
  local words = { "operations", "--status", "running", target.publisher, target.offer }
  if not target.offer then words = { "operation", target.location } end
  say(session, target, "check before retrying: " .. command_line(session, table.unpack(words)))
end

-- Standard error reports the same, so a failure to write the JSON is ignored.
local function write_error(session, target, fields)
  fields.location = redact(fields.location, session.screen.secrets())
  local done, text = pcall(encode, { publisher = target.publisher, offer = target.offer, error = fields })
  if done then session.screen:answer(text) end
end

-- Whether a signal ended a target's call before the service had acted, also by ending az or a pause.
local function is_cut_off(session, target, err)
  if not session.signal then return false end
  if err.kind == "stopped" or err.kind == "closed" then return true end
  return not err.ambiguous and not target.accepted and (err.kind == "auth" or err.retryable == true)
end

--- Reports that a signal came before the end of a target's call.
-- @param err the err of the call; an empty table for a call that was not started
-- @return the exit status for it
function report.cut_off(session, target, err)
  if session.given.json then
    write_error(session, target, { kind = "interrupted", message = exit.meaning(session.signal),
                                   ambiguous = err.ambiguous or false, location = err.location or target.location })
  end
  if err.ambiguous then
    say(session, target, "the service may have acted")
    say_how_to_look(session, target)
  elseif target.accepted or session.command.call == "wait" then
    say_how_to_go_on(session, target, err.location or target.location)
  elseif session.command.call == "start" then
    say(session, target, err.status and err.kind == "http" and "nothing was done" or "nothing was sent")
  end
  return session.signal
end

local function failure(session, target, err)
  -- The library treats an error of an item's code as ambiguous, even if the item sent only GETs.
  if not target.begun or target.accepted or session.command.call ~= "start" then err.ambiguous = false end
  if is_cut_off(session, target, err) then return report.cut_off(session, target, err) end
  if err.kind == "stopped" then return exit.DONE end -- nothing reads the output
  local accepted = target.accepted or session.command.call == "wait" and err.kind == "timeout"
  local status = exit.of(err, accepted)
  if session.given.json then
    local fields = {}
    for _, name in ipairs(ERROR_FIELDS) do fields[name] = err[name] end
    fields.location = fields.location or target.location
    write_error(session, target, fields)
  end
  local hint = advice(session, err)
  say(session, target, tostring(err) .. (hint and "; " .. hint or ""))
  if status == exit.AMBIGUOUS then say_how_to_look(session, target) end
  if status == exit.NOT_ENDED then
    local location = err.kind ~= "untrusted" and (err.location or target.location) or nil -- it would fail again
    say_how_to_go_on(session, target, location)
  end
  return status
end

-- The document for a result: a list becomes a member.
local function document_of(session, target, result)
  local list = session.command.list
  local document = list and { [list] = result } or result
  -- The names come from the target, not from the service.
  if target.publisher then document.publisher, document.offer = target.publisher, target.offer end
  return document
end

-- Names that the library adds to a result, and which may hold a secret of the service's text. The rest is the document
-- of the service, which is unchanged.
local ADDED = { "location", "operation_id", "submission_id" }

local function write_json(session, document)
  local secrets, list = session.screen.secrets(), session.command.list
  for _, name in ipairs(ADDED) do document[name] = redact(document[name], secrets) end
  local text = encode(document)
  if list and #document[list] == 0 then text = text:gsub(('"%s":{}'):format(list), ('"%s":[]'):format(list)) end
  session.screen:answer(text)
end

-- Reports the state of a target on standard error, if standard output cannot be written. This includes targets that
-- were written before, since a pipe may have lost them.
local function tell(session, target, document)
  if session.command.call == "look" then return end
  local location = document.location or target.location
  target.told = (document.outcome or document.state or "accepted") .. (location and ": " .. location or "")
  if not session.screen.problem then return end
  for _, one in ipairs(session.retold and { target } or session.targets) do
    if one.told then say(session, one, one.told) end
  end
  session.retold = true
end

--- Reports that a call was accepted, before the wait for its end: another process can resume the wait from the
-- location.
function report.accepted(session, target, result)
  if session.given.json then
    if result.location and not session.screen.quiet then say(session, target, "accepted: " .. result.location) end
  else
    write_rows(session, target, result)
    tell(session, target, result)
  end
end

-- The exit status for the outcome of a wait; nil: there was no wait.
local function conclude(session, target, outcome)
  local outcomes = wanted(session)
  if not outcome or not outcomes or outcome == "none" and session.given["if-running"] then return exit.DONE end
  for _, one in ipairs(outcomes) do
    if outcome == one then return exit.DONE end
  end
  if outcome == "unknown" then
    say(session, target, "the service does not report the outcome")
    say_how_to_look(session, target)
    return exit.AMBIGUOUS
  end
  say(session, target, ("the outcome is %s, not %s"):format(outcome, outcomes[1]))
  return exit.FAILED
end

--- Reports how a target's call ended.
-- @return the exit status for it
function report.outcome(session, target, result, err)
  pcall(session.screen.ended, session.screen, target) -- even if the output fails
  if not result then return failure(session, target, err) end
  local document = document_of(session, target, result)
  if session.given.json then
    write_json(session, document)
  else
    write_rows(session, target, document)
    write_details(session, document)
  end
  tell(session, target, document)
  return conclude(session, target, document.outcome)
end

--- Reports that the result of a target's call, which has ended, could not be written.
-- @param problem the error
-- @return the exit status for it
function report.unwritten(session, target, err, problem)
  local message = (target.accepted and "accepted, but " or "") .. "the result cannot be written: "
    .. tostring(problem)
  if session.given.json then
    write_error(session, target, { kind = "raised", message = message, ambiguous = err and err.ambiguous or false,
                                   location = target.location })
  end
  say(session, target, message)
  if err and err.ambiguous then
    say_how_to_look(session, target)
  elseif target.accepted or session.command.call == "wait" then
    say_how_to_go_on(session, target, target.location)
  end
  return err and err.ambiguous and exit.AMBIGUOUS or exit.FAILED
end

-- Reports a target whose call had not ended when the run ended.
local function left(session, target, kind, message)
  local unknown = not target.accepted and session.command.call == "start"
  if session.given.json then
    write_error(session, target, { kind = kind, message = message, ambiguous = unknown, location = target.location })
  end
  if unknown then
    say(session, target, "the service may have acted")
    say_how_to_look(session, target)
  else
    say_how_to_go_on(session, target, target.location)
  end
  return unknown and exit.AMBIGUOUS or exit.NOT_ENDED
end

--- Reports that the token file has no token.
-- @return the exit status
function report.without_token(session, problem)
  local message = "--token-file: " .. problem
  if session.given.json then session.screen:answer(encode { error = { kind = "auth", message = message } }) end
  session.screen:say(message)
  return exit.UNAUTHORIZED
end

--- Reports a signal.
-- @param grace seconds that requests in flight may take
function report.interrupted(session, grace)
  local rest = session.in_flight > 0 and (": finishing what was sent, for at most %d s"):format(grace) or ""
  session.screen:say(exit.meaning(session.signal) .. rest)
end

--- Reports that the run ended early, for example because memory ran out, with each target that was begun.
-- @param problem the error
-- @return the exit status
function report.broken(session, problem)
  session.screen:say(tostring(problem))
  for _, target in ipairs(session.targets) do
    local is_left = target.begun and not target.ended
    if is_left then session.seen[left(session, target, "raised", tostring(problem))] = true end
  end
  session.seen[exit.FAILED] = true
  return exit.worst(session.seen)
end

return report
