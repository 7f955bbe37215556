-- `cpp-portal emulate`: finds the portal emulator, a package of its own, and runs it.

local exit = require "cpp.command.exit"
local options = require "cpp.command.options"

local MISSING = "emulate: the module %s is missing: install the emulator, "
  .. "the Debian package lua-cloud-partner-portal-emulator or the rock cloud-partner-portal-emulator"

local function load_emulator()
  -- In the source tree it stands beside this folder.
  local root = package.searchpath("cpp.command.emulate", package.path):match "^(.*)lua/cpp/command/emulate%.lua$"
  if root then package.path = ("%semulator/?.lua;%semulator/?/init.lua;"):format(root, root) .. package.path end
  local found, emulator = pcall(require, "cpp.emulator")
  if found then return emulator end
  local missing = emulator:match "module '([^']+)' not found"
  error(missing and MISSING:format(missing) or emulator, 0)
end

--- Runs the emulator until it is stopped.
-- @param given options by name: see cpp/command/parser.lua
-- @return the exit status
local function emulate(given)
  local own = {}
  for _, option in ipairs(options) do
    if option.of == "emulator" then own[option.field] = given[option.name] end
  end
  load_emulator().run(own)
  return exit.DONE
end

return emulate
