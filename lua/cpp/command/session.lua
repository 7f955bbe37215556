-- One run of a command that asks the service: a client, the targets, all at once, and a report of each.

local auth = require "cpp.auth"
local calls = require "cpp.command.calls"
local cpp = require "cpp"
local environment = require "cpp.environment"
local exit = require "cpp.command.exit"
local host = require "cpp.host"
local options = require "cpp.command.options"
local report = require "cpp.command.report"
local Screen = require "cpp.command.screen"
local token_file = require "cpp.command.token_file"

local Session = {}
Session.__index = Session

-- Runs what checks options in the library, and renames in its message what the user calls otherwise.
local function checked(of, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local field, expected = tostring(results[2]):match("cpp: ([%a_]+)[%[%d%]]*: (.*)$")
  if not field then error(results[2], 0) end
  error({ usage = options.label(field, of) .. ": " .. expected }, 0)
end

-- Calls a function whose failure must not end what goes on meanwhile. An interrupt does.
-- @return as pcall
local function attempt(fn, ...)
  local done, result = pcall(fn, ...)
  if not done and host.is_interrupt(result) then error(result, 0) end
  return done, result
end

--- The given options that are options of something of the library.
-- @param of string: "client", "call", "wait" or "batch"
-- @return table with the library's names
function Session:options_of(of)
  local fields = {}
  for _, option in ipairs(options) do
    if option.of == of then fields[option.field] = self.given[option.name] end
  end
  return fields
end

--- What a call for a target is given.
function Session:request(target)
  local fields = self:options_of("call")
  fields.publisher, fields.offer, fields.location = target.publisher, target.offer, nil
  if not target.offer then fields.location = target.location end
  return fields
end

local function log_to(screen)
  return function(entry)
    screen:say(("%s %s: %s in %.0f ms (attempt %d)"):format(entry.method, entry.url or "-",
      entry.status or entry.kind, entry.milliseconds, entry.attempt))
  end
end

local function open_client(session)
  local fields = environment()
  for name, value in pairs(session:options_of("client")) do fields[name] = value end
  if session.given["token-file"] then fields.token = token_file(session.given["token-file"]) end
  if session.given.verbose then fields.log = log_to(session.screen) end
  return checked("client", cpp.client, fields)
end

-- Everything is checked before anything is sent.
local function check(session, client)
  checked("wait", cpp.core.check, "wait", session:options_of("wait"))
  checked("batch", cpp.core.check, "batch", session:options_of("batch"))
  for _, target in ipairs(session.targets) do
    local request = session:request(target)
    local endpoint = request.location and "location" or request.operation_id and "operation"
      or session.command.endpoint
    checked("call", client.core.check, client.core, endpoint, request)
  end
end

-- Several operations are shown as one. What is shown is summed up as it comes: there may be thousands.
local function advance(session, target, progress)
  session.progress = session.progress + progress - (target.progress or 0)
  target.progress = progress
end

local function all_of(session)
  local count = #session.targets
  return { state = ("%d of %d ended"):format(session.ended, count), progress = session.progress // count }
end

--- An on_progress function for a target's wait.
function Session:progress_of(target)
  return function(operation)
    target.location = operation.location or target.location
    advance(self, target, operation.progress)
    attempt(self.screen.progress, self.screen, #self.targets == 1 and operation or all_of(self))
  end
end

--- Shows that a call was accepted whose end is waited for, whatever becomes of what is shown.
function Session:show_accepted(target, result)
  attempt(report.accepted, self, target, result)
end

-- Reports how a target's call ended. Nothing but an interrupt ends the run: other calls have been accepted, and are
-- still to be reported. A target is told of twice rather than never where one comes meanwhile.
local function report_end(session, target, result, err)
  if err and err.kind == "raised" and host.is_interrupt(err.raised) then error(err.raised, 0) end
  local done, status = attempt(report.outcome, session, target, result, err)
  if not done then status = report.unwritten(session, target, result, err, status) end
  if session.screen.problem and target.accepted then report.said(session, target) end
  session.seen[status] = true
  target.ended = true
end

local function run(session, client)
  local batch = session:options_of("batch")
  local done, problem = true, nil -- what ends the batch is raised when what was begun has ended
  batch.on_result = function(index, entry)
    local target = session.targets[index]
    session.ended = session.ended + 1
    advance(session, target, 100)
    done, problem = pcall(report_end, session, target, entry.result, entry.err)
    if not done then error(problem, 0) end
  end
  local call = calls[session.command.call]
  client:map(session.targets, function(target, item_client) return call(session, item_client, target) end, batch)
  if not done then error(problem, 0) end
  return exit.worst(session.seen)
end

--- Runs a command.
-- @param parsed table from cpp/command/parse.lua
-- @return the exit status. Raises a table with `usage` where an option or operand is not what the
--   library takes
function Session.run(parsed)
  local session = setmetatable({ command = parsed.command, given = parsed.given, targets = parsed.targets,
                                 screen = Screen.new(parsed.given.quiet), seen = {}, ended = 0, progress = 0 }, Session)
  local client <close> = open_client(session)
  local call = session:options_of("call")
  function session.screen.secrets() return auth.secrets(client, call) end
  check(session, client)
  -- What reads the output may end before the last call has: that must not end the calls.
  if session.command.call == "start" then cpp.core.ignore_sigpipe() end
  local done, status = pcall(run, session, client)
  if not done then
    if type(status) == "table" and status.usage then error(status, 0) end
    local raised = type(status) == "table" and status.raised or status
    return host.is_interrupt(raised) and report.interrupted(session) or report.broken(session, status)
  end
  local written, problem = session.screen:finish()
  if written then return status end
  session.screen:say("standard output: " .. problem)
  return exit.worst { [status] = true, [exit.FAILED] = true }
end

return Session
