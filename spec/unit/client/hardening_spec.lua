-- The built module: what the compiler and the linker put in against attacks, and what it shows to the process that loads
-- it. Read from the file, since the flags alone prove nothing.

local module = "build/cpp/core.so" -- as it is installed, whatever BUILD the specs use

local function output_of(command)
  local pipe = assert(io.popen("LC_ALL=C " .. command))
  local text = pipe:read("a")
  assert(pipe:close(), command .. " failed")
  return text
end

describe("the built module " .. module, function()
  local dynamic, segments, symbols

  setup(function()
    dynamic = output_of("readelf --dynamic --wide " .. module)
    segments = output_of("readelf --program-headers --wide " .. module)
    symbols = output_of("nm --dynamic " .. module)
  end)

  it("exports luaopen_cpp_core alone", function()
    local exported = {}
    for name in symbols:gmatch("%x+ [A-TV-Z] (%S+)") do exported[#exported + 1] = name end
    assert.same({ "luaopen_cpp_core" }, exported)
  end)

  it("is bound when it is loaded, and its tables are read-only from then on", function()
    assert.matches("%(FLAGS%)%s+BIND_NOW", dynamic)
    assert.matches("%(FLAGS_1%)%s+Flags: NOW", dynamic)
    assert.matches("GNU_RELRO", segments)
  end)

  it("stays mapped, since a resolver thread may outlive its Lua state", function()
    assert.matches("%(FLAGS_1%)[^\n]* NODELETE", dynamic)
  end)

  it("has no executable stack, no segment that is writable and executable, no relocation in its code", function()
    assert.matches("GNU_STACK[^\n]* RW ", segments)
    assert.is_nil(segments:match("LOAD[^\n]* RWE "))
    assert.is_nil(dynamic:match("TEXTREL"))
  end)

  it("looks for libraries where the system does", function()
    assert.is_nil(dynamic:match("RPATH") or dynamic:match("RUNPATH"))
  end)

  it("guards its stack and copies with bounds", function()
    assert.matches(" __stack_chk_fail", symbols)
    assert.matches(" __%w+_chk[@\n]", (symbols:gsub("__stack_chk_fail", "")))
  end)
end)
