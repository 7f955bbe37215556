-- Before the command acts: prints what it would send (--dry-run), or what it would cancel, and asks on a terminal.

local core = require "cpp.core"
local encode = require "cpp.command.json"
local exit = require "cpp.command.exit"
local follow = require "cpp.follow"
local outcome = require "cpp.outcome"
local report = require "cpp.command.report"
local status = require "cpp.status"

local preview = {}

local NOTHING = "nothing is running"

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

-- What runs on an offer, as text; nil if nothing runs. Or nil, err.
local function running_on(client, request)
  local list, err = client:operations(request)
  if not list then return nil, err end
  local submission = outcome.running(list)
  if not submission then return nil end
  follow.complete(client, request, nil, submission)
  local kind = submission.submissionType
  local words = { type(kind) == "string" and kind or "operation", submission.state }
  words[#words + 1] = submission.slot and "slot " .. tostring(submission.slot) or nil
  words[#words + 1] = submission.changedTime and "changed " .. tostring(submission.changedTime) or nil
  if submission.steps then words[#words + 1] = ("%d %%"):format(submission.progress) end
  words[#words + 1] = status.current_step(submission)
  return table.concat(words, ", ")
end

-- Requests the state of all targets, and prints what runs on each. Targets whose request fails are reported, and left
-- out. Returns the number of targets for which a cancel would be sent.
local function look(session)
  local entries = session.client:map(session.targets, function(target, client)
    local request = { publisher = target.publisher, offer = target.offer }
    local words, err = running_on(client, request)
    return not err and (words or NOTHING), err
  end, { should_stop = function() return session:is_over() end })
  local targets, running = {}, 0
  for _, entry in ipairs(entries) do
    if entry.result then
      targets[#targets + 1] = entry.request
      if entry.result ~= NOTHING or not session.given["if-running"] then running = running + 1 end
      session.screen:say(entry.request.offer .. ": " .. entry.result)
    else
      session.seen[report.outcome(session, entry.request, nil, entry.err)] = true
    end
  end
  session.targets = targets
  return running
end

-- A signal came before the user's reply.
local function interrupted(session)
  for _, target in ipairs(session.targets) do report.cut_off(session, target, {}) end
  return session.signal
end

--- Prints what runs on each target, and asks whether to cancel it.
-- @return nil to continue with the remaining targets; or the exit status
function preview.ask(session)
  local count = look(session)
  if session.signal then return interrupted(session) end
  if #session.targets == 0 then return exit.worst(session.seen) end
  if count == 0 then return nil end
  session.screen:ask((count == 1 and "Cancel it?" or ("Cancel these %d?"):format(count)) .. " [y/N] ")
  local answer = io.stdin:read "l"
  if answer and answer:lower():find "^%s*y" then return nil end
  if session:is_over() then return interrupted(session) end
  session.screen:say "not confirmed: nothing was sent"
  return exit.FAILED
end

return preview
