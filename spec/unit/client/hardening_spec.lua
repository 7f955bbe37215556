-- The built module: what the compiler and the linker put in against attacks, and what it shows to the process that loads
-- it. Read from the file, since the flags alone prove nothing.

local module = "build/cpp/core.so" -- as it is installed, whatever BUILD the specs use

local function output_of(command)
  local pipe = assert(io.popen("LC_ALL=C " .. command .. " " .. module))
  local text = pipe:read("a")
  assert(pipe:close(), command .. " failed")
  return text
end

-- A promise, and the patterns that a program's text about the module has, and does not have.
local PROMISES = {
  { "is bound when it is loaded", "readelf --dynamic --wide", { "%(FLAGS%)%s+BIND_NOW", "%(FLAGS_1%)%s+Flags: NOW" }, {} },
  { "has tables that are read-only once it is loaded", "readelf --program-headers --wide", { "GNU_RELRO" }, {} },
  { "stays mapped, since a resolver thread may outlive its Lua state", "readelf --dynamic --wide",
    { "%(FLAGS_1%)[^\n]* NODELETE" }, {} },
  { "has no executable stack, and no segment that is writable and executable", "readelf --program-headers --wide",
    { "GNU_STACK[^\n]* RW " }, { "LOAD[^\n]* RWE " } },
  { "has no relocation in its code, and looks for libraries where the system does", "readelf --dynamic --wide", {},
    { "TEXTREL", "RPATH", "RUNPATH" } },
  { "guards its stack, and copies with bounds", "nm --dynamic", { " __stack_chk_fail" },
    { " str[nl]?cat[@\n]", " st[rp]cpy[@\n]", " v?sn?printf[@\n]" } }, -- with _FORTIFY_SOURCE they have another name
}

describe("the built module " .. module, function()
  it("exports luaopen_cpp_core alone", function()
    local exported = {}
    for name in output_of("nm --dynamic"):gmatch("%x+ [A-TV-Z] (%S+)") do exported[#exported + 1] = name end
    assert.same({ "luaopen_cpp_core" }, exported)
  end)

  for _, promise in ipairs(PROMISES) do
    it(promise[1], function()
      local text = output_of(promise[2])
      for _, pattern in ipairs(promise[3]) do assert.matches(pattern, text) end
      for _, pattern in ipairs(promise[4]) do assert.is_nil(text:match(pattern)) end
    end)
  end
end)
