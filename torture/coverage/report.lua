-- Which lines of lua/cpp/ no spec ran.
--
--     lua5.4 report.lua least-percentage < all the lines that ran, as lines.c writes them
--
-- The lines that could run are those for which luac makes instructions; those that only close a block hold the return
-- that Lua adds to every function, which is not reached where the function returns by itself.

local least = tonumber(arg[1])

local ran = {}
for place in io.lines() do ran[place] = true end

local function lines_of_command(command)
  local pipe = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  assert(pipe:close(), command)
  return lines
end

local function closes_a_block(text)
  return text:find "^[%s%)%]},;]*$" or text:find "^%s*end[%s%)%]},;]*$" or text:find "^%s*else%s*$"
end

-- The numbers of a file's lines that could run.
local function runnable(path)
  local source = {}
  for line in io.lines(path) do source[#source + 1] = line end
  local numbers, seen = {}, {}
  for _, instruction in ipairs(lines_of_command("luac5.4 -l -l -p " .. path)) do
    local number = tonumber(instruction:match "^%s+%d+%s+%[(%d+)%]%s+%u")
    local added = instruction:find "VARARGPREP"
    if number and not added and not seen[number] and not closes_a_block(source[number]) then
      seen[number] = true
      numbers[#numbers + 1] = number
    end
  end
  table.sort(numbers)
  return numbers
end

local total, missed = 0, 0
for _, path in ipairs(lines_of_command "find lua/cpp -name '*.lua' -not -path '*/types/*' | sort") do
  local absent = {}
  for _, number in ipairs(runnable(path)) do
    total = total + 1
    if not ran[path .. ":" .. number] then absent[#absent + 1] = number end
  end
  missed = missed + #absent
  if #absent > 0 then print(("# %s: not run: %s"):format(path, table.concat(absent, ", "))) end
end
local share = 100 * (total - missed) / total
print(("# lua/cpp: %d of %d lines ran: %.1f %%"):format(total - missed, total, share))
os.exit(share >= least)
