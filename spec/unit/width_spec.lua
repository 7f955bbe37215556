-- cpp.width: the columns of a text on a terminal.

local width = require "cpp.width"

describe("cpp.width", function()
  local TEXTS = {
    [""] = 0, ["contoso-vm"] = 10, ["é"] = 1, ["e\u{301}"] = 1, ["検証"] = 4, ["ﾃﾞ"] = 2, ["か\u{3099}"] = 2, ["한국어"] = 6,
    ["Проверка"] = 8, ["🚀"] = 2, ["２"] = 2, ["𠮷"] = 2, ["│✓│"] = 4, ["\u{fffd}"] = 1,
    ["\u{115f}\u{1160}\u{ac00}\u{abff}"] = 6,
  }

  for text, columns in pairs(TEXTS) do
    it(("counts %d for '%s'"):format(columns, text), function() assert.equal(columns, width.of(text)) end)
  end

  it("cuts and fills at any column", function()
    for whole, count in pairs(TEXTS) do
      local text, columns = whole .. "x", count + 1
      for room = -1, columns + 2 do
        local cut = width.cut(text, room)
        assert.equal(cut, text:sub(1, #cut))
        assert.is_true(width.of(cut) <= math.max(room, 0), text)
        assert.is_true(room < columns or cut == text)
        assert.equal(math.max(room, 0), width.of(width.fit(text, room)))
      end
    end
  end)

  it("cuts neither a wide character nor what combines with the one before", function()
    assert.equal("検", width.cut("検証", 3))
    assert.equal("検 ", width.fit("検証", 3))
    assert.equal("ae\u{301}", width.cut("ae\u{301}b", 2))
  end)
end)
