-- Progress for people: an on_progress function for cpp.wait that writes to a stream.

local core = require "cpp.core"
local redact = require "cpp.redact"
local status = require "cpp.status"

local WIDTH = 79 -- columns, which every terminal has
local BAR = 20

local function clock(seconds)
  return ("%d:%02d"):format(seconds // 60, seconds % 60)
end

local function percent_of(operation)
  return math.type(operation.progress) == "integer" and operation.progress or 0
end

-- State and step come from outside: nothing in them may move the cursor, or show a secret.
local function describe(operation, columns)
  local secrets = redact.remembered(operation)
  local state = operation.state or "unknown"
  local step = status.current_step(operation)
  return redact.line(step and state .. ": " .. step or state, columns, secrets)
end

local function draw(stream, operation, elapsed)
  local percent = percent_of(operation)
  local full = percent * BAR // 100
  local tail = (" [%s%s] %3d %%  %s"):format(("#"):rep(full), ("."):rep(BAR - full), percent,
                                           clock(elapsed))
  local head = describe(operation, WIDTH - #tail)
  stream:write("\r", head, (" "):rep(WIDTH - #tail - #head), tail)
end

--- Makes an on_progress function for wait.
-- On a terminal it draws one line over and over: step name, bar, percent, elapsed time. Elsewhere
-- it writes a plain line whenever something has changed.
-- @param stream file of the io library, such as io.stderr; absent: io.stderr
-- @return function(operation)
local function progress(stream)
  stream = stream or io.stderr
  if io.type(stream) ~= "file" then core.misuse("expected an open file, got " .. (io.type(stream) or type(stream))) end
  local terminal = core.is_terminal(stream)
  local started = core.monotonic()
  local last
  return function(operation)
    if type(operation) ~= "table" then core.misuse("expected an operation, got " .. type(operation)) end
    local elapsed = (core.monotonic() - started) // 1 | 0
    local line = ("%s, %d %%"):format(describe(operation, WIDTH), percent_of(operation))
    if terminal then
      draw(stream, operation, elapsed)
      if status.ended(operation.state) ~= nil then stream:write("\n") end
    elseif line ~= last then
      stream:write(line, ", ", clock(elapsed), "\n")
    end
    last = line
    stream:flush()
  end
end

return progress
