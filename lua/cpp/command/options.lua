-- The options of cpp-portal: one row each. Parsing, help, completion and the manual's spec read them.
--
-- name      the long name, without `--`
-- short     the letter, for `-x`
-- value     the name of the value in help; an option without a value is a switch
-- number    the value is a number; the library checks its range
-- many      the option may be given several times
-- of        the scope of the option: "client", "call", "wait" or "batch" of the library, or "emulator"; absent for
--           options of the command itself
-- field     the name in that scope (default: the long name, with `_` for `-`)
-- choices   the allowed values
-- help      one line
--
-- No option takes a token or a secret: every user of the machine can read a command line.

local options = {
  -- The request.
  { name = "email", short = "e", value = "ADDRESS", many = true, of = "call", field = "emails",
    help = "notify this address (may be repeated)" },
  { name = "wait", short = "w",
    help = "wait until the operation has ended" },
  { name = "operation", short = "o", value = "ID", of = "call", field = "operation_id",
    help = "the operation's id" },
  { name = "status", short = "s", value = "STATUS", of = "call",
    choices = { "running", "completed", "failed", "canceled", "notstarted" },
    help = "list only operations that are running, completed, failed, canceled or notstarted (default: all)" },
  { name = "type", value = "TYPE", of = "call",
    help = "list only offers of this type (default: all)" },
  { name = "yes", short = "y",
    help = "do not ask for confirmation" },
  { name = "dry-run", short = "n",
    help = "print the request, without its token, and send nothing" },
  { name = "if-running", of = "call",
    help = "if no operation is running, send no cancel and exit with 0" },
  { name = "for", value = "OUTCOME",
    choices = { "canceled", "completed", "signoff", "none" },
    help = "canceled, completed, signoff or none; exit with 1 on any other outcome (default: any)" },

  -- Times and limits.
  { name = "timeout", short = "t", value = "SECONDS", number = true, of = "wait",
    help = "give up waiting after SECONDS (default 900)" },
  { name = "interval", short = "i", value = "SECONDS", number = true, of = "wait",
    help = "initial polling interval in seconds (default 5)" },
  { name = "max-interval", value = "SECONDS", number = true, of = "wait",
    help = "longest polling interval in seconds (default 30)" },
  { name = "concurrency", short = "c", value = "NUMBER", number = true, of = "batch",
    help = "send at most NUMBER requests at once (default 16)" },

  -- The service and the connection.
  { name = "token-file", value = "FILE",
    help = "read the token from FILE, or from standard input if it is -" },
  { name = "base-url", value = "URL", of = "client",
    help = "the service (default: CPP_BASE_URL, or https://cloudpartner.azure.com)" },
  { name = "authority-url", value = "URL", of = "client",
    help = "the token service (default: AZURE_AUTHORITY_HOST, or https://login.microsoftonline.com)" },
  { name = "api-version", value = "DATE", of = "client",
    help = "version of the interface (default 2017-10-31)" },
  { name = "request-timeout", value = "SECONDS", number = true, of = "client", field = "timeout",
    help = "give up a request after SECONDS (default 300)" },
  { name = "connect-timeout", value = "SECONDS", number = true, of = "client",
    help = "give up connecting after SECONDS (default 30)" },
  { name = "retries", value = "NUMBER", number = true, of = "client",
    help = "retry at most NUMBER times, when safe (default 3)" },
  { name = "ca-file", value = "FILE", of = "client",
    help = "also trust the authorities in FILE (PEM)" },
  { name = "proxy", value = "URL", of = "client",
    help = "proxy for https; empty for none (default: https_proxy)" },
  { name = "max-response-bytes", value = "BYTES", number = true, of = "client",
    help = "accept response bodies of at most BYTES (default 4194304)" },
  { name = "client-request-id", value = "ID", of = "client",
    help = "send ID as x-ms-client-request-id (default: a random UUID)" },

  -- The emulator.
  { name = "port", value = "NUMBER", number = true, of = "emulator",
    help = "listen on this port (default 0: any free port)" },
  { name = "host", value = "ADDRESS", of = "emulator",
    help = "listen on this address (default 127.0.0.1)" },
  { name = "scenario", value = "FILE", of = "emulator",
    help = "JSON file with the initial offers, tokens and faults" },
  { name = "fault", value = "JSON", many = true, of = "emulator", field = "faults",
    help = "inject a fault, such as {\"status\": 503} (may be repeated)" },
  { name = "clock", value = "KIND", of = "emulator", choices = { "real", "manual" },
    help = "real, or manual: advances only over HTTP (default real)" },
  { name = "speed", value = "NUMBER", number = true, of = "emulator",
    help = "emulated seconds per second (default 1)" },
  { name = "ready", value = "FILE", of = "emulator",
    help = "when listening, write the URL and the port to FILE, as JSON" },
  { name = "watch-stdin", of = "emulator",
    help = "exit at the end of standard input" },

  -- Output.
  { name = "json", short = "j",
    help = "print JSON, one line for each offer" },
  { name = "wide",
    help = "do not fit tables to the width of the terminal" },
  { name = "color", value = "WHEN", choices = { "always", "auto", "never" },
    help = "color states: always, never or auto (default: on a terminal)" },
  { name = "quiet", short = "q",
    help = "print only errors (and JSON with --json)" },
  { name = "verbose", short = "v",
    help = "log each request on standard error" },
  { name = "debug",
    help = "print requests and responses on standard error" },
  { name = "help", short = "h",
    help = "print help" },
  { name = "version",
    help = "print the versions of cpp-portal and libcurl" },
}

-- The options of every command that sends requests.
options.common = { "token-file", "base-url", "authority-url", "api-version", "request-timeout", "connect-timeout",
                   "retries", "ca-file", "proxy", "max-response-bytes", "client-request-id", "concurrency", "json",
                   "wide", "color", "quiet", "verbose", "debug" }

for _, option in ipairs(options) do
  option.field = option.field or option.name:gsub("-", "_")
end

--- The row of an option.
-- @param name string: the long name, or the letter
-- @return table, or nil
function options.find(name)
  for _, option in ipairs(options) do
    if option.name == name or option.short == name then return option end
  end
  return nil
end

--- The given options with a scope.
-- @param scope string: see `of` above
-- @param given table: options by their long names
-- @return table with the names of that scope
function options.of(scope, given)
  local fields = {}
  for _, option in ipairs(options) do
    if option.of == scope then fields[option.field] = given[option.name] end
  end
  return fields
end

-- The environment variables of a client's fields, for options that are not given.
local VARIABLES = { base_url = "CPP_BASE_URL", authority_url = "AZURE_AUTHORITY_HOST" }

--- The source of a field of the library, as messages name it.
-- @param field string, such as "timeout"
-- @param of string: what the library checked, such as "client"
-- @param given table: the given options
-- @return string, such as "--request-timeout", "CPP_BASE_URL" or "OFFER"
function options.label(field, of, given)
  for _, option in ipairs(options) do
    local is_given = given[option.name] ~= nil or not VARIABLES[field]
    if option.field == field and option.of == of and is_given then return "--" .. option.name end
  end
  return VARIABLES[field] or field:upper()
end

return options
