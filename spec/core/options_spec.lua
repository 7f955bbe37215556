-- Options: each with its type, its bounds and where it may be given, and what is said of one that is wrong.

local core = require "cpp.core"
local cpp = require "cpp"

local BASE = "http://127.0.0.1:1" -- nothing is started here

-- The options of each type; what it takes at its bounds, and what just not, where the options belong (in a call, or `scope`);
-- and the words for the second. Of base_url and authority_url more is asked: client_spec.lua.
local TYPES = {
  text = { "status client_id scope base_url authority_url api_version ca_file", takes = { "x", "\u{fc}", " ", "~" },
           refuses = { 1, true, "", "a\31b", "\127", "a\0" }, words = "a non%-empty string" },
  reference = { "location", takes = { "/", "//x", "a://b", "a:b", "\\x", "/\u{fc}" },
                refuses = { 1, "", "x", "?x", "a/b:c", "/\0" },
                words = { "a non%-empty string", "a URL, or a path that begins with /" } },
  quoted = { "type", takes = { "x", "\u{fc}", '"' }, refuses = { 1, "", "'", "x'", "\n" },
             words = { "a non%-empty string", "a string without quotes" } },
  boolean = { "if_running", takes = { true, false }, refuses = { 1, "x", {} }, words = "a boolean" },
  line = { "user_agent client_request_id", takes = { "x", " ", "~" },
           refuses = { 1, "", "a\nb", "\31", "\127", "\u{fc}", "\xff" },
           words = { "a non%-empty string", "printable ASCII" } },
  segment = { "publisher offer operation_id version slot tenant", takes = { "x", "...", ".a", "\u{fc}", "a/b" },
              refuses = { 1, "", ".", "..", "\r", "\127" }, words = { "a non%-empty string", "an identifier" } },
  secret = { "client_secret", takes = { "x", "\1\r\n" }, refuses = { 1, "", "a\0b" }, words = "a non%-empty string" },
  token = { "token", takes = { "x", "aZ09-._~+/==", print },
            refuses = { 1, true, "", "=", "a b", "a=b", "a\0", "a\n", "caf\u{e9}" },
            words = { "a string or a function", "a bearer token" } },
  proxy = { "proxy", takes = { "", "x" }, refuses = { 1, "\31", "http://user%0a@x", "http://user:%00@x", "%1F" },
            words = "a string" },
  seconds = { "interval max_interval timeout connect_timeout", scope = "wait", takes = { 0.001, 1, 1000000 },
              refuses = { 0, 0.0009, 1000000.1, -1, 0 / 0, math.huge, "1", true },
              words = "a number of seconds, from 0.001 to 1000000" },
  count = { "retries max_connections", takes = { 0, 1, 1e15 }, refuses = { -1, 0.5, 1.1e15, 0 / 0, "1" },
            words = "a whole number, 0 or more" },
  positive = { "concurrency", scope = "batch", takes = { 1, 2.0, 1e15 }, refuses = { 0, 1.5, 1e16, "1" },
               words = "a whole number, 1 or more" },
  bytes = { "max_response_bytes", takes = { 1, 1e15 }, refuses = { 0, 1.5, 1e16, "1" },
            words = "a whole number of bytes, 1 or more" },
  callable = { "on_progress should_stop log", scope = "wait", takes = { print }, refuses = { 1, {}, "print" },
               words = "a function" },
  callback = { "on_result", scope = "batch", takes = { print }, refuses = { 1 }, words = "a function" },
  loop = {
    "loop",
    takes = { { await = print, sleep = print }, cpp.loop.blocking, setmetatable({}, { __index = cpp.loop.blocking }) },
    refuses = { 1, "x", print, {}, { await = print }, { await = print, sleep = 1 }, cpp.loop },
    words = "cpp.loop.blocking, cpp.loop.cqueues, cpp.loop.luv or a loop with await and sleep",
  },
  switch = { "wait", takes = { true, false, {} }, refuses = { 1, "x", print }, words = "a boolean or a table" },
  headers = { "headers", takes = { {}, { a = "b" } }, refuses = { 1, "a: b", print, { 1 } },
              words = { "a table of strings by name", "expected names that are strings" } },
  addresses = { "emails", takes = { "a@b", {} }, refuses = { 1, true, print }, words = "a string or a list of strings" },
}

