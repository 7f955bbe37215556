-- One run of a command that sends requests: a client, the targets, all concurrently, and a report of each.
--
-- The command checks for signals while it waits. After a signal it starts no further call. Requests in flight get GRACE
-- seconds for their responses, so that the end of each target is known and reported.

local auth = require "cpp.auth"
local calls = require "cpp.command.calls"
local core = require "cpp.core"
local cpp = require "cpp"
local debug = require "cpp.command.debug"
local environment = require "cpp.environment"
local exit = require "cpp.command.exit"
local new_loop = require "cpp.command.loop"
local options = require "cpp.command.options"
local private = require "cpp.private"
local preview = require "cpp.command.preview"
local report = require "cpp.command.report"
local Screen = require "cpp.command.screen"
local states = require "cpp.status"
local token_file = require "cpp.command.token_file"

local GRACE = 10 -- seconds

local Session = {}
Session.__index = Session

-- Calls a check of the library, and replaces the library's names in its message by those of the command line.
local function checked(session, of, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local field, expected = tostring(results[2]):match("cpp: ([%a_]+)[%[%d%]]*: (.*)$")
  if not field then error(results[2], 0) end
  error({ usage = options.label(field, of, session.given) .. ": " .. expected })
end

--- The given options with a scope of the library.
-- @param of string: "client", "call", "wait" or "batch"
-- @return table with the library's names
function Session:options_of(of)
  return options.of(of, self.given)
end

--- The options of a call for a target.
function Session:request(target)
  local fields = self:options_of("call")
  fields.publisher, fields.offer, fields.location = target.publisher, target.offer, nil
  if not target.offer then fields.location = target.location end
  return fields
end

-- Reports attempts: each one with --verbose; on a terminal, the pauses that the service requests.
local function log_of(session)
  local screen = session.screen
  if session.given.verbose then
    return function(entry)
      screen:say(("%s %s: %s in %.0f ms (attempt %d)"):format(entry.method, entry.url or "-",
        entry.status or entry.kind, entry.milliseconds, entry.attempt))
    end
  elseif screen.shown then
    return function(entry)
      if entry.status ~= 429 then return end
      local pause = entry.retry_after and (" of %g s"):format(entry.retry_after) or ""
      screen:say("too many requests: the service asks for a pause" .. pause)
    end
  end
end

-- Called while the command waits. Returns true once, after a signal: the batch must stop.
local function between(session)
  pcall(session.screen.tick, session.screen) -- even if the output fails
  local count, number = core.signals()
  local is_first = count > 0 and not session.signal
  if is_first then
    session.signal = exit.of_signal(number)
    report.interrupted(session, GRACE)
  elseif count > 1 and session.client.core:usable() then
    session.client:close() -- the outcome of requests in flight is unknown
  end
  return is_first
end

local BEGINNING = 1 << 20 -- bytes of a CA file that are searched for a certificate

-- Raises a usage error for a CA file that cannot be read, or has no certificate, before anything is sent.
local function check_ca_file(name)
  if not name then return end
  local file <close>, problem = io.open(name)
  if not file then error({ usage = "--ca-file: " .. problem }) end
  if not file:seek() then return end -- a pipe can be read only once
  local text, failure = file:read(BEGINNING)
  if failure then error({ usage = ("--ca-file: %s: %s"):format(name, failure) }) end
  if not (text or ""):find "%-%-%-%-%-BEGIN [%u%d ]*CERTIFICATE%-" then
    error({ usage = ("--ca-file: %s holds no certificate in PEM"):format(name) })
  end
end

local function open_client(session, token)
  check_ca_file(session.given["ca-file"])
  local fields = { base_url = environment.base_url(), authority_url = environment.authority_url() }
  for name, value in pairs(session:options_of("client")) do fields[name] = value end
  fields.token = token or fields.token
  fields.log = log_of(session)
  fields.loop = new_loop(function() return between(session) end)
  local client = checked(session, "client", cpp.client, fields)
  private[client].advice = "give --token-file, set AZURE_TOKEN, or run az login"
  return client
end

-- Everything is checked before anything is sent.
local function check(session, client)
  checked(session, "wait", core.check, "wait", session:options_of("wait"))
  checked(session, "batch", core.check, "batch", session:options_of("batch"))
  for _, target in ipairs(session.targets) do
    local request = session:request(target)
    local endpoint = request.location and "location" or request.operation_id and "operation"
      or session.command.endpoint
    checked(session, "call", client.core.check, client.core, endpoint, request)
  end
end

--- An on_progress function for a target's wait.
function Session:progress_of(target)
  return function(operation)
    target.location = operation.location or target.location
    if #self.targets > 1 and states.ended(operation.state) ~= nil then return end -- its row reports the end
    operation.publisher, operation.offer = target.publisher, target.offer
    pcall(self.screen.progress, self.screen, operation)
  end
end

--- Shows that a call was accepted, before the wait for its end. Errors of the output are ignored.
function Session:show_accepted(target, result)
  pcall(report.accepted, self, target, result)
  pcall(self.screen.progress, self.screen, { state = "accepted", publisher = target.publisher, offer = target.offer })
end

-- Reports how a target's call ended. An error does not end the run: other calls must be reported as well.
local function report_end(session, target, result, err)
  if err and not session.signal then between(session) end -- a signal may be what ended it
  local done, status = pcall(report.outcome, session, target, result, err)
  if not done then status = report.unwritten(session, target, err, status) end
  session.seen[status] = true
  target.ended = true
end

--- Whether to start no further call. A command that only reads stops as well if nothing reads its output.
function Session:is_over()
  if self.signal or between(self) then return true end
  return self.command.call == "look" and self.screen.problem ~= nil
end

local function run(session, client)
  if session.given["dry-run"] then return preview.dry_run(session) end
  local refused = preview.may_ask(session) and preview.ask(session)
  if refused then return refused end
  local batch = session:options_of("batch")
  local problem -- an error that ends the batch, raised when the started calls have ended
  batch.should_stop = function() return session:is_over() end
  batch.on_result = function(index, entry)
    local target = session.targets[index]
    local done
    done, problem = pcall(report_end, session, target, entry.result, entry.err)
    assert(done) -- or the batch ends
  end
  local call = calls[session.command.call]
  client:map(session.targets, function(target, item_client) return call(session, item_client, target) end, batch)
  if problem then error(problem, 0) end
  return session.seen[session.signal] and session.signal or exit.worst(session.seen)
end

--- Runs a command.
-- @param parsed table from cpp/command/parser.lua
-- @return the exit status. Raises a table with `usage` if the library does not accept an option or operand
function Session.run(parsed)
  local session = setmetatable({ command = parsed.command, given = parsed.given, targets = parsed.targets,
                                 screen = Screen.new(parsed.given, #parsed.targets),
                                 seen = {}, in_flight = 0 }, Session)
  core.begin_command(GRACE)
  local file, token = parsed.given["token-file"], nil
  if file then
    local problem
    token, problem = token_file(file)
    if not token then return report.without_token(session, problem) end
  end
  local client <close> = open_client(session, token)
  session.client = client
  if parsed.given.debug then private[client].watch = debug(session) end
  local call, secrets = session:options_of("call"), private[client].secrets[1] -- kept if the client is closed
  function session.screen.secrets() return secrets and auth.secrets(client, call) end
  check(session, client)
  local done, status = pcall(run, session, client)
  if not done then return report.broken(session, status) end
  local written, problem = session.screen:finish()
  if written then return status end
  session.screen:say("standard output: " .. problem)
  return status == session.signal and status or exit.worst { [status] = true, [exit.FAILED] = true }
end

return Session
