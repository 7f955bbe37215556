-- Misuse names the place in the caller's own code, or none: never a line of the library.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local virtual = require "spec.support.virtual"

local function with(fields)
  return fixture.merged(fixture.call { operation_id = "id" }, fields)
end

local function nothing() end

-- What a caller may hand in by mistake.
local VALUES = {
  5, "text", true, nothing, {}, { 1 }, io.stdout, coroutine.create(nothing), cpp, core,
  { unknown = 1 }, { timeout = "1" }, { timeout = -1 }, { concurrency = 0 }, { on_result = 5 }, { loop = 5 }, { [{}] = 1 },
  { location = 5 }, { location = "\n" }, { token = "a b" }, { tenant = "t" },
  with { wait = 5 }, with { wait = { unknown = 1 } }, with { loop = {} }, with { log = 5 }, with { emails = 5 },
  with { emails = { 1 } }, with { emails = { "a" } }, with { publisher = 5 }, with { token = "a b" }, with { tenant = "t" },
  with { if_running = 5 }, with { version = 5.5 }, with { version = "1", slot = "preview" }, with { spawn = 5 },
}

local CALLS = { "cancel", "publish", "go_live", "operation", "operations", "offer_status", "offer", "offers", "publishers",
                "wait", "reconcile" }

describe("misuse", function()
  local client, seen

  before_each(function()
    seen = {}
    client = cpp.client { base_url = "http://127.0.0.1:9", token = "t", retries = 0, loop = virtual.new() }
  end)
  after_each(function() client:close() end)

  local function check(name, fn, ...)
    local done, problem = pcall(fn, ...)
    if done or type(problem) ~= "string" then return end
    local place = problem:match "^([^:%s]+):%d+:"
    if place and not place:find "misuse_spec%.lua$" then seen[name] = problem end
    seen.count = (seen.count or 0) + 1
  end

  local function assert_none(least)
    assert.is_true((seen.count or 0) >= least, seen.count)
    seen.count = nil
    local name, problem = next(seen)
    assert.is_nil(name, name and name .. ": " .. problem)
  end

  it("of a call names the caller's line or none", function()
    for _, name in ipairs(CALLS) do
      for place = 0, #VALUES do
        local what = name .. " " .. place
        check(what, function() local result = client[name](client, VALUES[place]) return result end)
        check(what .. " second", function() local result = client[name](client, with {}, VALUES[place]) return result end)
        check(what .. " with a dot", function() local result = client[name](VALUES[place]) return result end)
        check(what .. " with a colon", function() local result = cpp[name](cpp, VALUES[place]) return result end)
        check(what .. " within pcall", client[name], client, VALUES[place])
        check(what .. " in a coroutine", function()
          local thread = coroutine.create(client[name])
          error((select(2, coroutine.resume(thread, client, VALUES[place]))), 0)
        end)
      end
    end
    assert_none(1000)
  end)

  it("of a batch, or in an item, names the caller's line or none", function()
    for place = 0, #VALUES do
      local value = VALUES[place]
      check("map " .. place, function() local list = client:map(value, nothing) return list end)
      check("map function " .. place, function() local list = client:map({ 1 }, value) return list end)
      check("map options " .. place, function() local list = client:map({}, nothing, value) return list end)
      check("cancel_all " .. place, function() local list = client:cancel_all(value) return list end)
      check("cancel_all options " .. place, function() local list = client:cancel_all({}, value) return list end)
      for _, name in ipairs(CALLS) do
        check("item " .. name .. place, function()
          local list = client:map({ 1 }, function(_, own) local result = own[name](own, value) return result end)
          error(list[1].err and list[1].err.raised, 0)
        end)
      end
      check("item of cancel_all " .. place, function()
        local list = client:cancel_all { value or 5 }
        error(list[1].err and list[1].err.raised, 0)
      end)
    end
    for _, length in ipairs { 2.5, "x", 0 / 0 } do
      local list = setmetatable({}, { __len = function() return length end })
      check("map of a list of " .. length, function() local made = client:map(list, nothing) return made end)
      check("cancel_all of a list of " .. length, function() local made = client:cancel_all(list) return made end)
      check("emails of " .. length, function() local made = client:cancel(with { emails = list }) return made end)
    end
    assert_none(200)
  end)

  it("names the caller's line also where the host has no debug library, and cpp.dispatch is loaded alone", function()
    local script = 'debug, package.loaded.debug = nil require "cpp.dispatch".run(5)'
    local child = assert(io.popen((os.getenv "LUA" or "lua5.4") .. " -e '" .. script .. "' 2>&1"))
    local text = child:read "l"
    child:close()
    assert.matches("(command line):1: cpp: expected a core client, got number", text, 1, true)
  end)
end)
