-- core.redact of a document: a copy without secrets, bounded in size and in time.

local core = require "cpp.core"

local LIMIT = 8192

describe("core.redact of a document", function()
  it("is a copy of it, in values and in names", function()
    local document = { 1, "two", { ["a@b"] = "tok-1", c = true, [2.5] = "\27" } }
    local copy = core.redact(document, LIMIT, { "tok-1" })
    assert.same({ 1, "two", { ["[redacted]"] = "[redacted]", c = true, [2.5] = " " } }, copy)
    assert.equal("tok-1", document[3]["a@b"])
  end)

  it("is bounded, however large, deep or circular it is", function()
    local circle = { name = "x" }
    circle[1], circle[2] = circle, circle
    local deep = {}
    for _ = 1, 1000 do deep = { deep, text = ("x"):rep(1000) } end
    local long = {}
    for i = 1, 10000 do long[i] = ("\27"):rep(i % 100) .. i end
    for _, document in ipairs { circle, deep, long, { ("x"):rep(1 << 22) } } do
      local bytes = 0
      local function count(value)
        bytes = bytes + 16
        for name, inner in pairs(value) do
          bytes = bytes + (type(name) == "string" and #name or 0) + (type(inner) == "string" and #inner or 0)
          if type(inner) == "table" then count(inner) end
        end
      end
      count(core.redact(document, 65536, {}))
      assert.is_true(bytes <= 2 * 65536, bytes)
    end
  end)

  it("keeps 1 KiB of each of its texts", function()
    local copy = core.redact({ ("x"):rep(1025), ("\27x"):rep(5000) }, 65536, {})
    assert.same({ ("x"):rep(1024), (" x"):rep(512) }, copy)
  end)

  it("is bounded in what is looked at, too", function()
    local hidden = {}
    for i = 1, 100 do hidden[i] = ("a@"):rep(40000) .. i end
    local copy = core.redact(hidden, 8192, {})
    assert.equal(3, #copy)
  end)

  it("reads the secrets once for all of its texts", function()
    local secrets, document = {}, {}
    for i = 1, 16 do secrets[i] = ("%41b"):rep(2000) .. i end
    for i = 1, 2000 do document[i] = "\u{e9}" end
    local function measure(count, value)
      local started = os.clock()
      for _ = 1, count do core.redact(value, 65536, secrets) end
      return os.clock() - started
    end
    assert.is_true(measure(1, document) < measure(300, "\u{e9}"))
  end)

  it("leaves what is neither a text nor a table as it is", function()
    for _, value in ipairs { 5, 2.5, true, print } do assert.equal(value, core.redact(value, 10, {})) end
    assert.is_nil(core.redact(nil, 10))
    assert.has_error(function() core.redact("a", 0) end)
    assert.has_error(function() core.redact("a", 65537) end)
  end)
end)
