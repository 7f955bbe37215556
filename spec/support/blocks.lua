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

local function lines_of(name)
  local list = {}
  for line in io.lines(name) do list[#list + 1] = line end
  return list
end

local JSON = { fault = true, offer = true }

-- A page is read line by line: this is where that stands.
local Page = {}
Page.__index = Page

function Page:fail(message)
  error(("%s:%d: %s"):format(self.name, self.place, message), 0)
end

function Page:open(language)
  if language == "" then self:fail "the block does not say its language" end
  self.block = { page = self.name, line = self.place, language = language, lines = {}, directives = self.directives }
  self.directives = {}
end

function Page:close()
  local block = self.block
  self.block = nil
  block.text = table.concat(block.lines, "\n") .. "\n"
  local last = self.blocks[#self.blocks]
  if block.language == "text" and last and self.after == last and not next(block.directives) then
    last.output = block.text
  else
    self.blocks[#self.blocks + 1] = block
    self.after = block
  end
end

function Page:comment(name, value)
  self.directives[name] = JSON[name] and cjson.decode(value) or value
end

function Page:line(line)
  local fence = line:match "^%s*```(.*)$"
  local name, value = line:match "^%s*<!%-%- ([%l ]+): (.-) %-%->$"
  if self.block and fence then
    self:close()
  elseif self.block then
    table.insert(self.block.lines, line)
  elseif fence then
    self:open(fence)
  elseif name then
    self:comment(name, value)
  elseif line:find "^    %S" and self.blank then
    self:fail "an indented block: write it as ```language"
  elseif line ~= "" then
    self.directives, self.after = {}, nil
  end
  self.blank = line == ""
end

--- Reads the blocks of a page.
-- @param name string: the page's file
-- @return list of tables: page, line, language, text, output (or nil), directives
function blocks.read(name)
  local page = setmetatable({ name = name, blocks = {}, directives = {}, blank = true }, Page)
  for place, line in ipairs(lines_of(name)) do
    page.place = place
    page:line(line)
  end
  if page.block then page:fail "the last block does not end" end
  return page.blocks
end

return blocks
