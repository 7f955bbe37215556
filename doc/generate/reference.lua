-- Writes doc/reference.md from the annotations of lua/cpp/types/: `lua5.4 doc/generate/reference.lua` prints it.

local directory = arg and arg[0]:match "^(.*/)[^/]*$" or "doc/generate/"
local annotations = dofile(directory .. "annotations.lua")

local HEAD = [[
# Reference

<!-- `make doc` writes this page from lua/cpp/types/: change those files instead. -->

The arguments and results of each call. After a type, `?` means that the value may be nil, and `[]` means a list. An
*err* is the table that a call returns after `nil`: see [cpp.Error](#cpperror). *Page* is the documentation that the
function is based on; *Errors* lists the kinds of its err.

]]

local SECTIONS = {
  { file = "module", title = "The module" },
  { file = "client", title = "Clients" },
  { file = "options", title = "Options", text = "Times are in seconds, sizes in bytes." },
  { file = "credentials", title = "Credentials" },
  { file = "results", title = "Results and errors" },
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

-- A type in Markdown: the names of our own types are links.
local function show_type(kind)
  kind = kind:gsub("%s*|%s*", " or "):gsub("<", "&lt;"):gsub("%*", "\\*")
  return (kind:gsub("cpp%.[%w_]+", function(name)
    local known = types.classes[name] or types.aliases[name]
    return known and ("[%s](%s)"):format(name, anchor(name)) or name
  end))
end

local function one_line(text)
  return ((text or ""):gsub("\n", " "):gsub("^%l", string.upper))
end

local function table_of(members, first, show_required)
  if #members == 0 then return end
  write("| ", first, " | type | ", show_required and "required |" or "", " |\n")
  write("| --- | --- | ", show_required and "--- | " or "", "--- |\n")
  for _, member in ipairs(members) do
    -- "[string]" stands for other members of the service; the text of the class mentions them.
    if not member.package and member.name ~= "[string]" then
      local required = show_required and (member.optional and " |" or " yes |") or ""
      local name = member.name and "`" .. member.name .. "`" or ""
      local kind = show_type(member.type) .. (member.optional and not show_required and "?" or "")
      write(("| %s | %s |%s %s |\n"):format(name, kind, required, one_line(member.text)))
    end
  end
  write "\n"
end

-- "As cpp.cancel, with this client.": it needs no entry of its own.
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
  -- The example comes last, after the tables of what it uses.
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
    write("Like the functions of the module, with this client: ", table.concat(alike, ", "), ".\n\n")
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
