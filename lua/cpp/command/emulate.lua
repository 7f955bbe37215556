-- `cpp-portal emulate`: finds the portal emulator, a separate package, and runs it.

local exit = require "cpp.command.exit"
local options = require "cpp.command.options"

local NO_EMULATOR = "emulate: the emulator is not installed (Debian: lua-cloud-partner-portal-emulator; LuaRocks: "
  .. "cloud-partner-portal-emulator; in a checkout: make install-emulator)"
local NO_MODULE = "emulate: the module %s is missing (Debian: lua-http, lua-socket; elsewhere: luarocks install http, "
  .. "luarocks install luasocket)"

local _, file = ...

local function load_emulator()
  -- In the source tree the emulator is beside lua/.
  local root = file:match "^(.*)lua/cpp/command/emulate%.lua$"
  if root then package.path = ("%semulator/?.lua;%semulator/?/init.lua;"):format(root, root) .. package.path end
  local found, emulator = pcall(require, "cpp.emulator")
  if found then return emulator end
  local missing = tostring(emulator):match "module '_?([^']+)' not found" -- _cqueues is the C module of cqueues
  if missing == "cpp.emulator" then error(NO_EMULATOR, 0) end
  error(missing and NO_MODULE:format(missing) or emulator, 0)
end

--- Runs the emulator until it is stopped.
-- @param given options by name: see cpp/command/parser.lua
-- @return the exit status
local function emulate(given)
  load_emulator().run(options.of("emulator", given))
  return exit.DONE
end

return emulate
