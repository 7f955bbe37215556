-- What luacheck expects of each part of the tree.
std = "lua54"
max_line_length = 120
files["lua/cpp/types"] = { unused = false, max_line_length = 132 } -- declarations only
files["spec"] = { std = "lua54+busted", max_line_length = 132 }
files["torture"] = files["spec"]
files[".busted"] = { std = "min" } -- whichever Lua starts busted reads it
files["**/*.rockspec"] = { std = "none", globals = {
  "package", "version", "rockspec_format", "source", "description", "dependencies",
  "external_dependencies", "build", "test",
} }
exclude_files = { "build" }