-- Checks that a call raises a message that matches, and returns the message.
local function assert_refused(pattern, ...)
  local done, message = pcall(...)
  assert.is_false(done)
  assert.matches(pattern, message)
  return message
end

local function is_one_of(message, words)
  for _, word in ipairs(type(words) == "table" and words or { words }) do
    if message:find(word) then return true end
  end
  return message:find "without control characters" ~= nil
end

describe("an option", function()
  for _, values in pairs(TYPES) do
    local scope = values.scope or "call"
    for name in values[1]:gmatch "%S+" do
      it("takes what it is for, and refuses anything else, by its name: " .. name, function()
        for _, value in ipairs(values.takes) do core.check(scope, { [name] = value }) end
        for _, value in ipairs(values.refuses) do
          local message = assert_refused("cpp: " .. name .. ": expected ", core.check, scope, { [name] = value })
          assert.is_true(is_one_of(message, values.words), message)
          if type(value) == "number" and values.takes[1] == "x" then assert.matches("got number$", message) end
        end
      end)

      -- Where dropping a letter is as near to another name, either will do.
      it("is the nearest to itself with one letter wrong: " .. name, function()
        local typos = { name .. "##", "##" .. name }
        for place = 1, #name do typos[#typos + 1] = name:sub(1, place - 1) .. "#" .. name:sub(place + 1) end
        for _, typo in ipairs(typos) do
          assert_refused("unknown option '" .. typo .. "' %(the nearest known one is '" .. name .. "'%)", core.check, "call",
                         { [typo] = 1 })
        end
      end)
    end
  end

  -- Where each belongs: spec/project/types/options_spec.lua.
  it("belongs where it belongs", function()
    for scope, case in pairs { client = { "publisher", "a client" }, call = { "interval", "a call" },
                               wait = { "concurrency", "wait" }, batch = { "offer", "a batch" } } do
      assert_refused(case[1] .. ": not an option of " .. case[2] .. "$", core.check, scope, { [case[1]] = "x" })
    end
  end)

  it("that is unknown has the nearest known one in the message, if any is near", function()
    for _, name in ipairs { "credential", "credentials" } do
      assert_refused("unknown option '" .. name .. "' %(the option for credentials is 'token'%)$",
                     core.check, "client", { [name] = 1 })
    end
    for typo, name in pairs {
      lop = "loop", lo = "log", wat = "wait", oter = "offer", statu = "status", -- a missing letter, before another one
      tenant_id = "tenant", offer_id = "offer", baseUrl = "base_url", max_retries = "retries",
    } do
      assert_refused("nearest known one is '" .. name .. "'", core.check, "call", { [typo] = 1 })
    end
    for _, name in ipairs { "verify", "insecure", "verbose", "password", "debug", "x", "", ("verify"):rep(1000) } do
      assert_refused("unknown option '" .. name .. "'$", core.check, "call", { [name] = false })
    end
  end)

  it("is looked for in a table or nothing", function()
    core.check("call", nil)
    core.check("call")
    assert_refused("expected a table of options, got number", core.check, "call", 1)
    assert_refused("expected option names that are strings, got a boolean", core.check, "call", { [true] = 1 })
    assert_refused("bad argument #1", core.check, "request", {})
    core.client():close()
  end)
end)

describe("an option that goes into a URL, a form or a header", function()
  for name, most in pairs {
    publisher = 256, offer = 256, operation_id = 256, tenant = 256, api_version = 256, status = 256, client_id = 256,
    type = 256, version = 256, slot = 256, scope = 256,
    client_secret = 2048, base_url = 4096, authority_url = 4096, user_agent = 256, client_request_id = 256, token = 65536,
  } do
    local letter = (name == "token" or name == "user_agent") and "a" or "&"
    it("has a limit, which a message states: " .. name, function()
      core.check("call", { [name] = letter:rep(most) })
      assert_refused(("cpp: %s: expected a string of at most %d bytes$"):format(name, most),
                     core.check, "call", { [name] = letter:rep(most + 1) })
    end)
  end

  it("has no limit if it is a location, a file or a proxy", function()
    for _, name in ipairs { "location", "ca_file", "proxy" } do
      core.check("call", { [name] = ("/"):rep(10000) })
    end
  end)
end)

