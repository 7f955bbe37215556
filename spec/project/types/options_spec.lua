-- The types of options are those of csrc/lua_options.c, and their defaults those of the sources.

local annotations = dofile "doc/generate/annotations.lua"
local content = require "spec.support.program".content
local cpp = require "cpp"
local sorted_keys = require "spec.support.sorted_keys"

local types = annotations.read()

describe("the options", function()
  -- What csrc/lua_options.c accepts, by the class (or classes) that say it here.
  local SCOPES = {
    CLIENT = { "cpp.ClientOptions" },
    CALL = { "cpp.StartOptions", "cpp.OperationTarget", "cpp.OperationsOptions", "cpp.OffersOptions",
             "cpp.OneOfferOptions" },
    WAIT = { "cpp.WaitOptions" },
    BATCH = { "cpp.CancelAllOptions" },
  }
  local KINDS = {
    TEXT = "^string$", QUOTED = "^string$", PROXY = "^string$", REFERENCE = "^string$",
    BOOLEAN = "^boolean$", SEGMENT = "", LINE = "^string$", SECRET = "^string$", SECONDS = "^number$",
    COUNT = "^integer$", POSITIVE = "^integer$", BYTES = "^integer$", TOKEN = "^string|cpp%.TokenFunction$",
    ADDRESSES = "^string|string%[%]$", FUNCTION = "^fun%(", LOOP = "^cpp%.Loop$", SWITCH = "^boolean|cpp%.WaitOptions$",
    HEADERS = "^table<string, string>$",
  }

  -- [scope][name] = kind
  local accepted = { CLIENT = {}, CALL = {}, WAIT = {}, BATCH = {} }
  for name, kind, scopes in content "csrc/lua_options.c":gmatch '%[LCPP_OPTION_[%u_]+%] = {"([%l_]+)", (%u+), ([%u |]+),' do
    for scope in scopes:gsub("%f[%a]ALL", "CLIENT CALL WAIT BATCH"):gmatch "%u+" do accepted[scope][name] = kind end
  end

  for scope, classes in pairs(SCOPES) do
    it("have a type each, and no other: " .. scope, function()
      local fields = {}
      for _, class in ipairs(classes) do
        for name, field in pairs(annotations.fields(types, class)) do fields[name] = field end
      end
      assert.is_true(#sorted_keys(accepted[scope]) > 10)
      assert.same(sorted_keys(accepted[scope]), sorted_keys(fields))
      for name, kind in pairs(accepted[scope]) do assert.matches(KINDS[kind], fields[name].type, name) end
    end)
  end

  it("of map are those that it does not refuse", function()
    local VALUES = { TEXT = "t", PROXY = "t", SEGMENT = "t", LINE = "t", SECRET = "t", TOKEN = "t", SECONDS = 1,
                     COUNT = 1, BYTES = 1, POSITIVE = 1, FUNCTION = function() end, LOOP = cpp.loop.blocking,
                     SWITCH = true, BOOLEAN = true, HEADERS = {} }
    local client <close> = cpp.client {}
    local taken = {}
    for name, kind in pairs(accepted.BATCH) do
      local done, problem = pcall(client.map, client, {}, print, { [name] = VALUES[kind] })
      if done then taken[name] = true else assert.matches(name .. ": not an option of map", problem) end
    end
    assert.same(sorted_keys(annotations.fields(types, "cpp.MapOptions")), sorted_keys(taken))
  end)

  -- A default: the class and the field that state it, the file that has it, and the pattern that finds it there.
  local function number(text) return assert(load("return " .. text))() end
  local function seconds(text) return number(text) // 1000 end
  local DEFAULTS = {
    { "cpp.ClientOptions", "base_url", "csrc/lua_client.c", 'DEFAULT_BASE_URL "(.-)"' },
    { "cpp.ClientOptions", "authority_url", "csrc/lua_client.c", 'DEFAULT_AUTHORITY_URL "(.-)"' },
    { "cpp.ClientOptions", "api_version", "csrc/lua_client.c", 'DEFAULT_API_VERSION "(.-)"' },
    { "cpp.ClientOptions", "timeout", "csrc/lua_client.c", "DEFAULT_TIMEOUT_MS = (%d+)", seconds },
    { "cpp.ClientOptions", "timeout", "lua/cpp/auth.lua", "TIMEOUT = (%d+)", number },
    { "cpp.ClientOptions", "connect_timeout", "csrc/lua_client.c", "DEFAULT_CONNECT_TIMEOUT_MS = (%d+)", seconds },
    { "cpp.ClientOptions", "retries", "lua/cpp/retry.lua", "RETRIES = (%d+)", number },
    { "cpp.ClientOptions", "max_response_bytes", "csrc/lua_client.c", "DEFAULT_MAX_RESPONSE_BYTES = ([%d %*]+)", number },
    { "cpp.WaitOptions", "timeout", "lua/cpp/wait.lua", "MAX_INTERVAL = (%d+)", number },
    { "cpp.WaitOptions", "interval", "lua/cpp/wait.lua", "MAX_INTERVAL = %d+, (%d+)", number },
    { "cpp.WaitOptions", "max_interval", "lua/cpp/wait.lua", "MAX_INTERVAL = %d+, %d+, (%d+)", number },
    { "cpp.MapOptions", "concurrency", "lua/cpp/scheduler.lua", "CONCURRENCY = (%d+)", number },
  }
  for _, default in ipairs(DEFAULTS) do
    local class, name, file, pattern, convert = table.unpack(default)
    it(("state the default of %s as %s has it"):format(name, file), function()
      local there = assert(content(file):match(pattern), "not found")
      if convert then there = convert(there) end
      local stated = types.classes[class].fields[name].text:match "Default: `(.-)`"
      assert.equal(tostring(there), stated)
    end)
  end
end)
