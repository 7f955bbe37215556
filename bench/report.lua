-- The report: one table as text and as Markdown, the figures that were aimed at, and the data of the plot.

local stats = require "bench.stats"

local report = {}

local function number(value, format)
  return value and (format or "%.1f"):format(value) or ""
end

local function range(ratio)
  return ratio and ("%.2f (%.2f-%.2f)"):format(ratio.median, ratio.min, ratio.max) or ""
end

local HEADINGS = { "Work", "Program", "CPU µs", "CPU / raw", "Wall µs", "Wall / raw" }

--- The row of a cell, measured against a reference of the same rounds.
-- @return list of texts, one for each heading
function report.row(work, name, cell, reference)
  local cpu, wall = stats.summary(cell.cpu_us), stats.summary(cell.wall_us)
  local is_reference = cell == reference
  return {
    work, name,
    number(cpu.median), is_reference and "1" or range(stats.ratio(cell.cpu_us, reference.cpu_us)),
    number(wall.median), is_reference and "1" or range(stats.ratio(cell.wall_us, reference.wall_us)),
  }
end

-- Width on a terminal: the bytes that continue a UTF-8 character take none.
local function width(text)
  return utf8.len(text) or #text
end

local function as_text(headings, rows)
  local widths = {}
  for _, row in ipairs { headings, table.unpack(rows) } do
    for i, text in ipairs(row) do widths[i] = math.max(widths[i] or 0, width(text)) end
  end
  local lines = {}
  for _, row in ipairs { headings, table.unpack(rows) } do
    local cells = {}
    for i, text in ipairs(row) do cells[i] = text .. (" "):rep(widths[i] - width(text)) end
    lines[#lines + 1] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  return table.concat(lines, "\n")
end

local function as_markdown(headings, rows)
  local lines = { "| " .. table.concat(headings, " | ") .. " |",
                  "|" .. (" --- |"):rep(#headings) }
  for _, row in ipairs(rows) do lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |" end
  return table.concat(lines, "\n")
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

local GOAL_HEADINGS = { "Figure", "Measured", "Goal", "Reached" }

local function goal_rows(goals)
  local rows = {}
  for i, goal in ipairs(goals) do
    local reached = goal.value and (goal.value <= goal.goal and "yes" or "no") or "not measured"
    rows[i] = { goal.name, goal.value and goal.text or "", goal.goal_text, reached }
  end
  return rows
end

--- Prints the report and writes it as Markdown.
-- @param path of the Markdown file
-- @param facts table: rows (from report.row), others (rows of name and value), goals (tables with
--   name, value, text, goal, goal_text), rounds (number), circumstances (string)
function report.write(path, facts)
  local note = ("CPU and wall time: medians of %d rounds, in which every program runs once; ratios are taken round by "
    .. "round (least and greatest in brackets). CPU is user and system time of the process, per cancel.\n%s."):format(
    facts.rounds, facts.circumstances)
  local text, markdown = {}, {}
  local function add(headings, rows)
    if #rows == 0 then return end -- a part that was not measured
    table.insert(text, as_text(headings, rows))
    table.insert(markdown, as_markdown(headings, rows))
  end
  add(HEADINGS, facts.rows)
  add({ "Other figures", "Measured" }, facts.others)
  add(GOAL_HEADINGS, goal_rows(facts.goals))
  print(table.concat(text, "\n\n") .. "\n\n" .. note)
  write(path, table.concat(markdown, "\n\n") .. "\n\n" .. note .. "\n")
end

--- Writes the data of the plot: CPU per cancel by concurrency, one column for each program.
-- @param columns list of { name, { [concurrency] = cell } }
function report.growth(path, sizes, columns)
  local names = { "concurrency" }
  for i, column in ipairs(columns) do names[i + 1] = '"' .. column[1] .. '"' end
  local lines = { table.concat(names, "\t") }
  for _, size in ipairs(sizes) do
    local line = { tostring(size) }
    for i, column in ipairs(columns) do
      line[i + 1] = number(stats.summary(column[2][size].cpu_us).median, "%.3f")
    end
    lines[#lines + 1] = table.concat(line, "\t")
  end
  write(path, table.concat(lines, "\n") .. "\n")
end

return report
