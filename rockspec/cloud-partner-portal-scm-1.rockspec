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
  homepage = "https://github.com/cloud-partner-portal/lua-cpp",
  issues_url = "https://github.com/cloud-partner-portal/lua-cpp/issues",
  license = "MIT",
  labels = { "azure", "marketplace", "http", "client" },
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.4, < 5.6",
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7", -- of the command cpp-portal alone
}
-- libcurl 7.85 or newer with its headers. Its .pc file is looked for because it comes with them, and
-- because LuaRocks searches the folder that Debian names after the machine's type for libraries, but
-- not for headers. What is found here is what the Makefile asks pkg-config about.
external_dependencies = {
  CURL = { library = "pkgconfig/libcurl.pc" },
}
build = {
  type = "make",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    CURL = "$(CURL_LIBDIR)/pkgconfig/libcurl.pc",
  },
  install_variables = {
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    BINDIR = "$(BINDIR)",
    PREFIX = "$(PREFIX)",
    LUA = "$(LUA)",
  },
  build_target = "all",
  install_target = "install-files",
  copy_directories = { "doc", "examples" },
}
-- Needs what `make deps` installs. With arguments, these specs: luarocks test -- spec/unit/wait/wait_spec.lua
test = {
  type = "command",
  command = "make -s all examples && make -s POLLER=poll BUILD=build/poll && spec/support/specs",
}
