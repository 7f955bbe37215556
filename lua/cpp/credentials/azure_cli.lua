-- A link of cpp.credentials: a token of the account with which the Azure command line, az, is logged in. It blocks the
-- process while az runs, for about a second.
-- https://learn.microsoft.com/cli/azure/account#az-account-get-access-token

local core = require "cpp.core"
local redact = require "cpp.redact"
local resource = require "cpp.credentials.resource"

local SECONDS = 30 -- the limit for az, if the system has timeout(1)
local NOT_FOUND, TOO_LATE = 127, 124 -- exit statuses of the shell and of timeout
local LONGEST = 256 * 1024 -- bytes of the output of az that are read
local WORDS = 300 -- bytes of its message that are shown
local RESOURCE = "^[A-Za-z0-9][A-Za-z0-9%-._~:/]*$" -- it goes to a shell

-- az may write warnings to standard error, which are not JSON. They follow a mark, and only if az fails. The output
-- before the mark may hold a token, and is not shown. The exit status comes last, after another mark, because the close
-- of the stream does not return it in a host that ignores SIGCHLD or waits for all children itself.
-- az is a shell script that starts Python, so timeout must end its own process group. Ctrl-C reaches the shell alone.
local MARK = "\1"
local SCRIPT = [[
exec 3>&1
set -- az account get-access-token --resource '%s' --output json
export AZURE_CORE_NO_COLOR=true
problem=$(exec 2>&1 >&3 3>&- </dev/null
  timeout 1 true 2>/dev/null || exec "$@"
  trap 'kill $!' HUP INT TERM
  timeout %d "$@" &
  wait $!)
status=$?
[ $status -eq 0 ] || printf '\1%%s' "$problem" 2>/dev/null
printf '\1%%d' $status 2>/dev/null
]]

-- Runs az. Returns its output and its exit status; or nil and a reason.
local function run(name)
  if not io.popen then return nil, "this program cannot run az (there is no io.popen)" end
  local started, stream, problem = pcall(io.popen, SCRIPT:format(name, SECONDS), "r")
  if not started or not stream then return nil, "az was not run: " .. tostring(started and problem or stream) end
  local text = stream:read(LONGEST) or ""
  stream:close()
  if #text == LONGEST then return nil, "the output of az is too long" end
  local output, status = text:match("^(.*)" .. MARK .. "(%d+)$")
  if not output then return nil, "az did not run to its end" end
  return output, tonumber(status)
end

-- Seconds until a token expires: newer versions of az print the Unix time, and all print the local time. nil: not
-- known, or this machine's clock is wrong.
local function lifetime_of(answer)
  local expires = tonumber(answer.expires_on)
  if not expires and type(answer.expiresOn) == "string" then
    local year, month, day, hour, min, sec = answer.expiresOn:match "^(%d+)-(%d+)-(%d+)[ T](%d+):(%d+):(%d+)"
    local known, time = pcall(os.time, { year = year, month = month, day = day, hour = hour, min = min, sec = sec })
    expires = known and time or nil
  end
  local seconds = expires and expires - os.time()
  return seconds and seconds > 0 and seconds or nil
end

local function failure_of(text, status)
  if status == NOT_FOUND then return "az is not installed" end
  if status == TOO_LATE then return ("az did not finish within %d s"):format(SECONDS) end
  local words = redact.line(text:match(MARK .. "%s*([^" .. MARK .. "]*)$") or "", WORDS)
  return "az failed" .. (words ~= "" and ": " .. words or " without a message")
end

return function(request)
  local name = resource.of(request)
  if not name:find(RESOURCE) then return nil, "this scope cannot be passed to az" end
  local text, status = run(name)
  if not text then return nil, status end
  if status ~= 0 then return nil, failure_of(text, status) end
  local answer = core.decode(text)
  local token = type(answer) == "table" and answer.accessToken
  if type(token) ~= "string" or not request.is_token(token) then
    return nil, "az printed no token"
  end
  return token, lifetime_of(answer)
end
