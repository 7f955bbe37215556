-- Getting started: its shell blocks as one session, pasted into a fresh shell on a terminal from the first line on.

local blocks = require "spec.support.blocks"
local Programs = require "spec.support.program"
local socket = require "socket"

local PAGE = "doc/getting-started.md"

-- A port that is free now.
local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return port
end

-- The blocks up to the one that stops the emulator.
local function session()
  local port, parts = tostring(free_port()), {}
  for _, block in ipairs(blocks.read(PAGE)) do
    if block.language == "sh" then parts[#parts + 1] = block.text:gsub("8080", port) end
    if block.text:find("kill $!", 1, true) then return parts end
  end
  error "no block stops the emulator"
end

-- Pastes the blocks into a shell on a terminal, with a pause of so many seconds after each. Returns what it shows.
local function paste(pause)
  local programs = Programs.new { PATH = "spec/support/commands:" .. os.getenv "PATH", PS1 = "$ " }
  local typed = {}
  for _, text in ipairs(session()) do typed[#typed + 1] = ("cat %s; sleep %d"):format(programs:file(text), pause) end
  typed[#typed + 1] = "echo exit"
  local shell = programs:command { "timeout", "--foreground", "--signal=KILL", "60", "bash", "--norc", "--noprofile", "-i" }
  local stream = assert(io.popen(("{ %s; } | script -qec %q /dev/null"):format(table.concat(typed, "; "), shell)))
  local output = stream:read "a"
  stream:close()
  programs:close()
  return output
end

describe(PAGE .. " is a session that works", function()
  for name, pause in pairs { ["pasted at once"] = 0, ["pasted block by block, with pauses of a person"] = 5 } do
    it(name, function()
      local output = paste(pause)
      local outcomes = {}
      for line in output:gmatch "[^\r\n]+" do
        outcomes[#outcomes + 1] = line:match "^canceled.*" or line:gsub("\27%[%d*m", ""):match "^contoso%-vm +(%w+)"
      end
      assert.same({ "accepted", "canceled", "canceled\tcanceled" }, outcomes, output)
    end)
  end
end)
