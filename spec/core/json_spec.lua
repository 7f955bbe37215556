-- JSON as the core hands it to Lua: strict, integers whole and exact, null absent.

local cjson = require "cjson"
local core = require "cpp.core"

describe("core.decode", function()
  it("makes whole numbers integers, exact where 64 bits hold them, and others floats, whatever follows them", function()
    for text, expected in pairs {
      ["0"] = 0, ["1e3"] = 1000, ["2.0"] = 2, ["2.5"] = 2.5, ["-7"] = -7, ["-0.5"] = -0.5, ["1e300"] = 1e300, ["-1e300"] = -1e300,
      ["1234567890123456.5"] = 1234567890123456.5, ["1234567890123456e1"] = 12345678901234560,
      ["1234567890123456E1"] = 12345678901234560, ["999999999999999"] = 999999999999999,
      ["9999999999999999"] = 9999999999999999, ["-999999999999999"] = -999999999999999,
      ["-9007199254740993"] = -9007199254740993, ["636576975611768314"] = 636576975611768314,
      ["9223372036854775807"] = math.maxinteger, ["123456789012345678901234567890"] = 123456789012345678901234567890.0,
    } do
      assert.equal(expected, core.decode(text))
      assert.equal(math.type(expected), math.type(core.decode("[" .. text .. "]")[1]))
      for _, blank in ipairs { "", " ", "\t", "\n", "\r", " \t\r\n" } do
        assert.same({ expected, 1 }, core.decode("[" .. text .. blank .. ",1]"))
        assert.same({ a = expected }, core.decode('{"a":' .. text .. blank .. "}"))
        assert.is_nil(core.decode("{" .. text .. blank .. ":1}"))
      end
      assert.is_nil(core.decode(text .. "\0"))
    end
  end)

  it("takes no text for an integer, whatever it begins with", function()
    for code = 0, 0x17f do
      for _, rest in ipairs { "636576975611768314", "x", "", "cpp-exact-integer:x" } do
        local escaped = ('"\\u%04x%s"'):format(code, rest)
        assert.equal(utf8.char(code) .. rest, core.decode(escaped))
        assert.same({ [utf8.char(code) .. rest] = 636576975611768314 }, core.decode("{" .. escaped .. ":636576975611768314}"))
      end
    end
    assert.is_nil(core.decode '["\xff636576975611768314"]')
  end)

  it("lets null disappear", function()
    local value = core.decode '{"a":null,"b":[1,null,3],"c":{"d":null}}'
    assert.is_nil(value.a)
    assert.equal(3, value.b[3])
    assert.same({}, value.c)
    assert.is_nil(core.decode "null")
  end)

  it("refuses numbers that JSON has not, and numbers that are not finite", function()
    for _, text in ipairs { "1.", "-1.", "01", "-01", "00", "+1", ".5", "-.5", "1e", "1e+", "1E-", "1.e1", "-", "--1", "1-", "0x1",
                            "1_0", "1.5.5", "1e5.5", "1e400", "-1e400", ("9"):rep(400), "-" .. ("9"):rep(400), ("9"):rep(310),
                            "1" .. ("0"):rep(309),
                            ("9"):rep(400) .. ".5", ("1"):rep(16) .. ".", "1e309", "0.0001e313", "1797693134862315808e291",
                            "17976931348623158.1e292", "1e99999999999999999999", ("9"):rep(400) .. "e-91",
                            "0." .. ("0"):rep(400) .. "18e709" } do
      for _, around in ipairs { "%s", "[%s]", "[%s,1]", '{"a":%s}', " %s ", '{"a":%s,"a":1}', '{"a":[{"b":%s}],"a":1}',
                                '{"a":{"b":%s,"b":null}}' } do
        local value, problem = core.decode(around:format(text))
        assert.is_nil(value, text)
        assert.equal("the response's body is not the JSON that was expected", problem)
      end
    end
    for _, text in ipairs { "0", "-0", "0.0", "0e0", "10", "1e5", "1E+5", "1.5e-300", "1e308", ("9"):rep(308), "1e-400",
                            "1.7976931348623157e308", "1.7976931348623158e308", "17976931348623158079e289", "0e999", "-0.0e400",
                            "1e-99999999999999999999", ("9"):rep(400) .. "e-92", "0." .. ("0"):rep(400) .. "17e709",
                            ("0." .. ("0"):rep(400) .. "9") } do
      assert.equal(tonumber(text), core.decode(text), text)
    end
  end)

  it("refuses control characters, unknown escapes and halves of pairs in strings #exhaustive", function()
    for code = 0, 0x1f do
      for _, around in ipairs { '"%s"', '["a%sb"]', '{"%s":1}', '"\\%s"' } do
        assert.is_nil(core.decode((around:gsub("%%s", function() return string.char(code) end))))
      end
    end
    assert.equal("\127", core.decode '"\127"')
    assert.equal(" ", core.decode '" "')
    for code = 0x20, 0x7e do
      local known = ('"\\/bfnrt'):find(string.char(code), 1, true) ~= nil
      assert.equal(known, core.decode('"\\' .. string.char(code) .. '"') ~= nil, code)
    end
    for _, text in ipairs { [["\u"]], [["\u12"]], [["\u123g"]], [["\ud800"]], [["\ud800x"]], [["\ud800\u0041"]], [["\udc00"]],
                            [["\udc00\ud800"]], [["\ud800\ud800"]], [["\ud800\"]], '"', '"a', [["a\]] } do
      assert.is_nil(core.decode(text), text)
    end
    assert.equal("\u{1f600}\0", core.decode [["\uD83D\ude00\u0000"]])
    for unit = 0, 0xffff, 5 do
      local half = unit >= 0xd800 and unit < 0xe000
      assert.equal(not half and utf8.char(unit) or nil, core.decode(('"\\u%04x"'):format(unit)))
      local pair = ('"\\ud8%02X\\u%04x"'):format(unit & 0xff, unit)
      local code = unit >= 0xdc00 and unit < 0xe000 and 0x10000 + ((unit & 0xff) << 10) + (unit & 0x3ff)
      assert.equal(code and utf8.char(code) or nil, core.decode(pair), pair)
    end
  end)

  it("refuses more than 100,000 values, names not counted #exhaustive", function()
    local function check(text, fits)
      local value, problem = core.decode(text)
      assert.equal(fits, value ~= nil)
      if not fits then assert.equal("the response's body has too many values", problem) end
    end
    for _, piece in ipairs { "[]", "{}", "1", '""', "null", "true", "1234567890123456789" } do
      check("[" .. (piece .. ","):rep(99998) .. piece .. "]", true)
      check("[" .. (piece .. ","):rep(99999) .. piece .. "]", false)
    end
    check("[" .. ('{"a":1},'):rep(49999) .. "0]", true)
    check("[" .. ('{"a":1},'):rep(50000) .. "0]", false)
    local _, problem = core.decode(("["):rep(65) .. ("]"):rep(65))
    assert.equal("the response's body is nested too deeply", problem)
  end)

  it("costs no more than 64 MiB for 4 MiB #exhaustive", function()
    local names = {}
    for i = 1, 99000 do names[i] = ('"%s%d":%d'):format(("k"):rep(25), i, i) end
    local size = 1 << 22
    for name, text in pairs {
      arrays = "[" .. ("[],"):rep(99998) .. "[]]", objects = "[" .. ("{},"):rep(99998) .. "{}]",
      nested = "[" .. (("["):rep(60) .. ("]"):rep(60) .. ","):rep(1600) .. "1]",
      deep = "[" .. (('{"a":'):rep(60) .. "{}" .. ("}"):rep(60) .. ","):rep(1600) .. "1]",
      long = '"' .. ("x"):rep(size - 2) .. '"', names = "{" .. table.concat(names, ",") .. "}",
      numbers = "[" .. (("9"):rep(300) .. ","):rep(13900) .. "1]", many = "[" .. ("[],"):rep(size // 3) .. "[]]",
    } do
      collectgarbage()
      collectgarbage "stop"
      local before = collectgarbage "count"
      local value = core.decode(text)
      local cost = (collectgarbage "count" - before) / 1024 + #text / (1 << 20) -- lua-cjson has a buffer beside it
      collectgarbage "restart"
      assert.equal(name ~= "many", value ~= nil)
      if cost > 64 then error(("%s: %.1f MiB"):format(name, cost)) end
    end
  end)

  it("refuses what is not strict JSON", function()
    for _, text in ipairs {
      "", " ", "{", "[1,2", '{"a":1', '{"a" 1}', "[1,]", "nan", "[NaN]", "[Infinity]", "[-inf]", "'a'", '{"a":1}x', "<html>",
      '"\xff"', '"\xed\xa0\x80"', '{"a":"\xc3"}', "\xef\xbb\xbf{}", "{}\0", "[1]\0x", "\0{}", "[1\0]",
      ("["):rep(1001) .. ("]"):rep(1001), ("["):rep(65) .. ("]"):rep(65), "[636576975611768314",
    } do
      assert.is_nil(core.decode(text), text)
    end
  end)

  it("neither changes the host's lua-cjson nor is changed by it", function()
    assert.equal("float", math.type(cjson.decode "1")) -- as lua-cjson 2.1.0 does
    local before = cjson.decode_max_depth()
    cjson.decode_max_depth(1)
    finally(function() cjson.decode_max_depth(before) end)
    assert.same({ { 1 } }, core.decode "[[1]]")
  end)
end)
