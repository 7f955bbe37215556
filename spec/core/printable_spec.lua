-- core.redact: text of the service as it is shown is printable and in one line.

local core = require "cpp.core"

local LIMIT = 8192

local function show(text, ...) return core.redact(text, LIMIT, { ... }) end

describe("core.redact makes text printable:", function()
  local BLANK = { 0, 0x1f, 0x7f, 0x9f, 0x2028, 0x2029 } -- first, last, first, last, ...
  local INVISIBLE = { 0xad, 0xad, 0x34f, 0x34f, 0x61c, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180f, 0x200b, 0x200f,
                      0x202a, 0x202e, 0x2060, 0x206f, 0x3164, 0x3164, 0xfdd0, 0xfdef, 0xfe00, 0xfe0f, 0xfeff, 0xfeff,
                      0xffa0, 0xffa0, 0xfff0, 0xfffb, 0x1bca0, 0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe0fff }
  for plane = 0, 16 do table.move({ plane << 16 | 0xfffe, plane << 16 | 0xffff }, 1, 2, #INVISIBLE + 1, INVISIBLE) end

  local shown_as = {} -- [code] = what is shown in its place
  for character, ranges in pairs { [" "] = BLANK, ["\u{fffd}"] = INVISIBLE } do
    for i = 1, #ranges, 2 do
      for code = ranges[i], ranges[i + 1] do shown_as[code] = character end
    end
  end

  it("every character by what it does #exhaustive", function()
    for first = 0, 0x10ff00, 256 do
      local sent, shown = {}, {}
      for code = first, first + 255 do
        if (code < 0xd800 or code > 0xdfff) and code ~= 0x5c then -- a backslash begins an escape
          sent[#sent + 1] = "(" .. utf8.char(code)
          shown[#shown + 1] = "(" .. (shown_as[code] or utf8.char(code))
        end
      end
      if show(table.concat(sent)) ~= table.concat(shown) then error(("in U+%04X"):format(first)) end
    end
  end)

  it("bytes that are not UTF-8", function()
    local mark = "\u{fffd}"
    for text, count in pairs {
      ["\x80"] = 1, ["\xff"] = 1, ["\xc0\xaf"] = 2, ["\xc1\x81"] = 2, ["\xe0\x80\xaf"] = 3, ["\xed\xa0\x80"] = 3,
      ["\xed\xbf\xbf"] = 3,
      ["\xf0\x80\x80\xaf"] = 4, ["\xf4\x90\x80\x80"] = 4, ["\xf8\x88\x80\x80\x80"] = 5, ["\xe2\x80"] = 2, ["\xc3"] = 1,
    } do
      assert.equal("(" .. mark:rep(count) .. ")", show("(" .. text .. ")"))
      assert.equal("(" .. mark:rep(count), show("(" .. text))
    end
  end)

  it("one blank for a run of blanks", function()
    assert.equal(" a b c ", show "\r\n\ta \u{85}\n  b\u{2028}\0c  ")
    for text, shown in pairs { ["a  b"] = "a b", ["  a"] = " a", ["a b c"] = "a b c", ["a   "] = "a ", ["a b  "] = "a b " } do
      assert.equal(shown, show(text))
    end
  end)

  it("within the limit, and without a part of a character", function()
    for limit = 1, 30 do
      local shown = core.redact("ab\u{e9}\u{20ac}\u{1f600} jane@contoso.example \xff\n ok and more of it", limit, {})
      assert.is_true(#shown <= limit)
      assert.is_truthy(utf8.len(shown))
    end
    assert.equal(("x"):rep(100), core.redact(("x"):rep(1000000), 100, {}))
  end)
end)
