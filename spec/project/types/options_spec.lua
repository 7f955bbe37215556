-- The types of options are those that the core accepts, and their defaults those of the sources.

local annotations = dofile "doc/generate/annotations.lua"
local content = require "spec.support.program".content
local core = require "cpp.core"
local cpp = require "cpp"

local types = annotations.read()

describe("the options", function()
  local client <const> = cpp.client {}
  teardown(function() client:close() end)

  -- What checks options, and the class (or classes) that have their types.
  local function check(of) return function(options) core.check(of, options) end end
  local PLACES = {
    client = { core.client, "cpp.ClientOptions" },
    call = { check "call", "cpp.StartOptions", "cpp.OperationTarget", "cpp.OperationsOptions", "cpp.OffersOptions",
             "cpp.OneOfferOptions" },
    wait = { check "wait", "cpp.WaitOptions" },
    batch = { check "batch", "cpp.CancelAllOptions" },
    map = { function(options) client:map({}, print, options) end, "cpp.MapOptions" },
  }
  -- The types of what a message says that it expected, and a value that is accepted.
  local KINDS = {
    ["a non-empty string"] = { "string", "t" }, ["a string"] = { "^string$", "t" }, ["a boolean"] = { "^boolean$", true },
    ["a number of seconds"] = { "^number$", 1 }, ["a whole number"] = { "^integer$", 1 },
    ["a whole number of bytes"] = { "^integer$", 1 }, ["a string or a function"] = { "^string|cpp%.TokenFunction$", "t" },
    ["a string or a list of strings"] = { "^string|string%[%]$", "t" }, ["a function"] = { "^fun%(", print },
    ["cpp.loop.blocking"] = { "^cpp%.Loop$", cpp.loop.blocking }, ["a boolean or a table"] = { "^boolean|cpp%.WaitOptions$", true },
    ["a table of strings by name"] = { "^table<string, string>$", {} },
  }

  -- The names that the core knows: a table in Lua's registry.
  local names
  for _, value in pairs(debug.getregistry()) do
    if type(value) == "table" and rawget(value, "connect_timeout") then names = value end
  end

  for place, row in pairs(PLACES) do
    it("have a type each, and no other: " .. place, function()
      local fields, accepted = {}, {}
      for _, class in ipairs { table.unpack(row, 2) } do
        for name, field in pairs(annotations.fields(types, class)) do fields[name] = field.type end
      end
      for name in pairs(names) do
        local _, problem = pcall(row[1], { [name] = io.stdout })
        local kind = KINDS[problem:match ": expected ([^,]*), "]
        local done, other = pcall(row[1], { [name] = kind and kind[2] })
        if kind and (done or not other:find "not an option of") then
          accepted[name] = fields[name]
          assert.matches(kind[1], fields[name], name)
        else
          assert.matches(name .. ": not an option of ", kind and other or problem)
        end
      end
      assert.same(fields, accepted)
    end)
  end

  -- A default: the class and the field that state it, the file that has it, and the pattern that finds it there.
  local DEFAULTS = {
    { "cpp.ClientOptions", "base_url", "csrc/lua_client.c", 'DEFAULT_BASE_URL "(.-)"' },
    { "cpp.ClientOptions", "authority_url", "csrc/lua_client.c", 'DEFAULT_AUTHORITY_URL "(.-)"' },
    { "cpp.ClientOptions", "api_version", "csrc/lua_client.c", 'DEFAULT_API_VERSION "(.-)"' },
    { "cpp.ClientOptions", "timeout", "csrc/lua_client.c", "DEFAULT_TIMEOUT_MS = (%d+)" },
    { "cpp.ClientOptions", "timeout", "lua/cpp/auth.lua", "TIMEOUT = (%d+)" },
    { "cpp.ClientOptions", "connect_timeout", "csrc/lua_client.c", "DEFAULT_CONNECT_TIMEOUT_MS = (%d+)" },
    { "cpp.ClientOptions", "retries", "lua/cpp/retry.lua", "RETRIES = (%d+)" },
    { "cpp.ClientOptions", "max_response_bytes", "csrc/lua_client.c", "DEFAULT_MAX_RESPONSE_BYTES = ([%d %*]+)" },
    { "cpp.WaitOptions", "timeout", "lua/cpp/wait.lua", "MAX_INTERVAL = (%d+)" },
    { "cpp.WaitOptions", "interval", "lua/cpp/wait.lua", "MAX_INTERVAL = %d+, (%d+)" },
    { "cpp.WaitOptions", "max_interval", "lua/cpp/wait.lua", "MAX_INTERVAL = %d+, %d+, (%d+)" },
    { "cpp.MapOptions", "concurrency", "lua/cpp/scheduler.lua", "CONCURRENCY = (%d+)" },
  }
  for _, default in ipairs(DEFAULTS) do
    local class, name, file, pattern = table.unpack(default)
    it(("state the default of %s as %s has it"):format(name, file), function()
      local there = assert(content(file):match(pattern), "not found")
      if not pattern:find '"' then there = load("return " .. there)() // (pattern:find "_MS" and 1000 or 1) end
      local stated = types.classes[class].fields[name].text:match "Default: `(.-)`"
      assert.equal(tostring(there), stated)
    end)
  end
end)
