-- Writes doc/reference.md from the annotations of lua/cpp/types/: `lua5.4 doc/generate/reference.lua` prints it.

local directory = arg and arg[0]:match "^(.*/)[^/]*$" or "doc/generate/"
local annotations = dofile(directory .. "annotations.lua")

local HEAD = [[
# Reference

<!-- Written by `make doc` from lua/cpp/types/: change it there. -->

What each call takes and gives. Behind a type, `?` means that it may be nil, and `[]` that it is a list. *Page* is the
page that a function rests on, and *Errors* are the kinds that its err may have.

]]

local SECTIONS = {
  { file = "module", title = "The module" },
  { file = "client", title = "Clients" },
  { file = "options", title = "Options", text = "Times are in seconds, sizes in bytes." },
  { file = "credentials", title = "Credentials" },
  { file = "answers", title = "Answers and errors" },
  { file = "loop", title = "Loops" },
  { file = "core", title = "The C module" },
}

local types = annotations.read()
local out = {}

local function write(...)
  out[#out + 1] = table.concat { ... }
end

local function anchor(title)
  return "#" .. title:lower():gsub("[^%w _-]", ""):gsub(" ", "-")
end

-- A type for people: the names of our own types lead to them.
local function show_type(kind)
  kind = kind:gsub("%s*|%s*", " or "):gsub("<", "&lt;"):gsub("%*", "\\*")
  return (kind:gsub("cpp%.[%w_]+", function(name)
    local known = types.classes[name] or types.aliases[name]
    return known and ("[%s](%s)"):format(name, anchor(name)) or name
  end))
end

local function one_line(text)
  return (text or ""):gsub("\n", " ")
end

local function table_of(members, first, show_needed)
  if #members == 0 then return end
  write("| ", first, " | type | ", show_needed and "needed |" or "", " |\n")
  write("| --- | --- | ", show_needed and "--- | " or "", "--- |\n")
  for _, member in ipairs(members) do
    -- "[string]": whatever else the service sends, which the text of its class says.
    if not member.package and member.name ~= "[string]" then
      local needed = show_needed and (member.optional and " |" or " yes |") or ""
      local name = member.name and "`" .. member.name .. "`" or ""
      local kind = show_type(member.type) .. (member.optional and not show_needed and "?" or "")
      write(("| %s | %s |%s %s |\n"):format(name, kind, needed, one_line(member.text)))
    end
  end
  write "\n"
end

-- "As cpp.cancel, with this client.": nothing more to say about it.
local function is_alike(fn)
  return fn.text and fn.text:find "^As cpp%.[%w_]+, with this client%.$"
end

local function signature(class, fn)
  local names = {}
  for _, param in ipairs(fn.params) do names[#names + 1] = param.name end
  local owner = class.name == "cpp.Client" and "client" or class.name == "cpp.CoreClient" and "core_client"
    or class.name == "cpp.CoreRequest" and "request" or class.name:gsub("^cpp%.(%l)", "%1")
  return ("%s%s%s(%s)"):format(owner, fn.separator, fn.name, table.concat(names, ", "))
end

local function write_function(class, fn)
  write("#### ", signature(class, fn), "\n\n")
  local text = fn.text
  -- The example comes last, behind what it uses.
  local words, example = (text or ""):match "^(.-)\n*(```lua.*)$"
  write(words or text or "", (words or text) and "\n\n" or "")
  table_of(fn.params, "argument", true)
  table_of(fn.returns, "returns")
  if example then write(example, "\n\n") end
end

-- Links to the functions of a class with many.
local function write_index(class)
  local links = {}
  for _, fn in ipairs(class.functions) do
    links[#links + 1] = ("[%s](%s)"):format(fn.name, anchor(signature(class, fn)))
  end
  write("Functions: ", table.concat(links, ", "), ".\n\n")
end

local function write_class(class)
  write("### ", class.name, "\n\n", class.text or "", class.text and "\n" or "")
  if #class.parents > 0 then
    local parents = {}
    for _, parent in ipairs(class.parents) do parents[#parents + 1] = show_type(parent) end
    write("\nAlso has the fields of ", table.concat(parents, " and "), ".\n")
  end
  write "\n"
  table_of(class.fields, "field", class.file == "options")
  if class.file == "module" then write_index(class) end
  local alike = {}
  for _, fn in ipairs(class.functions) do
    if is_alike(fn) then alike[#alike + 1] = "`" .. signature(class, fn) .. "`" end
  end
  if #alike > 0 then
    write("The same as the functions of the module, with this client: ", table.concat(alike, ", "), ".\n\n")
  end
  for _, fn in ipairs(class.functions) do
    if not fn.package and not is_alike(fn) then write_function(class, fn) end
  end
end

local function write_alias(alias)
  write("### ", alias.name, "\n\n", alias.text or "", "\n\n")
  if alias.type then write("`", (alias.type:gsub("|", " or ")), "`\n\n") end
  if #alias.values > 0 then
    write "| value | |\n| --- | --- |\n"
    for _, value in ipairs(alias.values) do write("| `", value.literal, "` | ", value.text, " |\n") end
    write "\n"
  end
end

write(HEAD)
for _, section in ipairs(SECTIONS) do
  write("## ", section.title, "\n\n", section.text or "", section.text and "\n\n" or "")
  for _, alias in ipairs(types.aliases) do
    if alias.file == section.file then write_alias(alias) end
  end
  for _, class in ipairs(types.classes) do
    if class.file == section.file then write_class(class) end
  end
end
io.write((table.concat(out):gsub("\n\n\n+", "\n\n"):gsub("\n+$", "\n")))
