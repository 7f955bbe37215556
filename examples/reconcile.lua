#!/usr/bin/env lua5.4
-- A cancel with all cases: if it is not known whether the cancel arrived, the program queries the service, cancels
-- again if that is safe, and waits.
--
--   AZURE_TOKEN=... examples/reconcile.lua PUBLISHER OFFER
--
-- CPP_BASE_URL replaces the URL of the service, for example by that of an emulator. Exit status: 0 canceled; 1 not
-- canceled; 2 wrong usage; 3 not known: check in the portal.

local cpp = require "cpp"

local CANCELED, NOT_CANCELED, WRONG_USAGE, UNKNOWN = 0, 1, 2, 3
local TRIES = 3

local function say(...)
  io.stderr:write(table.concat { ... }, "\n")
end

-- The result of a cancel that was certainly accepted, or what reconcile found: { state = "canceled" }.
local function cancel(target)
  local result, err
  for _ = 1, TRIES do
    result, err = cpp.cancel(target)
    -- A clear result. Requests that are safe to retry have been retried already.
    if result or not err.ambiguous then return result, err end

    say(tostring(err))
    local found, problem = cpp.reconcile(err)
    if not found then
      say("The query failed, too: ", tostring(problem))
      return nil, err
    end
    say("The service says: ", found.state)
    if found.state == "canceled" then return found end
    if found.state == "unknown" then return nil, err end
    -- It runs: the cancel has not arrived, or has not taken effect yet. An offer has at most one running operation
    -- (documented), and cancelling it again changes nothing (inferred). If other programs publish the offers at the
    -- same time, compare the ids of operations first.
  end
  return nil, err
end

local function main(publisher, offer)
  if not offer then
    say("Usage: reconcile.lua PUBLISHER OFFER")
    return WRONG_USAGE
  end
  local result, err = cancel { publisher = publisher, offer = offer }
  if not result then
    say(tostring(err))
    return err.ambiguous and UNKNOWN or NOT_CANCELED
  end

  -- Printed before the wait, so that another process can resume it with cpp.wait(location).
  if result.location then print("location: " .. result.location) end
  io.stdout:flush()

  local operation = result
  if not result.outcome then
    operation, err = cpp.wait(result, { on_progress = cpp.progress(io.stderr) })
    if not operation then
      say(tostring(err))
      return err.kind == "failed" and NOT_CANCELED or UNKNOWN
    end
  end
  print(operation.outcome) -- "completed" where the publish finished first
  if operation.outcome == "unknown" then return UNKNOWN end
  return operation.outcome == "canceled" and CANCELED or NOT_CANCELED
end

os.exit(main(arg[1], arg[2]), true)
