rockspec_format = "3.0"
package = "cloud-partner-portal-emulator"
version = "scm-1"
source = {
  url = "git+https://github.com/cloud-partner-portal/lua-cpp.git",
  dir = "lua-cpp/emulator",
}
description = {
  summary = "A server on this machine that responds as the Azure Cloud Partner Portal does",
  detailed = [[
The portal emulator is a real HTTP server that responds as the publishing interface of the Azure
Cloud Partner Portal does, with faults on request. `cpp-portal emulate` starts it. Programs that
cancel publishing operations are tried and tested against it.]],
  homepage = "https://github.com/cloud-partner-portal/lua-cpp",
  issues_url = "https://github.com/cloud-partner-portal/lua-cpp/issues",
  license = "MIT",
  labels = { "azure", "marketplace", "http", "server" },
}
supported_platforms = { "linux" }
dependencies = {
  "lua >= 5.4, < 5.5",
  "cloud-partner-portal",
  "cqueues >= 20200726",
  "http >= 0.4",
  "lua-cjson >= 2.1.0",
  "luasocket >= 3.0",
}
-- The modules are found: all Lua files of this folder.
build = { type = "builtin" }
