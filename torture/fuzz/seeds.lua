-- Seeds for the target `response`, into a directory: the corpus of responses that the specs have, whole and in two pieces,
-- to each of the calls; and twice over one connection.
--
--     lua5.4 seeds.lua DIRECTORY

local corpus = require "spec.faults.responses"

local LONGEST = 4000
local CALLS, SECOND, POLL, WHOLE, HALF = 4, 0x08, 0x10, 0x20, 128 -- see response.lua

for i, row in ipairs(corpus) do
  local text = ""
  for _, step in ipairs(row.steps) do text = text .. (step.send or step.each or "") end
  if #text <= LONGEST then
    local flags = i % CALLS | (i // CALLS % 2 == 0 and POLL | WHOLE or SECOND)
    local file <close> = assert(io.open(("%s/%d"):format(arg[1], i), "wb"))
    file:write(string.char(flags, HALF), flags & SECOND ~= 0 and text .. text or text)
  end
end
