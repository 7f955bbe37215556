-- Programs of the project, run by a spec as children: the command and the examples.
--
--   local programs = Program.new { AZURE_TOKEN = "...", CPP_BASE_URL = portal.url }
--   local output, errors, status = programs:run { "bin/cpp-portal", "--version" }
--   local program = programs:start { "bin/cpp-portal", "wait", "contoso", "contoso-vm" }
--   program:read_line()                        -- of its standard output
--   program:kill "INT"
--   output, errors, status = program:finish()
--   programs:close()                           -- removes what it left

local core = require "cpp.core"

local Programs, Program = {}, {}
Programs.__index, Program.__index = Programs, Program

local LUA = os.getenv("LUA") or "lua5.4"

local function quote(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

--- Programs with these variables in their environment, and the module of this process.
function Programs.new(environment)
  local own = { AZURE_TOKEN = "", AZURE_TENANT_ID = "", AZURE_CLIENT_ID = "", AZURE_CLIENT_SECRET = "",
                CPP_BASE_URL = "", LUA_PATH = package.path, LUA_CPATH = package.cpath }
  for name, value in pairs(environment) do own[name] = value end
  return setmetatable({ environment = own, files = {} }, Programs)
end

--- Has the programs in Lua begin with this code, after what each Lua begins with, such as line coverage.
function Programs:begin_with(code)
  local name = "LUA_INIT" .. _VERSION:gsub("^Lua (%d+)%.(%d+)$", "_%1_%2")
  self.environment[name] = (os.getenv(name) or "") .. "\n" .. code
end

--- Writes texts to a file.
-- @return its name
function Programs.write(name, ...)
  local file <close> = assert(io.open(name, "wb"))
  file:write(...)
  return name
end

--- What a file holds.
function Programs.content(name)
  local file <close> = assert(io.open(name, "rb"))
  return file:read("a")
end

--- The name of a new file with this content, which ends with the programs.
function Programs:file(content)
  self.files[#self.files + 1] = os.tmpname()
  return self.write(self.files[#self.files], content or "")
end

--- The directory of installed programs, first in PATH.
function Programs:path()
  if not self.directory then
    self.directory = os.tmpname()
    assert(os.remove(self.directory) and os.execute("mkdir " .. self.directory))
    self.environment.PATH = self.directory .. ":" .. os.getenv "PATH"
  end
  return self.directory
end

--- Installs a shell script as a program.
function Programs:install(name, script)
  assert(os.execute("chmod +x " .. self.write(self:path() .. "/" .. name, "#!/bin/sh\n", script, "\n")))
end

--- Removes the files and the installed programs.
function Programs:close()
  for _, name in ipairs(self.files) do os.remove(name) end
  if self.directory then os.execute("rm -r " .. self.directory) end
  self.files, self.directory = {}, nil
end

--- Asks until `predicate()` is true; raises when it is not in ten seconds. For what shows in a server that
--- the program speaks to, and in nothing that the program writes.
function Programs.wait_for(predicate)
  local give_up = core.monotonic() + 10
  repeat
    if core.monotonic() > give_up then error("what was waited for has not come", 2) end
  until predicate()
end

--- The shell command that runs a program.
-- @param words list: a Lua program (by its name, or with `.lua`) or another one, and its arguments
function Programs:command(words)
  local parts = { "env" }
  for name, value in pairs(self.environment) do parts[#parts + 1] = name .. "=" .. quote(value) end
  if words[1]:find("^bin/") or words[1]:find("%.lua$") then parts[#parts + 1] = LUA end
  for _, word in ipairs(words) do parts[#parts + 1] = quote(word) end
  return table.concat(parts, " ")
end

--- Starts a program.
-- @param words list
-- @return the program
function Programs:start(words)
  local errors = self:file()
  local stream = assert(io.popen("echo $$; exec " .. self:command(words) .. " 2>" .. quote(errors) .. " </dev/null", "r"))
  return setmetatable({ stream = stream, pid = stream:read("l"), errors = errors, watched = {} }, Program)
end

--- The next line of its standard output; nil at its end.
function Program:read_line()
  local line = self.stream:read("l")
  self.watched[#self.watched + 1] = line and line .. "\n" or nil
  return line
end

--- Reads lines until one holds `text`, which is returned; raises at its end.
function Program:read_until(text)
  repeat
    local line = self:read_line()
    if not line then error("the program ended without " .. text .. ": " .. table.concat(self.watched), 2) end
    if line:find(text, 1, true) then return line end
  until false
end

--- Sends it a signal, such as "INT".
function Program:kill(signal)
  assert(os.execute(("kill -%s %s"):format(signal, self.pid)))
end

--- Waits for its end.
-- @return standard output, standard error, exit status, signal number (nil: none)
function Program:finish()
  self.watched[#self.watched + 1] = self.stream:read("a")
  local _, how, code = self.stream:close()
  local status, signal = how == "exit" and code or nil, how == "signal" and code or nil
  return table.concat(self.watched), Programs.content(self.errors), status, signal
end

--- Runs a program to its end: see `start` and `finish`.
function Programs:run(words)
  return self:start(words):finish()
end

--- Runs a program on a terminal of its own.
-- @param size string: columns, rows, and maybe columns from the first "%" on: see spec/support/terminal.py
-- @param input (may be absent) string: the typed text, and then the end of the input
-- @return what the terminal gets; the exit status
function Programs:run_on_terminal(size, words, input)
  local command = "/usr/bin/python3 -I spec/support/terminal.py %s -- %s <%s"
  local stream = assert(io.popen(command:format(size, self:command(words), quote(self:file(input))), "r"))
  local output = stream:read("a")
  return output, select(3, stream:close())
end

return Programs
