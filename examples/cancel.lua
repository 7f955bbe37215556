#!/usr/bin/env lua5.4
-- Cancels the publishing operation of an offer, as a tool for people and for scripts.
-- `examples/cancel.lua --help` tells the options. The token comes from the environment, never from
-- the command line, where every user of the machine could read it.

local cpp = require "cpp"

local USAGE = [[
Usage: cancel.lua [options] PUBLISHER OFFER
       cancel.lua [options] --resume LOCATION

Cancels the running publishing operation of an offer on the Azure Cloud Partner Portal.

  -e, --email ADDRESS   notify this address (may be given several times)
  -w, --wait            wait until the operation has ended, with progress on standard error
  -t, --timeout SECONDS how long to wait at most (default 900)
  -i, --interval SECONDS how long to wait between two looks at first (default 5)
  -r, --resume LOCATION wait for an operation by the location that an earlier run printed
  -s, --status          only show what runs on the offer
  -j, --json            print one JSON object on standard output
  -v, --verbose         log every request on standard error
  -h, --help            print this help

Environment: AZURE_TOKEN; or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET. With the Azure
command line:
  AZURE_TOKEN=$(az account get-access-token --resource https://cloudpartner.azure.com \
                --query accessToken --output tsv)
CPP_BASE_URL names another service, such as an emulator.

Exit status: 0 done; 1 failed; 2 wrong usage; 3 it is not known whether the service acted on it
(run again with --status); 4 the operation has not ended in time (go on with --resume).
]]

local DONE, FAILED, WRONG_USAGE, AMBIGUOUS, TIMED_OUT = 0, 1, 2, 3, 4

local function usage_error(message)
  io.stderr:write("cancel.lua: ", message, "\nTry `cancel.lua --help`.\n")
  os.exit(WRONG_USAGE, true)
end

-- Each option's long name; whether it takes a value.
local OPTIONS = {
  ["-e"] = "email", ["-w"] = "wait", ["-t"] = "timeout", ["-i"] = "interval", ["-r"] = "resume",
  ["-s"] = "status", ["-j"] = "json", ["-v"] = "verbose", ["-h"] = "help",
}
local TAKES_VALUE = { email = true, timeout = true, interval = true, resume = true }

local function option_name(word)
  local name = OPTIONS[word] or word:match("^%-%-(.+)$")
  for _, known in pairs(OPTIONS) do
    if known == name then return name end
  end
  return usage_error("unknown option " .. word)
end

