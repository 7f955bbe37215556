-- The JSON of cpp-portal: ASCII, and valid whatever the document holds.

local core = require "cpp.core"
local encode = require "cpp.command.json"

describe("cpp-portal's JSON", function()
  it("has whole numbers as they are, and comes back the same", function()
    for _, number in ipairs { 0, -1, 99999999999999, 100000000000000, -99999999999999, -100000000000000, (1 << 53) + 1,
                              636576975611768314, math.maxinteger, math.mininteger } do
      local text = encode { a = { number } }
      assert.equal(('{"a":[%d]}'):format(number), text)
      if number ~= math.mininteger then assert.equal(number, core.decode(text).a[1]) end
    end
  end)

  it("has fractions exactly, and null for what is no number of JSON", function()
    assert.equal('{"a":0.5}', encode { a = 0.5 })
    for _, number in ipairs { 0.1, 1 / 3, 1e300, -1e-300, 1.7976931348623157e308, 5e-324, 12345678901234567890.0 } do
      assert.equal(number, core.decode(encode { number })[1])
    end
    assert.equal("[null,null,null]", encode { math.huge, -math.huge, 0 / 0 })
  end)

  it("has booleans, nulls and texts", function()
    assert.equal('{"a":[true,false,null,"b"]}', encode(core.decode '{"a":[true,false,null,"b"]}'))
    assert.equal([[{"a":"/\\/\"\u00e9\\u00e9"}]], encode { a = '/\\/"é\\u00e9' })
  end)

  it("is ASCII, and comes back the same", function()
    local texts = {}
    for code = 0, 0x2fff do texts[#texts + 1] = utf8.char(code) end
    for code = 0x3000, 0x10ffff, 97 do
      if code < 0xd800 or code > 0xdfff then texts[#texts + 1] = utf8.char(code) end
    end
    local all = table.concat(texts)
    local text = encode { [all] = { all } }
    assert.is_nil(text:find "[^\x20-\x7e]")
    assert.same({ all }, core.decode(text)[all])
    assert.equal([["\ud83d\ude00\ud800\udc00\u007f\u009b\u2028"]], encode "\u{1f600}\u{10000}\127\u{9b}\u{2028}")
  end)

  it("is valid for texts that are not UTF-8, and for those that look like its own marks", function()
    for _, text in ipairs { "\xff", "a\xffb", "\xff007", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "é\x80", "\xe2\x80",
                            "\1cpp-exact-integer:007", '"\xff1"' } do
      local value = core.decode(encode { [text] = text })
      assert.is_table(value, text)
      local name, inner = next(value)
      assert.equal(name, inner)
      assert.is_truthy(utf8.len(inner))
      if utf8.len(text) then assert.equal(text, inner) end
    end
  end)

  it("is valid for any table", function()
    local holes, circle, deep = {}, {}, {}
    holes[1], holes[1000] = 1, 2
    circle.circle = circle
    for _ = 1, 5000 do deep = { deep } end
    assert.same({ ["1"] = 1, ["1000"] = 2 }, core.decode(encode { a = holes }).a)
    assert.same({ ["1"] = 1, a = 2 }, core.decode(encode { 1, a = 2 }))
    assert.equal(("["):rep(100) .. "null" .. ("]"):rep(100), encode(deep))
    local guarded = setmetatable({ 1 }, { __pairs = error, __index = error, __len = error, __tostring = error })
    assert.equal("[1]", encode(guarded))
    for _, value in ipairs { circle, deep, { [true] = 1, [2.5] = 2, [-1] = 3, [1 << 60] = 4 },
                             { f = print, t = coroutine.create(print) }, { [print] = io.stdout } } do
      local text = encode(value)
      assert.is_true(pcall(require "cjson".decode, text), text)
    end
  end)
end)