describe("a client checks", function()
  local client
  before_each(function() client = core.client { base_url = BASE, authority_url = BASE } end)
  after_each(function() client:close() end)

  it("the request id and the token of a call, also after one that was right", function()
    local offer = { publisher = "contoso", offer = "contoso-vm" }
    for id, words in pairs { [""] = "a non%-empty string", ["a\r\nb"] = "control characters", ["\u{fc}"] = "ASCII" } do
      assert_refused("client_request_id: expected .*" .. words, client.start, client, "cancel", offer, "token", id)
    end
    for _, token in ipairs { "", "a b", "a\0b", "=" } do
      assert_refused("token: expected a bearer token", client.start, client, "cancel", offer, token)
    end
    client:start("cancel", offer, "token")
    assert_refused("token: expected a bearer token", client.start, client, "cancel", offer, "to ken")
    client:start("cancel", offer, "token")
  end)

  local function check(emails)
    return client:check("cancel", { publisher = "contoso", offer = "contoso-vm", emails = emails })
  end

  it("addresses: text with an @ and without control characters, one to an entry", function()
    for emails, words in pairs {
      [""] = "emails: expected an e%-mail address", ["jondoe"] = "emails: expected an e%-mail address",
      ["a@b\127"] = "emails: expected no control characters", ["a@b\31"] = "emails: expected no control characters",
      [{ "a@b", 1 }] = "emails%[2%]: expected a string, got number",
      [{ "a@b", "c@d,e@f" }] = "emails%[2%]: expected one e%-mail address, without a comma",
      ["\xff@b"] = "emails: expected UTF%-8", [{ "a@b", "\xed\xa0\x80@b" }] = "emails%[2%]: expected UTF%-8",
      [{ "\xc3@b" }] = "emails%[1%]: expected UTF%-8",
      [{ "a@b\n" }] = "emails%[1%]: expected no control characters",
      [{ "" }] = "emails%[1%]: expected an e%-mail address",
      [{ "a@b", nil, "c@d" }] = "emails: expected a list of strings, without holes or named fields",
      [{ "a@b", name = "c@d" }] = "emails: expected a list of strings, without holes or named fields",
    } do
      local message = assert_refused(words, check, emails)
      assert.is_nil(message:find("jondoe", 1, true))
    end
    for _, emails in ipairs { "a@b", "a@b, c@d", "a b@c", { "a@b" }, { "a@b", "c@d", "e@f" }, {} } do check(emails) end
  end)

  it("credentials: both are there, and at their longest not too long for a form", function()
    local function check_form(id, secret)
      return client:check("token", { tenant = "t", client_id = id, client_secret = secret })
    end
    check_form("id", "secret")
    check_form("id", "!\"%&")
    assert_refused("client_id: expected a non%-empty string, got nil", check_form, nil, "secret")
    assert_refused("client_secret: expected a non%-empty string, got nil", check_form, "id", nil)
    check_form(("&"):rep(256), ("&"):rep(2048))
    assert_refused("client_id: expected a string of at most", check_form, ("x"):rep(9000), "secret")
    assert_refused("client_secret: expected a string of at most", check_form, "id", ("x"):rep(9000))
  end)

  it("an assertion in place of the secret: a JSON Web Token", function()
    local function call(assertion) return { tenant = "t", client_id = "id", token = assertion } end
    client:check("token", call "aZ09-_.b.c")
    for _, assertion in ipairs { "a~b", "a+b", "a/b", "ab=" } do
      assert_refused("token: expected a JSON Web Token", client.check, client, "token", call(assertion))
    end
  end)

  it("that credentials are in no description of a request", function()
    assert_refused("endpoint 'token' cannot be described",
                   client.describe, client, "token", { tenant = "t", client_id = "id", client_secret = "s" })
  end)
end)
