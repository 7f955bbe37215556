-- The table of cases is complete: every fault of the list has cases or specs, and doc/faults.md lists them. The corpus of
-- responses has not lost rows.

local cases = require "spec.faults.cases"
local corpus = require "spec.faults.responses"
local faults = require "spec.faults.cases.faults"

local LEAST = 120 -- cases
local LEAST_ROWS = 180

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function cases_by_fault()
  local lists = {}
  for _, case in ipairs(cases) do
    lists[case.fault] = lists[case.fault] or {}
    table.insert(lists[case.fault], case)
  end
  return lists
end

local function transports_of(list)
  local used = {}
  for _, case in ipairs(list) do
    for _, transport in ipairs(case.transports) do used[transport] = true end
  end
  local names = {}
  for _, row in ipairs { { "http", "HTTP" }, { "https", "HTTPS" } } do
    if used[row[1]] then names[#names + 1] = row[2] end
  end
  return table.concat(names, ", ")
end

-- The lines of the table in doc/faults.md.
local function document()
  local lists, lines = cases_by_fault(), {}
  for _, fault in ipairs(faults) do
    local list, files = lists[fault[1]] or {}, {}
    for _, spec in ipairs(fault.specs or {}) do
      local name = ("`%s`"):format(spec[1])
      if files[#files] ~= name then files[#files + 1] = name end
    end
    lines[#lines + 1] = ("| %s | %s | %s | %s | %s |"):format(fault[1], fault[2], #list > 0 and #list or "",
      transports_of(list), table.concat(files, ", "))
  end
  return table.concat(lines, "\n") .. "\n"
end

describe("the table of cases", function()
  it("has no name twice, and at least " .. LEAST .. " cases", function()
    local seen = {}
    for _, case in ipairs(cases) do
      assert.is_nil(seen[case.name], case.name)
      seen[case.name] = true
    end
    assert.is_true(#cases >= LEAST)
  end)

  it("has a case or a spec of every fault of the list, and no other fault", function()
    local lists, known = cases_by_fault(), {}
    for _, fault in ipairs(faults) do
      known[fault[1]] = true
      assert.is_truthy(lists[fault[1]] or fault.specs, "nothing makes: " .. fault[1])
      for _, spec in ipairs(fault.specs or {}) do
        assert.is_truthy(read(spec[1]):find(spec[2], 1, true), spec[1] .. " does not have: " .. spec[2])
      end
    end
    for name in pairs(lists) do assert.is_true(known[name], "not in the list: " .. name) end
  end)

  it("is what doc/faults.md shows", function()
    local text = read "doc/faults.md"
    local table_ = text:match "| %-%-%- | %-%-%- | %-%-%- | %-%-%- | %-%-%- |\n(.-\n)\n"
    assert.equal(document(), table_)
    local total = ("%d cases"):format(#cases)
    assert.is_truthy(text:find(total, 1, true), "doc/faults.md does not say: " .. total)
  end)
end)

describe("the corpus of responses", function()
  it("has at least " .. LEAST_ROWS .. " rows, each with a name of its own", function()
    local seen = {}
    for _, row in ipairs(corpus) do
      local name = row.class .. ": " .. row.name
      assert.is_nil(seen[name], name)
      seen[name] = true
    end
    assert.is_true(#corpus >= LEAST_ROWS)
  end)
end)
