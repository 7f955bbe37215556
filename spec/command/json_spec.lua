-- The JSON of cpp-portal: what lua-cjson alone would not write as it is.

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

  it("has fractions, booleans and texts", function()
    assert.equal('{"a":0.5}', encode { a = 0.5 })
    assert.equal('{"a":[true,false,"b"]}', encode { a = { true, false, "b" } })
    assert.equal([[{"a":"/\\/\"é"}]], encode { a = '/\\/"é' })
  end)

  it("has no control character, of ASCII or beyond", function()
    assert.equal([[{"a":"\u001b\u007f\u009b2J\u0080"}]], encode { a = "\27\127\u{9b}2J\u{80}" })
    assert.equal("{\"a\":\"\u{a0}ü\"}", encode { a = "\u{a0}ü" })
  end)

  it("bears lists with holes", function()
    local holes = {}
    holes[1], holes[1000] = 1, 2
    assert.same({ ["1"] = 1, ["1000"] = 2 }, core.decode(encode { a = holes }).a)
  end)
end)
