-- core.redact: text of the service as it may be shown. Printable, in one line, without secrets and addresses,
-- however they are spelled, and in a time that grows with the length of the text alone.

local core = require "cpp.core"
local Programs = require "spec.support.program"

local LIMIT = 8192

local function show(text, ...) return core.redact(text, LIMIT, { ... }) end

local function hexadecimal(format)
  return function(text) return (text:gsub(".", function(c) return format:format(c:byte()) end)) end
end

-- Ways to spell a text, of all its characters or of some.
local SPELLINGS = {
  plain = function(text) return text end,
  ["percent-encoded"] = hexadecimal "%%%02X",
  ["percent-encoded, marks only"] = function(text)
    return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
  end,
  ["with %u"] = hexadecimal "%%u%04X",
  ["with \\u"] = hexadecimal "\\u%04x",
  ["with \\u, marks only"] = function(text)
    return (text:gsub("%W", function(c) return ("\\u%04X"):format(c:byte()) end))
  end,
  ["with \\x"] = hexadecimal "\\x%02x",
  ["as JSON"] = function(text) return (text:gsub('["\\/]', "\\%0")) end,
  ["in decimal references"] = hexadecimal "&#%d;",
  ["in hexadecimal references"] = hexadecimal "&#x%x;",
  ["in long references"] = hexadecimal "&#x00000%X;",
  ["in references without semicolons"] = hexadecimal "&#%d",
  ["with \\u, digits and semicolons only"] = function(text)
    return (text:gsub("[%d;]", function(c) return ("\\u%04x"):format(c:byte()) end))
  end,
  ["percent-encoded, digits and semicolons only"] = function(text)
    return (text:gsub("[%d;]", function(c) return ("%%%02x"):format(c:byte()) end))
  end,
  ["in named references"] = function(text)
    return (text:gsub("%p", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&apos;",
                              ["+"] = "&plus;", ["/"] = "&sol;", ["="] = "&equals;", ["@"] = "&commat;" }))
  end,
}

-- A word that has escapes is hidden as a whole. A secret with a quotation mark makes the text one word.
local function assert_hidden(text, secret)
  local shown = show("it is <" .. text .. "> and (" .. text .. ")", secret)
  local whole = secret:find '"' and "[redacted]" or "it is [redacted] and [redacted]"
  assert.is_true(shown == whole or shown == "it is <[redacted]> and ([redacted])", shown)
  assert.equal("[redacted]", show(text, secret))
end

