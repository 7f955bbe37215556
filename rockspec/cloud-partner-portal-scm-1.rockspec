rockspec_format = "3.0"
package = "cloud-partner-portal"
version = "scm-1"
source = {
  url = "git+https://github.com/cloud-partner-portal/lua-cpp.git",
}
description = {
  summary = "Cancels publishing operations on the Azure Cloud Partner Portal",
  detailed = [[
cpp is a Lua 5.4 extension in C over libcurl: one call cancels the publishing operation of a
marketplace offer, waits for its end, retries only what is safe to send again, gets tokens, and
handles many offers at once, blocking or inside the event loop of its host.]],
  license = "MIT",
  labels = { "azure", "marketplace", "http", "client" },
}
supported_platforms = { "linux", "macosx", "freebsd" }
dependencies = {
  "lua ~> 5.4",
  "lua-cjson >= 2.1.0",
}
-- libcurl 7.85 or newer is found by the Makefile, with pkg-config: where a distribution puts its
-- headers into a folder of the machine's type, LuaRocks does not see them.
build = {
  type = "make",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
  },
  install_variables = {
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    BINDIR = "$(BINDIR)",
    PREFIX = "$(PREFIX)",
    LUA = "$(LUA)",
  },
  build_target = "all",
  install_target = "install",
  copy_directories = { "doc", "examples" },
}
