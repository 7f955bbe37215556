-- Which lines of lua/cpp/ no spec ran.
--
--     lua5.4 report.lua least-percentage < all the lines that ran, as lines.c writes them
--
-- The lines that could run are those for which luac makes instructions; those that only close a block hold the return
-- that Lua adds to every function, which is not reached where the function returns by itself.

local least = tonumber(arg[1])

local ran = {}
for place in io.lines() do ran[place] = true end

local function closes_a_block(text)
  return text:find "^[%s%)%]},;]*$" or text:find "^%s*end[%s%)%]},;]*$" or text:find "^%s*else%s*$"
end

local total, missed = 0, 0
for path in io.popen("find lua/cpp -name '*.lua' -not -path '*/types/*' | sort"):lines() do
  local source, seen, absent = {}, {}, {}
  for line in io.lines(path) do source[#source + 1] = line end
  local listing <close> = io.popen("luac5.4 -l -l -p " .. path)
  for instruction in listing:lines() do
    local number = tonumber(instruction:match "^%s+%d+%s+%[(%d+)%]%s+%u")
    local added = instruction:find "VARARGPREP"
    if number and not added and not seen[number] and not closes_a_block(source[number]) then
      seen[number] = true
      total = total + 1
      if not ran[path .. ":" .. number] then absent[#absent + 1] = number end
    end
  end
  missed = missed + #absent
  table.sort(absent)
  if #absent > 0 then print(("# %s: not run: %s"):format(path, table.concat(absent, ", "))) end
end
assert(total > 0, "luac5.4 lists nothing")
local share = 100 * (total - missed) / total
print(("# lua/cpp: %d of %d lines ran: %.1f %%"):format(total - missed, total, share))
os.exit(share >= least)
