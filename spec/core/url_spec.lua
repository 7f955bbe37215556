-- URLs: what a location resolves to.

local core = require "cpp.core"
local fixture = require "spec.support.fixture"
local portals = require "spec.support.emulator"

describe("a location", function()
  local portal, client, request, host

  fixture.portal(_ENV, function(...)
    portal = ...
    host = portal.url:match("//(.*)$")
    client = core.client { base_url = portal.url }
    request = client:start("cancel", { publisher = "contoso", offer = "contoso-vm" }, portals.TOKEN)
    while not request:done() do client:step() end
  end)
  after_each(function() client:close() end)

  it("resolves as RFC 3986 has it", function()
    for reference, expected in pairs {
      ["operations/1"] = portal.url .. "/api/publishers/contoso/offers/contoso-vm/operations/1",
      ["../x"] = portal.url .. "/api/publishers/contoso/offers/x",
      ["//other.test/x"] = "http://other.test/x",
      ["https://other.test"] = "https://other.test/",
    } do
      assert.equal(expected, request:resolve(reference), reference)
    end
  end)

  -- The short way for what the service usually sends must come to what libcurl's URL API makes of it;
  -- a reference that starts with // always takes the long way.
  it("resolves the same by the short way and by the long one", function()
    for _, path in ipairs {
      "/", "/a", "/a/b/", "/a?b", "/a?b=c&d=e", "/a$b", "/a.b", "/a-b_c~d", "/a=b", "/a&b", "/a?", "/a//b", "/a?x=/../y",
      "/.a", "/a/.b", "/a/..b", "/a..", "/a/..", "/..", "/.", "/a/%2e%2e/b", "/a%20b", "/a%2Fb", "/a:b", "/a@b", "/a;b",
      "/a,b", "/a+b", "/a!b", "/a*b", "/a'b", "/(a)", "/a#b", "/a?b#c", "/a[b]", "/a|b", "/a?b?c", "/a?/.",
    } do
      local long = request:resolve("//" .. host .. path)
      assert.equal(long, request:resolve(path), path)
      assert.equal(long, request:resolve(portal.url .. path), path)
    end
  end)

  it("of an offer has its name in it, percent-encoded as RFC 3986 has it", function()
    for code = 0x20, 0xff do
      local letter = utf8.char(code)
      local escaped = letter:gsub("[^%w%-._~]", function(byte) return ("%%%02X"):format(byte:byte()) end)
      for _, around in ipairs { "", "a" } do
        local name = around .. letter .. letter .. around
        if name ~= ".." and not name:find "%c" then
          local asked <close> = client:start("offer_status", { publisher = "contoso", offer = name }, portals.TOKEN)
          assert.equal(("%s/api/publishers/contoso/offers/%s%s%s%s/status?api-version=2017-10-31"):format(portal.url, around,
            escaped, escaped, around), (select(2, asked:url())))
        end
      end
    end
  end)

  it("holds the operation's id where it has the form of one, decoded", function()
    for path, id in pairs {
      ["/api/publishers/p/offers/o/operations/56615b67-2185"] = "56615b67-2185",
      ["/offers/o/operations/a%2Db?operations/c"] = "a-b", ["/offers/o/operations/a/b"] = "a",
      ["/offers/o/operations/a#b"] = "a", ["/offers/o/operations/"] = false, ["/offers/o/operations/?a"] = false,
      ["/operations/a/offers/b"] = false, ["/api/operations/contoso$contoso-offer$2$preview"] = false,
    } do
      assert.equal(id or nil, (select(2, request:resolve(path))), path)
    end
  end)

  it("holds no operation's id where the segment has characters that no id has", function()
    for code = 0, 255 do
      local byte = string.char(code)
      local id = byte:find "[%w%-._~$:]" and "a" .. byte .. "b" or nil
      local segment = ("a%%%02Xb"):format(code)
      assert.equal(id, (select(2, request:resolve("/offers/o/operations/" .. segment))), segment)
    end
    for segment, id in pairs { ["%2e"] = false, ["%2E."] = false, [("a"):rep(256)] = true, [("a"):rep(257)] = false,
                               ["a%E2%80%AEb"] = false, ["%00"] = false, ["a%00"] = false } do
      local place, found = request:resolve("/offers/o/operations/" .. segment)
      if place:find "operations/%w" then assert.equal(id and segment or nil, found, segment) end
    end
  end)

  it("is percent-encoded where it holds characters that no URI has", function()
    for given, kept in pairs {
      ["/a\u{e9}"] = "/a%C3%A9", ["/a\u{202e}b?c=\u{9b}"] = "/a%E2%80%AEb?c=%C2%9B", ["/\xff"] = "/%FF", ['/"<>^`{|}'] =
      "/%22%3C%3E%5E%60%7B%7C%7D", ["/%4g%"] = "/%254g%25", ["/%41%e9[]@!$&'()*+,;=:"] = "/%41%e9[]@!$&'()*+,;=:",
    } do
      local place = assert(request:resolve(given))
      assert.equal((portal.url .. kept):lower(), place:lower()) -- libcurl writes some escapes in lower case
      assert.equal(place, (request:resolve(place)))
      local asked <close> = client:start("location", { location = given }, portals.TOKEN)
      local url = select(2, asked:url())
      assert.equal((portal.url .. kept):lower(), url:gsub("[?&]api%-version=.*", ""):lower())
    end
  end)

  it("is kept whole, and can be polled, or is none", function()
    local room = 7168 - #portal.url
    for _, case in ipairs { { "/" .. ("a"):rep(room - 1), true }, { "/" .. ("a"):rep(room), false },
                            { "/a/../" .. ("a"):rep(room - 1), true }, { "/a/../" .. ("a"):rep(room), false },
                            { portal.url .. "/" .. ("a"):rep(room - 1), true }, { portal.url .. "/" .. ("a"):rep(room), false },
                            { "/" .. ("\u{e9}"):rep((room - 1) // 6), true }, { "/" .. ("\u{e9}"):rep(room // 6 + 1), false },
                            { "/" .. ("a"):rep(1 << 20), false } } do
      local place = request:resolve(case[1])
      assert.equal(case[2], place ~= nil)
      if place then
        local polled <close> = client:start("location", { location = place, api_version = ("\u{e9}"):rep(128) }, portals.TOKEN)
        local url = select(2, polled:url())
        assert.equal(place, url:sub(1, #place))
        local again <close> = client:start("location", { location = url }, portals.TOKEN)
        assert.equal(url, select(2, again:url()))
      end
    end
  end)

  it("is none with blanks, control characters, backslashes or no end", function()
    for _, reference in ipairs { "", " ", "/a b", "/a\tb", "/a\r\nb", "/a\0b", "/a\127", "\\\\evil.test/a", "/\\evil.test",
                                 "http://[", "/" .. ("a"):rep(9000) } do
      assert.is_nil(request:resolve(reference))
    end
  end)
end)
