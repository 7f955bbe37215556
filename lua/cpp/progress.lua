-- Draws the progress of one wait, or of several at once.
--
-- On a terminal a block of lines is redrawn, in the current size of the terminal: a line for each running operation, as
-- many as fit, and the number of ended ones. Elsewhere, and if TERM is dumb, a plain line is written after each change.

local core = require "cpp.core"
local redact = require "cpp.redact"
local status = require "cpp.status"
local width = require "cpp.width"

local COLUMNS, ROWS = 80, 24 -- if the terminal has no size
local WIDEST = 100 -- columns
local BAR = 20
local NARROW = 60 -- columns below which there is no bar
local LEAST_PAUSE = 0.1 -- seconds between two draws, with several operations
local LINE = 79 -- columns of a plain line, without its numbers
local BYTES = 4 * WIDEST -- bytes that are kept of a text: a character has at most 4

local Progress = {}
Progress.__index = Progress

local function clock(seconds)
  return ("%d:%02d"):format(seconds // 60, seconds % 60)
end

local function percent_of(operation)
  return math.type(operation.progress) == "integer" and operation.progress or 0
end

--- Progress on a stream.
-- @param stream file of the io library; absent: io.stderr
-- @param total the number of operations; nil: one. With several, each line has a name
function Progress.new(stream, total)
  stream = stream or io.stderr
  if io.type(stream) ~= "file" then core.misuse("expected an open file, got " .. (io.type(stream) or type(stream))) end
  return setmetatable({
    stream = stream, total = total or 1, draws = core.is_terminal(stream) and os.getenv "TERM" ~= "dumb",
    started = core.monotonic(), drawn_at = core.monotonic(), visible = false, is_behind = false,
    entries = {}, keys = {}, ended = 0, -- what is followed, in the order in which it came; and by key
    drawn = {}, -- the columns of each line on the terminal
  }, Progress)
end

local function key_of(progress, operation)
  if progress.total == 1 then return "" end
  if operation.offer then return tostring(operation.publisher) .. "\0" .. tostring(operation.offer) end
  return operation.location or ""
end

-- State and step come from the service: they must not move the cursor, or show a secret.
local function describe(operation)
  local secrets = redact.remembered(operation)
  local state = operation.state or "unknown"
  local step = status.current_step(operation)
  return redact.line(step and state .. ": " .. step or state, BYTES, secrets)
end

-- The known state of an operation, after a poll.
local function note(progress, operation)
  local key, now = key_of(progress, operation), core.monotonic()
  local entry = progress.keys[key]
  if not entry then
    entry = { started = progress.total > 1 and now or progress.started, key = key }
    local name = progress.total > 1 and (operation.offer or operation.location)
    local secrets = redact.remembered(operation) -- a location may hold one
    entry.name = name and width.cut(redact.line(tostring(name), BYTES, secrets), LINE) .. ": " or ""
    progress.keys[key] = entry
    progress.entries[#progress.entries + 1] = entry
  end
  entry.percent, entry.seen, entry.text = percent_of(operation), now, describe(operation)
  if type(operation.steps) == "table" and #operation.steps > 0 and not entry.first then
    entry.first, entry.first_at = entry.percent, now
  end
  return entry
end

-- The estimated remaining seconds, from the pace of the steps so far; nil if unknown.
local function left_of(entry, now)
  if not entry.first or entry.percent <= entry.first then return nil end
  local pace = (entry.seen - entry.first_at) / (entry.percent - entry.first)
  local left = (100 - entry.percent) * pace - (now - entry.seen)
  return left >= 1 and left or nil
end

local function line_of(entry, columns, now)
  local left = left_of(entry, now)
  local parts = { ("%3d %%  %s"):format(entry.percent, clock((now - entry.started) // 1 | 0)) }
  if columns >= NARROW then
    local full = entry.percent * BAR // 100
    table.insert(parts, 1, ("[%s%s] "):format(("#"):rep(full), ("."):rep(BAR - full)))
    if left then parts[#parts + 1] = "  about " .. clock(left // 1 | 0) .. " left" end
  end
  local tail = " " .. table.concat(parts)
  return width.fit(width.fit(entry.name .. entry.text, columns - #tail) .. tail, columns)
end

-- The lines to be drawn, as many as fit.
local function lines_of(progress, columns, rows)
  local lines, now = {}, core.monotonic()
  local several = progress.total > 1
  local room = math.max(1, rows - 2) -- without the summary, and a line that others write to
  for place = 1, math.min(room, #progress.entries) do lines[place] = line_of(progress.entries[place], columns, now) end
  if several then
    local hidden = #progress.entries - #lines
    local summary = ("%d of %d ended, %s"):format(progress.ended, progress.total,
      clock((now - progress.started) // 1 | 0))
    lines[#lines + 1] = width.fit(summary .. (hidden > 0 and (" (%d more run)"):format(hidden) or ""), columns)
  elseif #lines == 0 then
    lines[1] = width.fit("waiting, " .. clock((now - progress.started) // 1 | 0), columns) -- nothing was seen yet
  end
  return lines
end

--- Clears the drawn lines from the terminal, so that other lines can be written.
function Progress:erase()
  if #self.drawn == 0 then return end
  local columns = core.terminal_size(self.stream) or COLUMNS
  local up = -1
  for _, length in ipairs(self.drawn) do up = up + math.max(1, -(-length // columns)) end -- it may be narrower now
  self.stream:write("\r", up > 0 and ("\27[%dA"):format(up) or "", "\27[J")
  self.drawn = {}
end

--- Draws anew.
function Progress:draw()
  if not self.draws then return end
  local columns, rows = core.terminal_size(self.stream)
  columns = math.min((columns or COLUMNS) - 1, WIDEST)
  self:erase()
  local lines = lines_of(self, columns, rows or ROWS)
  self.stream:write(table.concat(lines, "\n"))
  self.stream:flush()
  for place, line in ipairs(lines) do self.drawn[place] = width.of(line) end
  self.drawn_at, self.visible, self.is_behind = core.monotonic(), true, false
end

--- Draws again, if a second has passed or other lines were written, to advance the clocks.
function Progress:tick()
  if self.total == 1 and #self.entries == 0 and self.ended > 0 then return end
  local is_due = self.is_behind or self.visible and #self.drawn == 0
  if core.monotonic() - self.drawn_at >= (is_due and LEAST_PAUSE or 1) then self:draw() end
end

-- Stops drawing an operation.
local function forget(progress, entry)
  progress.keys[entry.key] = nil
  for place, one in ipairs(progress.entries) do
    if one == entry then table.remove(progress.entries, place) end
  end
end

--- Removes an ended operation from the terminal, without a line about it: the caller reports the end.
-- @param operation table with its publisher and offer, or location
function Progress:finish(operation)
  self.ended = self.ended + 1
  local entry = self.keys[key_of(self, operation)]
  if entry then forget(self, entry) end
  self:erase()
end

--- Shows how far an operation is.
function Progress:show(operation)
  if type(operation) ~= "table" then core.misuse("expected an operation, got " .. type(operation)) end
  local entry = note(self, operation)
  local has_ended = status.ended(operation.state) ~= nil
  local time = clock((core.monotonic() - entry.started) // 1 | 0)
  local line = entry.name .. width.cut(entry.text, LINE)
  if not has_ended then line = ("%s, %d %%"):format(line, entry.percent) end
  if not self.draws then
    if line ~= entry.last then self.stream:write(line, ", ", time, "\n") end
    entry.last = line
    self.stream:flush()
    return
  end
  if has_ended then
    self:erase()
    self.stream:write(line, ", ", time, "\n")
    self.stream:flush()
    forget(self, entry)
    self.ended = self.ended + 1
    if #self.entries > 0 then self:draw() end
  elseif self.total > 1 and #self.drawn > 0 and core.monotonic() - self.drawn_at < LEAST_PAUSE then
    self.is_behind = true -- with hundreds of operations, the next call draws
  else
    self:draw()
  end
end

return Progress
