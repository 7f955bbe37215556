-- The exit statuses of cpp-portal. Scripts may rely on them; help and the manual list them.

local exit = {
  { status = 0, name = "DONE", help = "done" },
  { status = 1, name = "FAILED",
    help = "request refused, operation failed, or outcome not as expected" },
  { status = 2, name = "USAGE", help = "wrong usage; nothing was sent" },
  { status = 3, name = "AMBIGUOUS",
    help = "the service may have acted: check before retrying" },
  { status = 4, name = "NOT_ENDED",
    help = "the operation had not ended when the wait stopped: run `cpp-portal wait`" },
  { status = 5, name = "UNAUTHORIZED",
    help = "no token available, or the service refused it (401, 403)" },
  { status = 6, name = "UNAVAILABLE",
    help = "the service is unreachable or busy: nothing was done, try later" },
  { status = 129, name = "HUNG_UP", help = "the terminal was closed (SIGHUP)" },
  { status = 130, name = "INTERRUPTED", help = "interrupted (Ctrl-C)" },
  { status = 143, name = "TERMINATED", help = "terminated (SIGTERM)" },
}

local meanings = {}
for _, row in ipairs(exit) do exit[row.name], meanings[row.status] = row.status, row.help end

-- With several offers, the exit status is the first of these that occurs.
local URGENCY = { exit.AMBIGUOUS, exit.FAILED, exit.UNAUTHORIZED, exit.UNAVAILABLE, exit.NOT_ENDED }

--- The exit status for several offers.
-- @param seen table: statuses that occurred, as its keys
-- @return number
function exit.worst(seen)
  for _, status in ipairs(URGENCY) do
    if seen[status] then return status end
  end
  return exit.DONE
end

--- The exit status for a signal, as in shells.
-- @param number of the signal
function exit.of_signal(number)
  return 128 + number
end

--- The meaning of a status, as text.
function exit.meaning(status)
  return meanings[status]
end

--- The status for an err.
-- @param err an err of the library
-- @param accepted boolean: the command has started an operation, which continues
-- @return number
function exit.of(err, accepted)
  if err.ambiguous then return exit.AMBIGUOUS end
  if err.kind == "failed" then return exit.FAILED end
  if accepted then return exit.NOT_ENDED end
  if err.kind == "auth" or err.status == 401 or err.status == 403 then return exit.UNAUTHORIZED end
  if err.retryable then return exit.UNAVAILABLE end
  return exit.FAILED
end

return exit
