-- busted takes a traceback wherever an `it` is defined, and keeps what comes before the first function of C. debug.traceback
-- searches all loaded modules for the name of each function, which takes most of the time of a short spec; this does not.

local original = debug.traceback

function debug.traceback(message, level, ...) -- luacheck: ignore 122
  if message ~= "" or type(level) ~= "number" then return original(message, level, ...) end
  local lines = { "", "stack traceback:" }
  repeat
    local frame = debug.getinfo(level + 1, "Sl")
    level = level + 1
    lines[#lines + 1] = frame and ("\t%s:%d"):format(frame.short_src, frame.currentline)
  until not frame or frame.what == "C"
  return table.concat(lines, "\n")
end

pcall(require, "luv") -- kept: busted unloads what a spec loads, and luv crashes when it is loaded again
