-- A filter for `make doc`: gives each heading of a page the name by which links lead to it, as on GitHub, and
-- points links to pages at their web pages, and those to other files of the tree back at it.

local function heading(tag, text)
  local name = text:gsub("<[^>]*>", ""):gsub("&%a+;", ""):lower():gsub("[^%w _-]", ""):gsub(" ", "-")
  return ('<%s id="%s">%s</%s>'):format(tag, name, text, tag)
end

local function link(target)
  if target:find "^%a+:" or target:find "^#" then return nil end
  local page, anchor = target:match "([%w_-]+)%.md(#?[^/]*)$"
  if page and not target:find "spec/" then
    return ('href="%s.html%s"'):format(page == "README" and "index" or page, anchor)
  end
  return ('href="../../%s"'):format((target:gsub("^%.%./", "")))
end

local text = io.read("a"):gsub("<(h%d)>(.-)</h%d>", heading):gsub('href="([^"]*)"', link)
io.write(text)
