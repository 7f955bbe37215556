-- Before the command acts: prints the requests (--dry-run); or, on a terminal, the running operations, and asks whether
-- to cancel them.

local core = require "cpp.core"
local encode = require "cpp.command.json"
local exit = require "cpp.command.exit"
local follow = require "cpp.follow"
local outcome = require "cpp.outcome"
local redact = require "cpp.redact"
local report = require "cpp.command.report"
local status = require "cpp.status"

local preview = {}

--- Writes the request of each target, without its token, and sends nothing.
-- @return the exit status
function preview.dry_run(session)
  for place, target in ipairs(session.targets) do
    local method, url, lines, body = session.client.core:describe(session.command.endpoint, session:request(target))
    lines = lines .. "Authorization: Bearer [token]\n"
    if session.given.json then
      local headers = {}
      for name, value in lines:gmatch "([^:\n]+): ([^\n]*)\n" do headers[name] = value end
      session.screen:answer(encode { publisher = target.publisher, offer = target.offer,
                                     request = { method = method, url = url, headers = headers, body = body } })
    else
      session.screen:answer(("%s%s %s\n%s\n%s"):format(place > 1 and "\n" or "", method, url, lines, body))
    end
  end
  return exit.DONE
end

--- Whether the command can ask: standard input and standard error are terminals.
function preview.may_ask(session)
  return session.command.asks and not session.given.yes and core.is_terminal(io.stdin) and core.is_terminal(io.stderr)
end

local LONGEST = 64 -- bytes of a text of the service: the question must not move out of sight

-- A text about a running submission.
local function describe(client, request, submission, secrets)
  follow.complete(client, request, nil, submission)
  local words = {}
  local function add(before, text)
    if type(text) == "string" then words[#words + 1] = before .. redact.line(text, LONGEST, secrets) end
  end
  local kind = submission.submissionType
  add("", type(kind) == "string" and kind or "operation")
  add("", submission.state)
  add("slot ", submission.slot)
  add("changed ", submission.changedTime)
  if submission.steps then add("", ("%d %%"):format(submission.progress)) end
  add("", status.current_step(submission))
  return table.concat(words, ", ")
end

-- Finds the running operation of an offer. Returns a table with `words`, and with `none`, the result of a cancel with
-- --if-running, if none is running. Or nil, err.
local function look_at(client, request, secrets)
  local runs, submission, newest, offer = follow.runs(client, request)
  if runs == nil then return nil, submission end
  if runs then
    return { words = submission and describe(client, request, submission, secrets) or "an operation, running" }
  end
  local evidence = outcome.evidence({ submission = newest, offer = offer }, secrets)
  return { words = "nothing is running",
           none = { call = "cancel", outcome = "none", state = "none", evidence = evidence } }
end

-- Reports a target for which no cancel will be sent.
local function leave_out(session, target, result, err)
  session.seen[report.outcome(session, target, result, err)] = true
end

-- Requests the state of all targets, and prints the running operation of each. It removes from the session's targets
-- those whose request failed and, with --if-running, those without a running operation.
local function look(session)
  local entries = session.client:map(session.targets, function(target, client)
    return look_at(client, { publisher = target.publisher, offer = target.offer }, session.screen.secrets())
  end, { should_stop = function() return session:is_over() end })
  local targets = {}
  for _, entry in ipairs(entries) do
    local target, seen = entry.request, entry.result
    if seen then session.screen:say(target.offer .. ": " .. seen.words) end
    if not seen then
      leave_out(session, target, nil, entry.err)
    elseif seen.none and session.given["if-running"] then
      leave_out(session, target, seen.none)
    else
      targets[#targets + 1] = target
    end
  end
  session.targets = targets
end

-- Reports a signal that came before the reply.
local function interrupted(session)
  for _, target in ipairs(session.targets) do report.cut_off(session, target, {}) end
  return session.signal
end

--- Prints the running operation of each target, and asks whether to cancel them.
-- @return nil to continue with the remaining targets; or the exit status
function preview.ask(session)
  look(session)
  if session.signal then return interrupted(session) end
  local count = #session.targets
  if count == 0 then return exit.worst(session.seen) end
  session.screen:ask((count == 1 and "Cancel it?" or ("Cancel these %d?"):format(count)) .. " [y/N] ")
  local answer = io.stdin:read "l"
  if answer and answer:lower():find "^%s*y" then return nil end
  if session:is_over() then return interrupted(session) end
  session.screen:say "not confirmed: nothing was sent"
  return exit.FAILED
end

return preview