describe("core.redact finds", function()
  local SECRETS = { "s3cr~t.of/all+kinds&of%characters\"'<>=-_", "a%41b\\nc&amp;d1", "0paque+token/==", "pass&word", "ends%",
                    'quote"and\\' }

  for outer, wrap in pairs(SPELLINGS) do
    it("a secret, and an address, in another spelling, and that " .. outer, function()
      for _, spell in pairs(SPELLINGS) do
        for _, secret in ipairs(SECRETS) do assert_hidden(wrap(spell(secret)), secret) end
        for _, address in ipairs { "jane.doe+azure@contoso.example", "o'brien@contoso.example", "a_b-c@x.y.example" } do
          local shown = show("mail " .. wrap(spell(address)) .. ", thanks")
          assert.is_nil(shown:find "contoso" or shown:find "x%.y" or shown:find "jane" or shown:find "brien", shown)
        end
      end
    end)
  end

  it("a secret after a possible beginning of an escape #exhaustive", function()
    for _, secret in ipairs { "41abcd/efgh+xyz~1", "nabcd/efgh+xyz~12", "amp;abcd/efgh=xyz", "u0041abcd/efgh=x",
                              "0paque~token/+x==" } do
      for _, spelling in ipairs { "plain", "percent-encoded, marks only", "with \\u, marks only", "in decimal references" } do
        for byte = 0, 255 do
          for _, before in ipairs { "", "x", "%", "\\", "&", "&#", "%4", "\\x" } do
            local text = before .. string.char(byte) .. SPELLINGS[spelling](secret)
            for _, after in ipairs { "", ")", '"', ";", "5", "&", "\\" } do
              local shown = show(text .. after, secret)
              if shown:find("abcd", 1, true) or shown:find("paque", 1, true) then
                error(("%s, %s: %q shown as %q"):format(secret, spelling, text .. after, shown))
              end
            end
          end
        end
      end
    end
  end)

  it("a reference with an escape in it", function()
    for _, at in ipairs { "&#64\\u003b", "&#6\\u0034;", "&#%36%34%3b", "&#x4%30;", "&#x\\u0034\\u0030\\u003b", "&commat%3b",
                          "\\u004%30", "%\\u00340", "%4&#48;", "\\u&#48;040" } do
      assert.equal("(mail [redacted] now)", show("(mail jane" .. at .. "contoso.example now)"))
    end
  end)

  it("what invisible characters part, and bytes that are no character, also within escapes", function()
    local function part(text, mark) return (text:gsub(".", function(c) return c .. mark end)) end
    for _, mark in ipairs {
      "\u{200b}", "\u{ad}", "\u{feff}\u{2060}", "\u{e0041}", "\xff", "\xe2\x80", "\xf0\x9f\x98", "\xc0\x80", "\x80\x80\x80",
      "%E2%80%8B", "%25C2%25AD", "\\u200b", "\\udb40\\udc41", "&shy;", "&#8203;", "&#173", "&ZeroWidthSpace;", "&amp;zwnj;",
    } do
      for _, spell in pairs(SPELLINGS) do
        for _, wrap in ipairs { SPELLINGS.plain, SPELLINGS["percent-encoded"] } do
          assert.equal("[redacted]", show(wrap(part(spell "0paque.token", mark)), "0paque.token"))
          assert.equal("[redacted]", show(wrap(part(spell "j@contoso.x", mark))))
        end
      end
      assert.equal("[redacted]", show("(0paque&#46;token)", "0paque" .. mark .. ".token"))
    end
    for _, text in ipairs { "\u{e9}", "\u{20ac}", "\u{1f600}" } do
      local spelled = "0paque" .. text .. ".token 0paque%" .. text .. "2Etoken" -- these end an escape
      assert.equal(spelled, show(spelled, "0paque.token"))
      local cut = text:sub(1, -2) .. "0paque.token"
      assert.is_nil(show("x" .. cut, cut):find "paque")
    end
    assert.equal("0paque\u{fffd}.token", show("0paque\u{200b}.token", "another"))
  end)

  it("a secret of any characters, by their code points", function()
    local secret = "p\u{e4}ss-\u{7ff}\u{800}\u{20ac}-\u{ffff}\u{10000}\u{1f600}\u{10ffff}-1"
    local function by_code(spell)
      return (secret:gsub(utf8.charpattern, function(character)
        return #character > 1 and spell(utf8.codepoint(character)) or character
      end))
    end
    local function utf16(format)
      return function(code)
        if code < 0x10000 then return format:format(code) end
        return format:format(0xd800 + (code - 0x10000 >> 10)) .. format:format(0xdc00 + (code & 0x3ff))
      end
    end
    for _, spelled in ipairs {
      secret, by_code(utf16 "\\u%04x"), by_code(utf16 "%%u%04X"), by_code(function(code) return ("&#%d;"):format(code) end),
      by_code(function(code) return ("&#x%X;"):format(code) end), SPELLINGS["percent-encoded"](secret),
    } do
      assert.is_truthy(show("(" .. spelled .. ")", secret):find "^%(?%[redacted%]%)?$")
    end
  end)

  it("tokens by their form", function()
    for text, shown in pairs {
      ["Bearer abc.def=="] = "[redacted]", ["a bearer\t abc, d"] = "a [redacted], d", ["bearer%20abc%2Bd e"] = "[redacted] e",
      ["Bearer Bearer abc d"] = "[redacted] d", ["forbearer+abc"] = "for[redacted]", ["bearer"] = "bearer",
      ["bearer: abc"] = "bearer: abc", ["eyJhbGciOiJub25lIn0.e30."] = "[redacted]", ["say eyJ"] = "say eyJ",
      ["x=eyJ0.a-b_c&d"] = "x=[redacted]&d", ["BEARER  BEARE abc"] = "[redacted] abc", ["Bearer\u{2028}abc d"] = "[redacted] d",
      ["bearer\u{85} abc d"] = "[redacted] d",
    } do
      assert.equal(shown, show(text), text)
    end
  end)

  it("addresses by their form", function()
    for text, shown in pairs {
      ["a@b"] = "[redacted]", ["a@b@c d"] = "[redacted] d", ["?mail=a@b&c"] = "?mail=[redacted]&c", ["a @ b"] = "a @ b",
      ["@b"] = "@b", ["a@"] = "a@", ["a@@b"] = "a@@b", ["jürgen@bücher.example!"] = "[redacted]!",
      ["j&uuml;rgen@b&uuml;cher.example! x"] = "[redacted] x", ["\\ud83d\\ude00@b c"] = "[redacted] c",
      ["a@[10.0.0.1] b"] = "[redacted]] b", ["u@[IPv6:2001::1] b"] = "[redacted]] b",
      ['say "j. doe"@contoso.example x'] = "say [redacted] x", ['"a"@b'] = "[redacted]", ['"@b'] = '"@b',
      ['{"a":"b"} "@c d'] = '{"a":"b[redacted] d', ["https://a/b?c=d%40e.f#g h"] = "[redacted] h",
    } do
      assert.equal(shown, show(text), text)
    end
  end)

  it("what repeats itself, or overlaps", function()
    assert.equal("aaaa[redacted]", show("aaaaaaab", "aaab"))
    assert.equal("[redacted]", show("abababab", "abab"))
    assert.equal("[redacted]", show("abcdefgh", "abcdef", "cdefgh"))
    assert.equal("x[redacted]y", show("xabcabcabdy", "abcabd", "abcabcabd"))
    for length = 4, 40 do
      local secret = ("ab"):rep(length):sub(1, length - 1) .. "c"
      for before = 0, 5 do
        local text = ("ab"):rep(50):sub(1, before * 2) .. secret .. "ab"
        assert.is_nil(show(text, secret):find(secret, 1, true))
      end
    end
  end)

  it("a secret that is cut off with the rest of a long text", function()
    local long = ("k7Zq"):rep(800)
    for _, name in ipairs { "percent-encoded", "with \\u", "in decimal references", "with \\x", "in long references" } do
      for limit = 500, 520 do -- the cut splits an escape, also the first one of the word
        for _, plain in ipairs { 0, limit + 2048 - 4 } do
          local text = "x " .. long:sub(1, plain) .. SPELLINGS[name](long:sub(plain + 1))
          assert.equal("x [redacted]", core.redact(text, limit, { long }), name)
        end
      end
    end
    for _, text in ipairs { "(s3cr3t-that-is-cut", "(jane.doe@contoso.example" } do -- a run of blanks takes one byte
      for cut = 3, #text - 1 do
        assert.equal(" ([redacted]", core.redact((" "):rep(12 + 2048 - cut) .. text, 12, { "s3cr3t-that-is-cut" }))
      end
    end
  end)

  it("as many as there are, as far as their number is bounded, each once and only those that are long enough", function()
    local secrets = {}
    for i = 1, 40 do secrets[i] = i % 2 == 0 and "secret-0-x" or "abc" end
    for i = 1, 100 do secrets[#secrets + 1] = ("secret-%d-x"):format(i) end
    for i = 0, 15 do assert.equal("[redacted] abc", show(("secret-%d-x abc"):format(i), table.unpack(secrets))) end
    assert.equal("[redacted] secret-16-x a\u{fffd}", show("secret-15-x secret-16-x a\xff", table.unpack(secrets)))
  end)

  it("nothing in what is none", function()
    for _, text in ipairs { "", "a @ b", "user at example", "bearer", "100 % of eyes", "/api/operations/contoso$vm$2$preview",
                            "https://cloudpartner.azure.com/api/publishers/contoso?api-version=2017-10-31" } do
      assert.equal(text, show(text, "s3cr~t.of/all", "0paque.token"))
    end
    for _, text in ipairs { "a%20b c", "R&D", "a&b=c;d", "%2B", "a%2", "a+", "&", "a\\", "%", "%zz", "%u", "100%25" } do
      assert.equal(text, show(text, "a+bc"))
    end
    assert.equal("a [redacted] b x", show("a [redacted] b x", "x", ""))
  end)

  it("hides the addresses of the field emails, and skips what is no string", function()
    assert.equal("[redacted]; 0paque-b",
                 core.redact("0paque-a; 0paque-b", LIMIT, { false, print, 7, "0paque-a", nil, "0paque-b" }))
    for _, emails in ipairs { "jane-at-home,  joe-at-work , x,", { "jane-at-home", false, "x", "joe-at-work" } } do
      assert.equal("[redacted]; [redacted]", core.redact("jane-at-home; joe-at-work", LIMIT, { emails = emails }))
    end
  end)
end)

it("core.redact hides a word with escapes, and no other part of a text", function()
  for text, shown in pairs {
    ['{"a":"the \\"b\\" is","c":"d"}'] = '{"a":"the [redacted] is","c":"d"}', ['["a\\nb","c"]'] = '["[redacted]","c"]',
    ["a&amp;b c"] = "[redacted] c", ["a&#66 c"] = "[redacted] c", ["C:\\x y"] = "[redacted] y", ["a%2541 b"] = "[redacted] b",
    ["%u0041 b"] = "[redacted] b", ["a%5cb c"] = "[redacted] c", ["a%C2%AD b"] = "[redacted] b",
    ['{"a":"b\\u0063"}'] = '{"a":"[redacted]"}', ['"a\\u0062": "c"'] = '[redacted]": "c"',
  } do
    assert.equal(shown, show(text))
  end
end)

it("core.redact takes a text for one word if a secret has a blank or a quotation mark", function()
  for _, secret in ipairs { "pass word-1", 'pass"-1' } do
    for _, spelled in ipairs { (secret:gsub("s", "%%73")), (secret:gsub("s", "s\u{ad}")), (secret:gsub("%W", "\\u0020")) } do
      assert.equal("[redacted]", show("it is " .. spelled, secret))
    end
    assert.equal("it is [redacted]", show("it is " .. secret, secret))
    assert.equal("it is 100%", show("it is 100%", secret))
  end
end)

-- Steps are counted in a build that counts them, and not by a clock: torture/fuzz/redact.c fails beyond its bound.
describe("the number of steps for each byte", function()
  it("is bounded, whatever the text and the secrets are", function()
    local programs = Programs.new {}
    finally(function() programs:close() end)
    local program = programs:file()
    local command = "${CC:-cc} -O1 -std=c11 -D_GNU_SOURCE -DLCPP_COUNT_STEPS -Icsrc -o %s torture/fuzz/redact.c "
      .. "torture/fuzz/replay.c csrc/redact.c csrc/redact_search.c csrc/characters.c csrc/buffer.c"
    assert(os.execute(command:format(program)))
    local inputs = {}
    local function add(text, ...)
      inputs[#inputs + 1] = programs:file("\xff\0" .. table.concat({ ... }, "\n") .. "\n\n" .. text)
    end
    local many = {}
    for i = 1, 16 do many[i] = ("a"):rep(60) .. ("%x"):format(i) end
    for _, piece in ipairs { "a", "@", "a@", '"@', "@[", 'x"@a', "eyJ", "%40", "%", "%25", "\\", "\\u005c", "\\\\%40", "&",
                             "&amp;", "&#", "&#38", "&#0000000", "bearer ", "bearer", "bearer\xff", "\xff", "\u{85}", " ",
                             "&abcdefgh", "%u00", "\\ud83d", "&#x1", "&#1\\", "&#1%", "\u{200b}", "\u{e9}", "\xf0\x80", "&zwj;",
                             "a%61&#97;" } do
      local text = piece:rep(65536 // #piece)
      add(text, ("a"):rep(2000) .. "b")
      add(text, table.unpack(many))
      add(text, piece:rep(40), piece:rep(20) .. "b", piece:rep(2) .. "c")
    end
    assert(os.execute(program .. " torture/fuzz/seeds/redact/* " .. table.concat(inputs, " ")))
  end)
end)
