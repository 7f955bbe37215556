-- What the command writes: answers on standard output, everything else on standard error. A line of
-- progress gives way to whatever else is written.

local Progress = require "cpp.progress"
local redact = require "cpp.redact"

local SHOWN = 16 * 1024 -- bytes of a text that are shown: a location has room in it

local Screen = {}
Screen.__index = Screen

--- What must not be seen of the session: a function, since tokens are renewed.
-- @return list: see redact.line
function Screen.secrets()
  return nil
end

--- A screen.
-- @param quiet boolean: progress is not drawn; nor is it where standard error is no terminal
-- @param total number of targets
function Screen.new(quiet, total)
  local progress = not quiet and Progress.new(io.stderr, total)
  return setmetatable({ shown = progress and progress.draws and progress or nil, quiet = quiet, problem = nil }, Screen)
end

local function erase(screen)
  if screen.shown then screen.shown:erase() end
end

--- Writes a line of the answer, or several. Where that fails, `problem` says why: what was begun is still finished.
function Screen:answer(lines)
  erase(self)
  local written, problem = io.stdout:write(lines, "\n")
  if written then written, problem = io.stdout:flush() end -- at once: a reader may be waiting for it
  if not written then self.problem = self.problem or problem end
end

-- Writes lines of the answer at once, unless the screen is quiet; none is fine.
local function answer_all(screen, lines)
  if #lines > 0 and not screen.quiet then screen:answer(table.concat(lines, "\n")) end
end

--- Writes texts of the service, each as a line of the answer.
function Screen:notes(texts)
  local lines, secrets = {}, self.secrets()
  for i, text in ipairs(texts) do lines[i] = redact.line(text, SHOWN, secrets) end
  answer_all(self, lines)
end

--- Writes a line for people, behind the command's name.
function Screen:say(line)
  erase(self)
  io.stderr:write("cpp-portal: ", redact.line(line, SHOWN, self.secrets()), "\n")
end

--- Asks a question, in whose line the answer is typed.
function Screen:ask(question)
  erase(self)
  io.stderr:write("cpp-portal: ", question)
  io.stderr:flush()
end

--- Draws how far an operation is.
function Screen:progress(operation)
  if self.shown then self.shown:show(operation) end
end

--- Has the clocks of the progress go on.
function Screen:tick()
  if self.shown then self.shown:tick() end
end

--- Draws nothing more of a target, which has ended.
function Screen:ended(target)
  if self.shown then self.shown:finish(target) end
end

--- Ends the output.
-- @return true; or nil and why not all was written
function Screen:finish()
  erase(self)
  return not self.problem, self.problem
end

-- What a cell shows: whatever the service gave, nothing of it can move the cursor or is a secret.
local function cell(value, secrets)
  if value == nil or value == "" or type(value) == "table" then return "-" end
  return redact.line(tostring(value), SHOWN, secrets)
end

--- The columns that a cell takes.
function Screen:width_of(value)
  local text = cell(value, self.secrets())
  return utf8.len(text) or #text
end

local function pad(text, width)
  return text .. (" "):rep(width - (utf8.len(text) or #text)) -- rep with less than 0 is nothing
end

--- Makes a table.
-- @param columns list of { heading, least width }
-- @param longest number or nil: a greater least width of the first column
-- @return function(rows): writes rows, each a list of values, some of which may be nil; before the first ones the
--   headings
function Screen:table(columns, longest)
  local headings, widths = {}, {}
  for i, column in ipairs(columns) do
    widths[i] = math.max(#column[1], column[2] or 0, i == 1 and longest or 0)
    headings[i] = pad(column[1], widths[i])
  end
  local opened = false
  return function(rows)
    local lines, secrets = {}, self.secrets()
    local function add(cells) lines[#lines + 1] = table.concat(cells, "  "):match "^.*[^ ]" end
    if not opened then add(headings) end
    opened = true
    local cells, before = {}, {} -- a column often repeats its value
    for _, row in ipairs(rows) do
      for i, width in ipairs(widths) do
        if row[i] ~= before[i] or not cells[i] then cells[i], before[i] = pad(cell(row[i], secrets), width), row[i] end
      end
      add(cells)
    end
    answer_all(self, lines)
  end
end

return Screen
