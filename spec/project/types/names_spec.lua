-- The types of lua/cpp/types/ have each public name, and no other; and each public function is documented.

local annotations = dofile "doc/generate/annotations.lua"
local core = require "cpp.core"
local cpp = require "cpp"

local types = annotations.read()

-- The names of a class: its fields (without those of its parents) and its functions.
local function members(class)
  local names = {}
  for _, field in ipairs(types.classes[class].fields) do names[field.name] = true end
  for _, fn in ipairs(types.classes[class].functions) do names[fn.name] = true end
  return names
end

local function is_public(name) return type(name) == "string" and name:sub(1, 2) ~= "__" end

describe("the types of", function()
  it("each class have each of its names, and no other", function()
    local client <close> = cpp.client {}
    local core_client <close> = core.client {}
    local request <close> = core_client:start("location", { location = "http://elsewhere.test/" })
    local function methods(object) return debug.getmetatable(object).__index end
    for class, objects in pairs {
      ["cpp"] = { cpp }, ["cpp.Client"] = { client, debug.getmetatable(client) }, ["cpp.core"] = { core },
      ["cpp.CoreClient"] = { methods(core_client) }, ["cpp.CoreRequest"] = { methods(request) },
      ["cpp.credentials"] = { cpp.credentials }, ["cpp.dispatch"] = { require "cpp.dispatch" },
    } do
      local names = {}
      for _, object in ipairs(objects) do
        for name in pairs(object) do
          if is_public(name) then names[name] = true end
        end
      end
      assert.same(names, members(class), class)
    end
  end)

  it("the module say the kind of each value", function()
    for name, value in pairs(cpp) do
      assert.equal(type(value) == "function", types.classes.cpp.functions[name] ~= nil, name)
    end
  end)

  it("the loops have each of their names, and no other", function()
    local files = {}
    for name in io.popen("ls lua/cpp/loop"):lines() do files[name:match "^(.*)%.lua$"] = true end
    files.init = nil
    assert.same(files, members "cpp.Loops")
    for name in pairs(files) do
      for key in pairs(cpp.loop[name]) do assert.is_truthy(types.classes["cpp.Loop"].fields[key], key) end
    end
  end)
end)

describe("each public function has", function()
  for _, class in ipairs { "cpp", "cpp.Client" } do
    for _, fn in ipairs(types.classes[class].functions) do
      local alike = class == "cpp.Client" and types.classes.cpp.functions[fn.name]
      if not fn.package and not alike then
        it(("a description, a page, errors and an example: %s%s%s"):format(class, fn.separator, fn.name), function()
          assert.is_truthy(fn.text and fn.text:find "^%u")
          assert.matches("^https://", fn.page)
          assert.is_truthy(fn.errors)
          assert.is_true(#fn.examples > 0)
        end)
      end
    end
  end

  it("errors that are kinds", function()
    for _, class in ipairs(types.classes) do
      for _, fn in ipairs(class.functions) do
        local list = (fn.errors or "none"):gsub("%b()", ""):match "^[^;.]*"
        if not list:find "^none" then
          for kind in list:gmatch "[^,%s]+" do assert.is_truthy(types.aliases["cpp.Kind"].values[kind], kind) end
        end
      end
    end
  end)
end)

describe("each type", function()
  local KNOWN = { string = true, number = true, integer = true, boolean = true, thread = true, any = true, T = true,
                  fun = true, self = true, table = true, ["nil"] = true, file = true }

  local function check(kind, where)
    -- Without literals, and the names of parameters and fields.
    for name in (kind or ""):gsub('"[^"]*"', ""):gsub("[%w_]+%??: ?", ""):gmatch "%a[%w_.]*" do
      assert.is_truthy(KNOWN[name] or types.classes[name] or types.aliases[name], ("%s: %s in %s"):format(where, name, kind))
    end
  end

  it("is of names that exist", function()
    for _, alias in ipairs(types.aliases) do check(alias.type, alias.name) end
    for _, class in ipairs(types.classes) do
      for _, parent in ipairs(class.parents) do check(parent, class.name) end
      for _, field in ipairs(class.fields) do check(field.type, class.name .. "." .. field.name) end
      for _, fn in ipairs(class.functions) do
        for _, list in ipairs { fn.params, fn.returns } do
          for _, value in ipairs(list) do check(value.type, class.name .. "." .. fn.name) end
        end
      end
    end
  end)
end)