local function parse(words)
  local given, emails, names = {}, {}, {}
  local place = 1
  while place <= #words do
    local word, value = words[place], nil
    if word:sub(1, 1) ~= "-" then
      names[#names + 1] = word
    else
      local long, inline = word:match("^(%-%-[^=]+)=(.*)$")
      local name = option_name(long or word)
      if TAKES_VALUE[name] then
        if not inline then place = place + 1 end
        value = inline or words[place] or usage_error("--" .. name .. " needs a value")
      end
      if name == "email" then emails[#emails + 1] = value else given[name] = value or true end
    end
    place = place + 1
  end
  return given, emails, names
end

local function log(entry)
  io.stderr:write(("%s %s: %s in %.0f ms (attempt %d)\n"):format(entry.method, entry.url or "-",
    entry.status or entry.kind, entry.milliseconds, entry.attempt))
end

local function print_json(value)
  print((require "cjson".encode(value)))
end

-- What of an err is worth having in JSON.
local function error_fields(err)
  local fields = { error = tostring(err) }
  for _, name in ipairs { "kind", "message", "status", "code", "retryable", "ambiguous", "location",
                          "request_id", "client_request_id", "attempts" } do
    fields[name] = err[name]
  end
  return fields
end

local function exit_status(err, waiting)
  if err.ambiguous then return AMBIGUOUS end
  if waiting and err.kind == "timeout" then return TIMED_OUT end
  return FAILED
end

local function report_failure(given, err, waiting)
  if given.json then print_json(error_fields(err)) end
  if waiting and err.operation and err.kind ~= "failed" and cpp.core.is_terminal(io.stderr) then
    io.stderr:write("\n") -- ends the line of progress
  end
  io.stderr:write(tostring(err), "\n")
  if err.ambiguous then
    io.stderr:write("The service may have acted on it: look with --status before trying again.\n")
  elseif err.location and err.kind ~= "failed" then
    io.stderr:write("Go on with: cancel.lua --resume '", err.location, "'\n")
  end
  return exit_status(err, waiting)
end

-- The options of every call; the module's default client takes the rest from the environment.
local function call_options(given, fields)
  fields.log = given.verbose and log or nil
  return fields
end

local function show_status(given, target)
  local running, err = cpp.operations(call_options(given, {
    publisher = target.publisher, offer = target.offer, status = "running",
  }))
  if not running then return report_failure(given, err) end
  local offer, failed = cpp.offer_status(call_options(given, target))
  if not offer then return report_failure(given, failed) end
  if given.json then
    print_json { publisher = target.publisher, offer = target.offer, state = offer.state, running = #running }
    return DONE
  end
  print(("%s/%s: %s"):format(target.publisher, target.offer, offer.state))
  for _, operation in ipairs(running) do
    print(("  running: %s %s"):format(operation.submissionType or "operation", operation.id or ""))
  end
  return DONE
end

local function wait(given, target)
  local operation, err = cpp.wait(target, call_options(given, {
    timeout = tonumber(given.timeout), interval = tonumber(given.interval), on_progress = cpp.progress(io.stderr),
  }))
  if not operation then return report_failure(given, err, true) end
  local canceled = operation.state == "canceled"
  if given.json then
    print_json { state = operation.state, status = operation.status, location = operation.location }
  else
    print("The operation ended: " .. operation.state ..
      (canceled and "." or ". It was faster than the cancel."))
  end
  return canceled and DONE or FAILED
end

local function cancel(given, target, emails)
  local result, err = cpp.cancel(call_options(given, {
    publisher = target.publisher, offer = target.offer, emails = emails,
  }))
  if not result then return report_failure(given, err) end
  -- The location is printed before the wait: whatever happens to this process, another can go on from
  -- it. Where standard output is for JSON, it goes to standard error.
  local out = given.json and io.stderr or io.stdout
  local meaning = result.status == 200 and "canceled" or "being canceled"
  if not given.json then print(("%d %s"):format(result.status, meaning)) end
  if result.location and (given.wait or not given.json) then out:write("location: ", result.location, "\n") end
  out:flush()
  if given.wait then return wait(given, result) end
  if given.json then
    print_json { status = result.status, location = result.location,
                 operation_id = result.operation_id, request_id = result.request_id }
  end
  return DONE
end

local function main(words)
  local given, emails, names = parse(words)
  if given.help then
    io.write(USAGE)
    return DONE
  end
  for _, name in ipairs { "timeout", "interval" } do
    if given[name] and not tonumber(given[name]) then
      usage_error("--" .. name .. " needs a number of seconds")
    end
  end
  if given.resume and #names > 0 or not given.resume and #names ~= 2 then
    usage_error("expected PUBLISHER and OFFER, or --resume LOCATION")
  end
  if given.resume then return wait(given, given.resume) end
  local target = { publisher = names[1], offer = names[2] }
  if given.status then return show_status(given, target) end
  return cancel(given, target, emails)
end

local done, status = pcall(main, arg)
if not done then
  -- Misuse of the module is a wrong option of ours; anything else (Ctrl-C, say) is not.
  local misuse = tostring(status):match("cpp: (.*)$")
  if misuse then usage_error(misuse) end
  io.stderr:write("cancel.lua: ", tostring(status), "\n")
  status = FAILED
end
os.exit(status, true)
