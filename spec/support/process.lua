-- A child process of a spec that ends with it: its standard input is ours, and it ends when that does.
--
--   local process = Process.start({ "/usr/bin/python3", "server.py" })
--   local line = process:read_line()      -- from its standard output; blocks
--   process:stop()

local uv = require "luv"

local Process = {}
Process.__index = Process

local function close(handle)
  if handle and not handle:is_closing() then handle:close() end
end

--- Starts a program.
-- @param words list: the program and its arguments
function Process.start(words)
  local self = setmetatable({ input = uv.new_pipe(), output = uv.new_pipe(), text = "", lines = {} }, Process)
  local arguments = { table.unpack(words, 2) }
  self.handle = assert(uv.spawn(words[1], {
    args = arguments, stdio = { self.input, self.output, 2 },
  }, function(code, signal) self.ended = ("%d, signal %d"):format(code, signal) end))
  self.output:read_start(function(_, data)
    if not data then self.silent = true end
    self.text = self.text .. (data or "")
    while true do
      local line, rest = self.text:match("^([^\n]*)\n(.*)$")
      if not line then break end
      self.lines[#self.lines + 1] = line
      self.text = rest
    end
  end)
  return self
end

--- Takes in what it has written meanwhile.
-- @return list of all its lines so far
function Process:read_lines()
  uv.run("nowait")
  return self.lines
end

--- Waits for its next line.
-- @return the line; raises when the process ends before
function Process:read_line()
  while #self.lines == 0 do
    if self.silent or self.ended then error("the process ended: " .. tostring(self.ended), 2) end
    uv.run("once")
  end
  return table.remove(self.lines, 1)
end

--- Ends it and waits for its end. Stopping again does nothing.
-- @param signal (may be absent) e.g. "sigterm": for a program that does not watch its input
function Process:stop(signal)
  if signal and not self.ended then self.handle:kill(signal) end
  close(self.input)
  while not self.ended do uv.run("once") end
  close(self.output)
  close(self.handle)
  uv.run("nowait")
end

Process.start({ "/bin/true" }):stop() -- luv keeps descriptors from its first process on, which no spec has to count

return Process
