-- The output of the command: results on standard output, everything else on standard error. Progress lines are cleared
-- before other lines are written.

local core = require "cpp.core"
local Progress = require "cpp.progress"
local redact = require "cpp.redact"
local status = require "cpp.status"
local width = require "cpp.width"

local SHOWN = 16 * 1024 -- bytes of a text that are shown: more than a location has

local Screen = {}
Screen.__index = Screen

--- The secrets of the session: a function, because tokens are renewed.
-- @return list: see redact.line
function Screen.secrets()
  return nil
end

-- Whether states have colors.
local function has_color(when)
  local may = when ~= "never" and core.is_terminal(io.stdout)
  return when == "always" or may and (os.getenv "NO_COLOR" or "") == "" and os.getenv "TERM" ~= "dumb"
end

--- A screen.
-- @param given table: the options quiet (tables and progress are not shown), wide and color
-- @param total number of targets
function Screen.new(given, total)
  io.stdout:setvbuf "no" -- otherwise the end of the process could block while it writes the rest
  local shows = not given.quiet and core.is_terminal(io.stderr) -- in plain lines where TERM=dumb
  return setmetatable({
    shown = shows and Progress.new(io.stderr, total) or nil, quiet = given.quiet, problem = nil,
    fits = not given.wide and core.is_terminal(io.stdout), color = has_color(given.color),
  }, Screen)
end

local function erase(screen)
  if screen.shown then screen.shown:erase() end
end

--- Writes one or more lines of output at once: a reader may be waiting for them. If that fails, `problem` says why, and
-- no more is written: a signal may have ended a write to a pipe that nothing reads, and the next would wait.
function Screen:answer(lines)
  erase(self)
  if self.problem then return end
  local written, problem = io.stdout:write(lines .. "\n")
  if not written then self.problem = problem end
end

-- Writes lines of output at once, if any, unless the screen is quiet.
local function answer_all(screen, lines)
  if #lines > 0 and not screen.quiet then screen:answer(table.concat(lines, "\n")) end
end

--- Writes texts of the service, each as a line of output.
function Screen:notes(texts)
  local lines, secrets = {}, self.secrets()
  for i, text in ipairs(texts) do lines[i] = redact.line(text, SHOWN, secrets) end
  answer_all(self, lines)
end

--- Writes a line to standard error, after the command's name. If that fails after a second signal, or after the grace
-- period of the first, nothing reads it; no more lines are written then, because each would block again.
function Screen:say(line)
  if self.is_stuck then return end
  erase(self)
  local written = io.stderr:write("cpp-portal: " .. redact.line(line, SHOWN, self.secrets()) .. "\n")
  if not written and core.signals() > 1 then self.is_stuck, self.shown = true, nil end
end

--- Asks a question; the user types the reply in the same line.
function Screen:ask(question)
  erase(self)
  io.stderr:write("cpp-portal: ", question)
  io.stderr:flush()
end

--- Draws the progress of an operation.
function Screen:progress(operation)
  if self.shown then self.shown:show(operation) end
end

--- Advances the clocks of the progress.
function Screen:tick()
  if self.shown then self.shown:tick() end
end

--- Stops drawing a target, which has ended.
function Screen:ended(target)
  if self.shown then self.shown:finish(target) end
end

--- Ends the output.
-- @return true; or nil and why not all was written
function Screen:finish()
  erase(self)
  return not self.problem, self.problem
end

-- The text of a cell: it does not move the cursor, and holds no secret.
local function cell(value, secrets)
  if value == nil or value == "" or type(value) == "table" then return "-" end
  return redact.line(tostring(value), SHOWN, secrets)
end

local GREEN, YELLOW, RED, PLAIN = "\27[32m", "\27[33m", "\27[31m", "\27[0m"

local COLORS = { unknown = RED, accepted = GREEN, none = GREEN }

local function colored(blanks, state)
  local ended = status.ended(state)
  return blanks .. (COLORS[state] or ended and GREEN or ended == nil and YELLOW or RED) .. state .. PLAIN
end

-- The text of a row: no longer than `room` but for its whole columns, with colors for states.
-- @param cells list of padded texts
local function line_of(columns, cells, room, has_colors)
  local parts = {}
  for i, text in ipairs(cells) do
    if i > 1 then text = "  " .. text end
    if not columns[i].whole then text = width.cut(text, room) end
    room = room - width.of(text)
    if has_colors and columns[i].heading == "STATE" then text = text:gsub("^( *)(%l+)", colored) end
    parts[i] = text
  end
  return table.concat(parts):match "^.*[^ ]" or ""
end

-- The columns that are shown, with their widths and their places in a row; and the row of headings.
local function shown(screen, columns)
  local list, headings = {}, {}
  for place, column in ipairs(columns) do
    if not (column.wide and screen.fits) then
      list[#list + 1] = { heading = column[1], place = place, width = column[2] or #column[1], whole = column.whole }
    end
    headings[place] = column[1]
  end
  return list, headings
end

local LEAST = 4 -- columns of a name
local LONGEST = 256 -- columns of a whole text, which no identifier exceeds

-- A text as wide as its column; or less, to make room for the next one.
local function in_column(column, text, columns)
  if column.whole then
    text = width.cut(text, LONGEST)
  elseif columns < column.width then
    text = width.cut(text, columns)
  end
  return text .. (" "):rep(columns - width.of(text)) -- rep with less than 0 is nothing
end

--- Makes a table.
-- @param columns list, at least two, of { heading, least width, whole = }, as in cpp/command/views.lua
-- @param rows list or nil: rows for whose first values the first column is wide enough
-- @return function(rows): writes rows, each a list of values, some of which may be nil; before the first ones the
--   headings
function Screen:table(columns, rows)
  local headings
  columns, headings = shown(self, columns)
  return function(new_rows)
    local lines, secrets = {}, self.secrets()
    for _, row in ipairs(headings and rows or {}) do
      columns[1].width = math.max(columns[1].width, width.of(cell(row[1], secrets)))
    end
    local room = self.fits and core.terminal_size(io.stdout) or math.huge
    local first = math.min(columns[1].width, math.max(LEAST, room - columns[2].width - 2))
    local cells, before = {}, {} -- a column often repeats its value
    local function add(row)
      for i, column in ipairs(columns) do
        local value = row[column.place]
        if value ~= before[i] or not cells[i] then
          cells[i], before[i] = in_column(column, cell(value, secrets), i > 1 and column.width or first), value
        end
      end
      lines[#lines + 1] = line_of(columns, cells, room, self.color)
    end
    if headings then add(headings) end
    headings = nil
    for _, row in ipairs(new_rows) do add(row) end
    answer_all(self, lines)
  end
end

return Screen
