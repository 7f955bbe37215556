-- The manual pages say what there is: cpp-portal(1) what the command's tables hold, cpp(3lua) what the module
-- does. Their examples are run.

local annotations = dofile "doc/generate/annotations.lua"
local commands = require "cpp.command.commands"
local cpp = require "cpp"
local exit = require "cpp.command.exit"
local fixture = require "spec.support.fixture"
local options = require "cpp.command.options"
local Programs = require "spec.support.program"

-- The set of the entries (.It) of a page.
local function entries(page, pattern)
  local set = {}
  for entry in page:gmatch("\n%.It " .. pattern) do set[entry] = true end
  return set
end

-- The blocks of a page between .Bd -literal and .Ed.
local function examples_of(page)
  local list = {}
  for block in page:gmatch("\n%.Bd %-literal[^\n]*\n(.-\n)%.Ed\n") do list[#list + 1] = block:gsub("\\e", "\\") end
  return list
end

describe("doc/man/", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    programs.environment.PATH = "spec/support/commands:" .. os.getenv("PATH")
    for _, name in ipairs { "contoso-vm", "contoso-app" } do fixture.offer(portal, { offer = name, cancel_seconds = 0 }) end
  end)

  describe("cpp-portal.1", function()
    local page = Programs.content("doc/man/cpp-portal.1")

    it("has an entry for each command, and no other", function()
      local expected = {}
      for _, command in ipairs(commands) do
        expected[command.name] = true
        assert.matches(command.name, page:match "%.Sh SYNOPSIS\n(.-)%.Sh", 1, true)
      end
      assert.same(expected, entries(page:match "%.Ss Commands\n(.-)\n%.Ss", "Cm ([%w-]+)"))
    end)

    it("has an entry for each option, with its letter and its value, and no other", function()
      local found, expected = entries(page, "(Fl [^\n]+)"), {}
      for _, option in ipairs(options) do
        expected[(option.short and "Fl " .. option.short .. " , " or "") .. "Fl Fl " .. option.name
          .. (option.value and " Ar " .. option.value:lower() or "")] = true
      end
      found["Fl Fl version"] = page:find("\n.Fl Fl version\n", 1, true) ~= nil
      assert.same(expected, found)
    end)

    it("has an entry for each exit status, and so has doc/command.md", function()
      local in_manual, in_page = entries(page:match "%.Sh EXIT STATUS\n(.-)%.Sh", "(%d+)\n"), {}
      for status, meaning in Programs.content("doc/command.md"):gmatch "\n| (%d+) | ([^\n]+) |" do in_page[status] = meaning end
      for _, row in ipairs(exit) do
        local status = tostring(row.status)
        assert.same({ true, row.help }, { in_manual[status], in_page[status] })
      end
    end)

    it("has examples that run", function()
      local list = examples_of(page)
      assert.equal(3, #list)
      local output, errors, status = programs:run { "sh", "-c", list[1] }
      assert.is_truthy(output:find("contoso-vm  canceled ", 1, true), output)
      assert.same({ "", 0 }, { errors, status })
      portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, cancel_seconds = 0 }
      output, errors, status = programs:run { "sh", "-c", list[3] }
      assert.is_truthy(output:find("\ncanceled\n$"), output)
      assert.same({ "", 0 }, { errors, status })
      assert.is_truthy(list[2]:find("^cpp%-portal cancel %-%-json contoso contoso%-vm | jq %-r .location\n$"))
    end)
  end)

  describe("cpp.3lua", function()
    local page = Programs.content("doc/man/cpp.3lua")

    it("has an entry for each function, and names each other value", function()
      local expected = {}
      for name, value in pairs(cpp) do
        if type(value) == "function" then
          expected[name] = true
        else
          assert.is_truthy(page:find("cpp." .. name, 1, true), name)
        end
      end
      assert.same(expected, entries(page, "Fn cpp%.([%w_]+)"))
    end)

    it("names each option and each field of an err", function()
      local classes = annotations.read().classes
      for _, class in ipairs { "cpp.ClientOptions", "cpp.StartOptions", "cpp.WaitOptions", "cpp.MapOptions", "cpp.Error",
                               "cpp.Result" } do
        for _, field in ipairs(classes[class].fields) do
          assert.is_truthy(page:find("[^%w_]" .. field.name .. "[^%w_]"), class .. ": " .. field.name)
        end
      end
    end)

    it("has examples that run", function()
      local list = examples_of(page)
      assert.equal(2, #list)
      local lua = os.getenv("LUA") or "lua5.4"
      local output, errors, status = programs:run { lua, programs:file(list[1]) }
      assert.is_truthy(errors:find("^canceled, 0:0%d\n$"), errors)
      assert.same({ "", 0 }, { output, status })
      portal:offer { publisher = "contoso", offer = "contoso-vm", running = true, cancel_seconds = 0 }
      local expected = "contoso-vm\tcanceled\ncontoso-app\tcanceled\n"
      assert.same({ expected, "", 0 }, { programs:run { lua, programs:file(list[2]) } })
    end)
  end)
end)
