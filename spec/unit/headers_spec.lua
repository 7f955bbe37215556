-- The option `headers`: what is sent, where, and what is refused before a request is sent.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

local call = fixture.call
local TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

describe("headers", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end, { headers = { ["x-ms-publisherId"] = "contoso" } })
  before_each(function() fixture.offer(portal, { cancel_seconds = 60 }) end)

  -- The values of a header in all requests, in their order; "-" where it is absent.
  local function sent(name)
    local values = {}
    for i, entry in ipairs(portal:journal()) do values[i] = entry.headers[name] or "-" end
    return values
  end

  local function all(value, count)
    local list = {}
    for i = 1, count do list[i] = value end
    return list
  end

  it("of a call win, however their names are written", function()
    for _, name in ipairs { "x-ms-publisherId", "X-MS-PUBLISHERID" } do
      assert(client:offer_status(call { headers = { [name] = "fabrikam", ["X-MS"] = "1" } }))
    end
    assert(client:offer_status(call { headers = {} }))
    assert.same({ "fabrikam", "fabrikam", "contoso" }, sent "x-ms-publisherid")
    assert.same({ "1", "1", "-" }, sent "x-ms")
  end)

  it("are sent in each attempt, and in each request of a wait, also before and after the polls", function()
    portal:fault { match = { method = "POST" }, status = 429 }
    assert(client:cancel(call { headers = { traceparent = TRACE }, wait = { timeout = 600 }, if_running = true }))
    local journal = portal:journal()
    assert.is_true(#journal > 5)
    assert.same(all(TRACE, #journal), sent "traceparent")
    portal:clear_journal()
    client:wait(call(), { headers = { traceparent = TRACE } })
    client:reconcile(call(), { headers = { traceparent = TRACE } })
    client:operations(call { headers = { traceparent = TRACE } })
    client:publishers { headers = { traceparent = TRACE } }
    assert.same(all(TRACE, #portal:journal()), sent "traceparent")
  end)

  it("of a wait within a call win, and the call's other ones stay", function()
    assert(client:cancel(call { headers = { a = "1", b = "1" }, wait = { headers = { B = "2" } } }))
    local a, b = sent "a", sent "b"
    assert.same(all("1", #a), a)
    assert.equal("1", b[1])
    assert.same(all("2", #b - 1), table.move(b, 2, #b, 1, {}))
  end)

  it("of a batch and of its items are sent together", function()
    client:cancel_all({ call(), call { headers = { A = "2" } }, call { headers = { b = "3" } } },
                      { headers = { a = "1" }, concurrency = 1 })
    assert.same({ "1", "2", "1" }, sent "a")
    assert.same({ "-", "-", "3" }, sent "b")
    assert.same(all("contoso", 3), sent "x-ms-publisherid")
  end)

  it("go to the service alone: the token service gets none", function()
    local own <close> = cpp.client(fixture.merged(Portal.CREDENTIALS, {
      base_url = portal.url, authority_url = portal.url, headers = { a = "1" },
    }))
    assert(own:offer_status(call { headers = { b = "2" } }))
    assert.same({ "-", "1" }, sent "a")
    assert.same({ "-", "2" }, sent "b")
  end)

  it("are limited in number and length", function()
    local many = {}
    for i = 1, 16 do many["x-" .. i] = ("v"):rep(2048) end
    local own <close> = cpp.client { base_url = portal.url, token = Portal.TOKEN, headers = { ["X-1"] = "1", y = "1" } }
    portal:fault { match = { method = "GET" }, status = 200, body = { status = "running" }, times = -1 }
    own:offer_status(call { headers = many, retries = 0 }) -- lua-http may find them too long
    many["x-17"] = "v"
    assert.error_matches(function() client:offer_status(call { headers = many }) end, "headers: expected at most 16")
    assert.error_matches(function() client:offer_status(call { headers = { a = ("v"):rep(2049) } }) end, "at most 2048")
    assert.error_matches(function() client:offer_status(call { headers = { [("n"):rep(257)] = "v" } }) end, "at most 256")
  end)

  describe("are refused", function()
    local function refuses(headers, pattern)
      for _, scope in ipairs { "client", "call", "wait", "batch" } do
        assert.error_matches(function() core.check(scope, { headers = headers }) end, "cpp: headers: " .. pattern)
      end
      assert.has_error(function() client:cancel(call { headers = headers }) end)
      assert.has_error(function() cpp.client { headers = headers } end)
      assert.same({}, portal:journal())
    end

    for _, name in ipairs {
      "Authorization", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "TE", "Upgrade", "Trailer",
      "Content-Type", "Content-Encoding", "Accept-Encoding", "Accept", "Cookie", "Proxy-Authorization", "Keep-Alive",
      "Proxy-Connection", "HTTP2-Settings", "Range", "User-Agent", "x-ms-client-request-id",
    } do
      it("where the name is not the caller's: " .. name, function()
        for _, spelt in ipairs { name, name:lower(), name:upper() } do
          refuses({ [spelt] = "secret" }, "'" .. spelt:gsub("%p", "%%%0") .. "' cannot be given here$")
          spelt = spelt:gsub("-", "_")
          refuses({ [spelt] = "secret" }, "'" .. spelt:gsub("%p", "%%%0") .. "' cannot be given here$")
        end
      end)
    end

    it("where a name is no token", function()
      for _, name in ipairs { "", "a b", "a:", "a\r\nb", "a\0", "\u{e9}", "a\tb", "a(b)", " a", "a ", ":method" } do
        refuses({ [name] = "v" }, "expected names of letters")
      end
      refuses({ "v" }, "expected names that are strings, got a number")
    end)

    it("where a value is not printable, without showing it", function()
      for _, value in ipairs { "", " ", "s3cret\r\nX: 1", "s3cret\n", "s3cret\0", "s3cret\u{e9}", "\ts3cret", "s3cret ", " s3cret",
                               "s3cret\127" } do
        refuses({ a = value }, "expected printable ASCII characters for 'a'")
        local _, problem = pcall(core.check, "call", { headers = { a = value } })
        assert.is_nil(problem:find("s3cret", 1, true))
      end
      for _, value in ipairs { 1, true, {} } do
        refuses({ a = value }, "expected a string for 'a', got " .. type(value))
      end
    end)

    it("where a name is there twice", function() refuses({ ["X-A"] = "1", ["x-a"] = "1" }, "expected '[Xx]%-[Aa]' once") end)
    it("where their names cannot be read", function()
      local headers = setmetatable({}, { __index = { a = "1" } })
      for _, options in ipairs { { headers = headers }, { wait = { headers = headers } } } do
        assert.error_matches(function() client:cancel(call(options)) end, "headers: expected a table without a metatable")
      end
      assert.has_error(function() cpp.client { headers = headers } end)
    end)
  end)
end)
