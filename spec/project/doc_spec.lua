-- The documentation: each code block of the README and of doc/ is run against the portal emulator, what
-- it is said to print is what it prints, and each link leads somewhere.

local blocks = require "spec.support.blocks"
local cjson = require "cjson"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

local content = Programs.content

local LUA = os.getenv("LUA") or "lua5.4"

local function lines_of(command)
  local list = {}
  local stream = io.popen(command)
  for line in stream:lines() do list[#list + 1] = line end
  stream:close()
  return list
end

local PAGES = lines_of "ls *.md doc/*.md"

-- What differs from run to run and from system to system: the emulator's address, identifiers, libcurl's version.
local UUID = "%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x"

local function normalise(text, portal)
  return (text:gsub(portal.url:gsub("%p", "%%%0"), "https://cloudpartner.azure.com"):gsub(UUID, "ID")
    :gsub("libcurl/[%d.]+", "libcurl/VERSION"):gsub("%s+$", ""))
end

describe("a block of", function()
  local portal, file
  setup(function() portal = Portal.start() end)
  teardown(function() portal:stop() end)

  -- contoso-vm is being published and is canceled at once; contoso-app is not, and is published at once.
  before_each(function()
    portal:reset()
    portal:offer { publisher = "contoso", offer = "contoso-app", running = false, steps = { { name = "s", seconds = 0 } },
                   golive_steps = { { name = "s", seconds = 0 } } }
    file = os.tmpname()
  end)
  after_each(function() os.remove(file) end)

  local function prepare(directives)
    local offer = { publisher = "contoso", offer = "contoso-vm", running = true, cancel_seconds = 0 }
    for name, value in pairs(directives.offer or {}) do offer[name] = value end
    portal:offer(offer)
    if directives.fault then portal:fault(directives.fault) end
  end

  local function run(command, text)
    Programs.write(file, text)
    local stream = io.popen(("PATH=spec/support/commands:$PATH CPP_BASE_URL=%s AZURE_TOKEN=%s timeout 30 %s %s 2>&1")
      :format(portal.url, Portal.TOKEN, command, file))
    local output = stream:read("a")
    local _, _, status = stream:close()
    return output, status
  end

  -- Runs a block of Lua or of shell commands.
  local function check_output(block)
    local text, command = block.text, ({ lua = LUA, sh = "sh -eu" })[block.language]
    if block.language == "lua" then
      local preamble = text:find('require "cpp"', 1, true) and "" or 'local cpp = require "cpp"; '
      text = preamble .. (block.directives.before or "") .. "\n" .. text
    end
    prepare(block.directives)
    local output, status = run(assert(command, "no way to run a block of " .. block.language), text)
    assert.equal(0, status, output)
    if block.output then assert.equal(normalise(block.output, portal), normalise(output, portal)) end
  end

  local function check(block)
    local directives = block.directives
    if directives["not run"] then
      assert.matches("%w+ %w+", directives["not run"]) -- a reason
    elseif directives["part of"] then
      local whole = content(directives["part of"]):gsub(" %-%- luacheck:[^\n]*", "")
      assert.is_truthy(whole:find(block.text, 1, true), "it is not there")
    elseif block.language == "json" then
      cjson.decode(block.text)
    else
      check_output(block)
    end
  end

  for _, page in ipairs(PAGES) do
    for _, block in ipairs(blocks.read(page)) do
      it(("%s:%d runs (%s)"):format(page, block.line, block.language), function() check(block) end)
    end
  end
end)

describe("the documentation", function()
  for file, script in pairs { ["doc/reference.md"] = "doc/generate/reference.lua",
                              ["lua/cpp/types/methods.lua"] = "doc/generate/methods.lua" } do
    it("is what `make doc` writes: " .. file, function()
      local stream = io.popen(LUA .. " " .. script)
      local text = stream:read("a")
      stream:close()
      assert.is_true(text == content(file), file .. " is old: run `make doc`")
    end)
  end

  it("has a map of the tree in CONTRIBUTING.md that names each file and folder at the top, and no other", function()
    local map = content "CONTRIBUTING.md":match "\n## The tree\n(.-)\n## "
    local names = lines_of "git ls-files 2>/dev/null | cut -d / -f 1 | sort -u"
    if #names == 0 then names = lines_of "ls -A | grep -vx build" end -- not a checkout
    for _, name in ipairs(names) do
      assert.is_truthy(map:find("](" .. name .. ")", 1, true), "the map in CONTRIBUTING.md lacks " .. name)
    end
  end)

  it("names each file of the sources, or its folder, in doc/inside.md and in the picture of the layers", function()
    local linked, pictured = {}, {}
    for target in content "doc/inside.md":gmatch "%]%(%.%./([^%s)]+)%)" do linked[target] = true end
    for label in content "doc/pictures/layers.dot":gmatch 'label="([^"]*)"' do
      for name in label:gsub("\\n", " "):gmatch "[%w_]+/?" do pictured[name] = true end
    end
    for _, path in ipairs(lines_of "find csrc lua/cpp -type f -not -path 'lua/cpp/types/*'") do
      local folder = path:match "^lua/cpp/(%w+/)"
      local name = folder or not path:find "%.h$" and path:match "([%w_]+)%.%l+$"
      assert.is_true(linked[path] or folder and linked["lua/cpp/" .. folder:sub(1, -2)], "doc/inside.md lacks " .. path)
      assert.is_true(not name or pictured[name], "the picture lacks " .. path)
    end
  end)

  it("names places in the code that there are, in doc/security.md and doc/faults.md", function()
    for line in (content "doc/security.md" .. content "doc/faults.md"):gmatch "[^\n]+" do
      for file, names in line:gmatch "`([%w_]+/[%w_/]+%.%l+)`([%w_, `]*)" do
        local code = content(file)
        for name in names:gmatch "`([%w_]+)`" do
          assert.is_truthy(code:find("%f[%w_]" .. name .. "%f[^%w_]"), file .. " has no " .. name)
        end
      end
    end
  end)

  for _, page in ipairs(PAGES) do
    it("has links that lead somewhere, and a place in mkdocs.yml: " .. page, function()
      -- GitHub shows SECURITY.md; its page would be doc/security.md's on file systems that ignore case.
      assert.is_truthy(page == "SECURITY.md" or content "mkdocs.yml":find(page:match "^doc/(.*)" or page, 1, true))
      local directory = page:match "^(.*/)" or ""
      for target in content(page):gsub("```.-```", ""):gmatch "%]%(([^%s)]+)%)" do
        if not target:find "^https?://" then
          local name = target:match "^[^#]*" -- headings: .ci/doc
          assert.is_truthy(name == "" or io.open(directory .. name), target)
        end
      end
    end)
  end
end)
