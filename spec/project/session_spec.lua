-- Getting started: its shell blocks as one session, pasted into a fresh shell from the first line on.

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

-- The blocks before the block that stops the emulator.
local function session()
  local parts = {}
  for _, block in ipairs(blocks.read(PAGE)) do
    if block.language == "sh" then parts[#parts + 1] = block.text end
    if block.text:find("kill $!", 1, true) then return table.concat(parts):gsub("8080", tostring(free_port())) end
  end
  error "no block stops the emulator"
end

describe(PAGE, function()
  it("is a session that works pasted at once", function()
    local programs = Programs.new { PATH = "spec/support/commands:" .. os.getenv "PATH" }
    local script = programs:file("trap 'kill $! 2>/dev/null || :' EXIT\n" .. session())
    local output, errors, status = programs:run { "timeout", "100", "sh", "-eu", script }
    programs:close()
    assert.equal(0, status, errors .. output)
    local outcomes = {}
    for line in output:gmatch "[^\n]+" do
      outcomes[#outcomes + 1] = line:match "^canceled.*" or line:match "^contoso%-vm +(%w+)"
    end
    assert.same({ "accepted", "canceled", "canceled\tcanceled" }, outcomes)
  end)
end)
