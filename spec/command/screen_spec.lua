-- What cpp-portal writes: a table at once, however many rows it has.

local core = require "cpp.core"
local Screen = require "cpp.command.screen"
local views = require "cpp.command.views"

describe("cpp.command.screen", function()
  local stdout, written
  before_each(function()
    stdout, written = io.stdout, {}
    io.stdout = { -- luacheck: ignore
      write = function(_, ...)
        written[#written + 1] = table.concat { ... }
        return true
      end,
      setvbuf = function() end,
    }
  end)
  local size, is_terminal = core.terminal_size, core.is_terminal
  after_each(function()
    io.stdout = stdout -- luacheck: ignore
    core.terminal_size, core.is_terminal = size, is_terminal
  end)

  local function on_terminal(columns)
    core.is_terminal, core.terminal_size = function() return true end, function() return columns end
  end

  it("writes the rows of a table at once, its headings before the first", function()
    local write = Screen.new({ wide = true, color = "never" }, 1):table({ { "A" }, { "B", 3 }, { "C" } }, { { "x" }, { "xy" } })
    write {}
    write { { "a", "b" }, { "a", "b", "c" }, { nil, "long", 1.5 } }
    write { { "x", "" } }
    write {}
    assert.same({ "A   B    C\n", "a   b    -\na   b    c\n-   long  1.5\n", "x   -    -\n" }, written)
  end)

  it("counts the columns of wide and combining characters", function()
    local write = Screen.new({ wide = true, color = "never" }, 1):table({ { "A" }, { "B" } }, { { "検証x" }, { "検証xy" } })
    write { { "検証", 1 }, { "e\u{301}", 2 }, { "abc", 3 } }
    assert.same({ "A       B\n検証    1\ne\u{301}       2\nabc     3\n" }, written)
    on_terminal(10)
    Screen.new({ color = "never" }, 1):table { { "A", 4 }, { "B" } } { { "検証", "検証検証" } }
    assert.equal("A     B\n検証  検証\n", written[2])
  end)

  it("has colors for states only, whatever the width", function()
    local COLORS = { r = "\27[31m", g = "\27[32m", y = "\27[33m", p = "\27[0m" }
    for room, expected in pairs {
      [math.huge] = "NAME    STATE     STEP\nfailed  <r>failed<p>    failed\na       <y>running<p>   -\n"
        .. "a       <g>canceled<p>  -\na       <r>unknown<p>   -\na       <g>none<p>      -\na       <g>accepted<p>  -\n"
        .. "a       [x]       -\n",
      [14] = "NAME  STATE\nfail  <r>failed<p>\na     <y>running<p>\na     <g>canceled<p>\na     <r>unknown<p>\n"
        .. "a     <g>none<p>\na     <g>accepted<p>\na     [x]\n",
    } do
      on_terminal(room)
      written = {}
      Screen.new({ color = "always" }, 1):table { { "NAME", 6 }, { "STATE", 8 }, { "STEP" } } {
        { "failed", "failed", "failed" }, { "a", "running" }, { "a", "canceled" }, { "a", "unknown" }, { "a", "none" },
        { "a", "accepted" }, { "a", "[x]" },
      }
      assert.same({ (expected:gsub("<(%l)>", COLORS)) }, written)
    end
  end)

  it("writes no more lines after a second signal, if nothing reads them", function()
    local signals, stderr, tried, count = core.signals, io.stderr, {}, 1
    io.stderr = { write = function(_, ...) tried[#tried + 1] = table.concat { ... } end } -- luacheck: ignore
    core.signals = function() return count, 15 end
    local screen = Screen.new({ quiet = true, wide = true, color = "never" }, 1)
    screen:say "one"
    screen:say "two"
    count = 2
    screen:say "three"
    screen:say "four"
    core.signals, io.stderr = signals, stderr -- luacheck: ignore
    assert.same({ "cpp-portal: one\n", "cpp-portal: two\n", "cpp-portal: three\n" }, tried)
  end)

  it("never cuts what tells one row from another: its line is longer than the terminal instead", function()
    local long = ("x"):rep(200)
    on_terminal(10)
    local columns = { { "OFFER", whole = true }, { "STATE", 10, whole = true }, { "STEP" } }
    Screen.new({ color = "always" }, 2):table(columns, { { long } }) { { long, "accepted", "a step" } }
    assert.matches("^OFFER +STATE\n" .. long .. "  \27%[32maccepted\27%[0m\n$", written[1])
    for name, rest in pairs { offers = "  running\n", publishers = "\n" } do
      written = {}
      local rows = views[name].rows { [name] = { { id = long, status = "running" } } }
      Screen.new({ color = "never" }, 1):table(views[name].columns)(rows)
      assert.matches("\n" .. long .. rest, (written[1]:gsub(" *%-\n", "\n")))
    end
    on_terminal(80)
    written = {}
    Screen.new({ color = "never" }, 1):table { { "A", whole = true }, { "B" } } { { ("x"):rep(20000), "b" } }
    assert.equal("A  B\n" .. ("x"):rep(256) .. "\n", written[1])
  end)

  it("clears the progress before other lines, which show no secret", function()
    local stderr, screen = io.stderr, Screen.new({ color = "never", quiet = true, wide = true }, 1)
    local function flush() written[#written + 1] = "flushed" end
    io.stderr = { write = io.stdout.write, flush = flush } -- luacheck: ignore
    function screen.secrets() return { "s3cret" } end
    screen.shown = setmetatable({}, { __index = function(_, name)
      return function(_, ...) written[#written + 1] = table.concat({ name, ... }, " ") end
    end })
    screen:progress "operation"
    screen:tick()
    screen:answer "a line"
    screen:say "s3cret"
    screen:ask "Cancel it?"
    screen:ended "target"
    local results = { screen:finish() }
    io.stderr = stderr -- luacheck: ignore
    assert.same({ true }, results)
    assert.same({ "show operation", "tick", "erase", "a line\n", "erase", "cpp-portal: [redacted]\n", "erase",
                  "cpp-portal: Cancel it?", "flushed", "finish target", "erase" }, written)
  end)

  it("shows the outcome of an operation, or else its state, and where it is", function()
    for state, document in pairs { none = { outcome = "none", state = "x" }, canceled = { state = "canceled" }, accepted = {} } do
      assert.same({ { "o", state, "/t" } }, views.states.rows(document, { offer = "o", location = "/t" }))
      document.location = "/d"
      assert.equal("/d", views.states.rows(document, { location = "/t" })[1][3])
    end
  end)

  it("shows a state that holds a secret as unknown", function()
    local secret, steps = { "s3cret" }, { { stepName = "s", status = "x s3cret" } }
    assert.equal("unknown", views.offers.rows({ offers = { { id = "o", status = "x s3cret" } } }, nil, secret)[1][2])
    assert.equal("unknown", views.progress.details.rows({ steps = steps }, secret)[1][2])
  end)

  it("reads the secrets once for each table, and shows none of them, and no text that moves the cursor", function()
    local asked, screen = 0, Screen.new({ wide = true, color = "never" }, 1)
    function screen.secrets()
      asked = asked + 1
      return { "s3cret" }
    end
    screen:table({ { "A" }, { "B" } })({ { "s3cret", 1 }, { "s3cret", 2 }, { "x\27s3cret", "s3cret" } })
    screen:notes { "s3cret", "a\nb" }
    screen:notes {}
    assert.same({ "A  B\n[redacted]  1\n[redacted]  2\nx [redacted]  [redacted]\n", "[redacted]\na b\n" }, written)
    assert.equal(3, asked)
  end)
end)
