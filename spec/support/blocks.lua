-- The code blocks of a Markdown page, and what the page says of how to run them.
--
-- Comments before a block say what it needs; a reader does not see them:
--   <!-- fault: {...} -->     a fault of the portal emulator (doc/emulator.md)
--   <!-- offer: {...} -->     options of the offer contoso/contoso-vm
--   <!-- before: code -->     Lua that runs before the block
--   <!-- part of: file -->    the block stands in that file, which another spec runs
--   <!-- not run: reason -->  the block is not run
-- A block ```text behind another one is what that one prints.

local cjson = require "cjson"

local blocks = {}

local JSON = { fault = true, offer = true }

--- Reads the blocks of a page.
-- @param name string: the page's file
-- @return list of tables: page, line, language, text, output (or nil), directives
function blocks.read(name)
  local list, directives, place, is_blank = {}, {}, 0, true
  local block, last -- the one that is being read; the one before, if nothing is between
  local function fail(message) error(("%s:%d: %s"):format(name, place, message), 0) end
  for line in io.lines(name) do
    place = place + 1
    local fence = line:match "^%s*```(.*)$"
    local comment, value = line:match "^%s*<!%-%- ([%l ]+): (.-) %-%->$"
    if block and fence then
      block.text = table.concat(block.lines, "\n") .. "\n"
      if block.language == "text" and last and not next(block.directives) then
        last.output = block.text
      else
        list[#list + 1], last = block, block
      end
      block = nil
    elseif block then
      table.insert(block.lines, line)
    elseif fence then
      if fence == "" then fail "the block does not say its language" end
      block, directives = { page = name, line = place, language = fence, lines = {}, directives = directives }, {}
    elseif comment then
      directives[comment] = JSON[comment] and cjson.decode(value) or value
    elseif line:find "^    %S" and is_blank then
      fail "an indented block: write it as ```language"
    elseif line ~= "" then
      directives, last = {}, nil
    end
    is_blank = line == ""
  end
  if block then fail "the last block does not end" end
  return list
end

return blocks
