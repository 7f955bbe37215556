-- The commands of cpp-portal: one row each. Parsing, help, completion and the manual's spec read them. To add a
-- command for a call of the service, add a row.
--
-- name       the word on the command line
-- operands   the operands, as usage lines show them
-- summary    one line for help
-- example    operands and options of an example
-- call       the function of cpp/command/calls.lua that sends the requests. A command without `call` and `run` only
--            prints a text, which the parser makes
-- endpoint   the name of the endpoint (csrc/endpoint.c), which is also the client's method; targets are checked for it
-- ends       list of the outcomes that count as a success; `wait --for` is suggested with the first
-- list       the name of the result in JSON, if the result is a list
-- view       the table that shows the result: a row of cpp/command/views.lua
-- asks       true: on a terminal, ask for confirmation before the call
-- options    names of its options, beyond the common ones
-- choices    the allowed values of its operand
-- run        the module under cpp.command that runs the command, if it sends no requests to the service

local START = { "email", "wait", "dry-run", "timeout", "interval", "max-interval" }

local commands = {
  { name = "cancel", operands = "PUBLISHER OFFER...",
    summary = "cancel the running publishing operation of an offer",
    example = "--wait --email jondoe@contoso.com contoso contoso-vm",
    call = "start", endpoint = "cancel", ends = { "canceled" }, view = "states", asks = true,
    options = { "email", "wait", "yes", "if-running", "dry-run", "timeout", "interval", "max-interval" } },
  { name = "publish", operands = "PUBLISHER OFFER...",
    summary = "start publishing an offer",
    example = "contoso contoso-vm",
    call = "start", endpoint = "publish", ends = { "completed", "signoff" }, view = "states", options = START },
  { name = "go-live", operands = "PUBLISHER OFFER...",
    summary = "take an offer live",
    example = "--wait contoso contoso-vm",
    call = "start", endpoint = "go_live", ends = { "completed" }, view = "states", options = START },
  { name = "wait", operands = "LOCATION | PUBLISHER OFFER...",
    summary = "wait until an operation, or the running operation of an offer, has ended",
    example = "--for canceled contoso contoso-vm",
    call = "wait", endpoint = "offer_status", view = "states",
    options = { "operation", "for", "timeout", "interval", "max-interval" } },
  { name = "operations", operands = "PUBLISHER OFFER...",
    summary = "list the operations of an offer",
    example = "--status running contoso contoso-vm contoso-app",
    call = "look", endpoint = "operations", list = "operations", view = "operations", options = { "status" } },
  { name = "operation", operands = "LOCATION | PUBLISHER OFFER",
    summary = "show one operation, with its steps",
    example = "--operation 56615b67-2185 contoso contoso-vm",
    call = "look", endpoint = "operation", view = "progress", options = { "operation" } },
  { name = "offers", operands = "PUBLISHER",
    summary = "list the offers of a publisher",
    example = "contoso",
    call = "look", endpoint = "offers", list = "offers", view = "offers", options = { "type" } },
  { name = "publishers", operands = "",
    summary = "list the publishers that the token gives access to",
    example = "--json",
    call = "look", endpoint = "publishers", list = "publishers", view = "publishers", options = {} },
  { name = "status", operands = "PUBLISHER OFFER...",
    summary = "show the status of an offer",
    example = "--json contoso contoso-vm",
    call = "look", endpoint = "offer_status", view = "progress", options = {} },
  { name = "emulate", operands = "",
    summary = "run the portal emulator on this machine",
    example = "--port 8080",
    run = "emulate", options = { "port", "host", "scenario", "fault", "clock", "speed", "ready", "watch-stdin" } },
  { name = "completion", operands = "SHELL",
    summary = "print a script that completes this command's words in bash, zsh or fish",
    example = "bash > /etc/bash_completion.d/cpp-portal",
    choices = { "bash", "zsh", "fish" }, options = {} },
  { name = "help", operands = "[COMMAND]",
    summary = "print help, or the help of COMMAND",
    example = "cancel",
    options = {} },
}

local help = commands[#commands]
help.choices = {}
for i, command in ipairs(commands) do help.choices[i] = command.name end

--- The row of a command.
-- @param name string or nil
-- @return table, or nil
function commands.find(name)
  for _, command in ipairs(commands) do
    if command.name == name then return command end
  end
  return nil
end

return commands
