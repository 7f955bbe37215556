-- What the command writes: answers on standard output, everything else on standard error. A line of
-- progress gives way to whatever else is written.

local core = require "cpp.core"
local progress = require "cpp.progress"
local redact = require "cpp.redact"
local status = require "cpp.status"

local WIDTH = 79 -- columns that progress takes
local SHOWN = 4096 -- bytes of a text that are shown

local Screen = {}
Screen.__index = Screen

--- What must not be seen of the session: a function, since tokens are renewed.
-- @return list: see redact.line
function Screen.secrets()
  return nil
end

--- A screen.
-- @param quiet boolean: progress is not drawn; nor is it where standard error is no terminal
function Screen.new(quiet)
  return setmetatable({ draws = not quiet and core.is_terminal(io.stderr), show = nil, drawn = false,
                        problem = nil }, Screen)
end

local function erase(screen)
  if screen.drawn then io.stderr:write("\r", (" "):rep(WIDTH), "\r") end
  screen.drawn = false
end

--- Writes a line of the answer. Where that fails, `problem` says why: what was begun is still finished.
function Screen:answer(line)
  erase(self)
  local written, problem = io.stdout:write(line, "\n")
  if written then written, problem = io.stdout:flush() end -- at once: a reader may be waiting for it
  if not written then self.problem = self.problem or problem end
end

--- Writes a text of the service as a line of the answer.
function Screen:note(text)
  self:answer(redact.line(text, SHOWN, self.secrets()))
end

--- Writes a line for people, behind the command's name.
function Screen:say(line)
  erase(self)
  io.stderr:write("cpp-portal: ", redact.line(line, SHOWN, self.secrets()), "\n")
end

--- Draws how far an operation is.
function Screen:progress(operation)
  if not self.draws then return end
  self.show = self.show or progress(io.stderr)
  self.show(operation)
  self.drawn = status.ended(operation.state) == nil
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

local function pad(text, width)
  return text .. (" "):rep(width - (utf8.len(text) or #text)) -- rep with less than 0 is nothing
end

--- The columns that a cell takes.
function Screen:width_of(value)
  local text = cell(value, self.secrets())
  return utf8.len(text) or #text
end

local function write_row(screen, widths, cells)
  local parts = {}
  for i, text in ipairs(cells) do parts[i] = pad(text, widths[i]) end
  screen:answer((table.concat(parts, "  "):gsub(" +$", "")))
end

--- Makes a table, which is written row by row, as they come.
-- @param columns list of { heading, least width }
-- @param longest number or nil: a greater least width of the first column
-- @return table: `write(row)`, a list of values, some of which may be nil; `open()` writes the headings,
--   where no row has yet
function Screen:table(columns, longest)
  local headings, widths = {}, {}
  for i, column in ipairs(columns) do
    headings[i], widths[i] = column[1], math.max(#column[1], column[2] or 0, i == 1 and longest or 0)
  end
  local opened = false
  local own = {}
  function own.open()
    if not opened then write_row(self, widths, headings) end
    opened = true
  end
  function own.write(row)
    own.open()
    local cells, secrets = {}, self.secrets()
    for i = 1, #columns do cells[i] = cell(row[i], secrets) end
    write_row(self, widths, cells)
  end
  return own
end

return Screen
