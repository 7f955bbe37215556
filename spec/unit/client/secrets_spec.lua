-- Secrets: whatever the service does, even when it says back all that it was told, in bodies and in
-- headers, spelled in any way: neither the token, nor the client secret, nor an address is seen in an
-- error, a log entry, a progress line or a tostring.

local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local virtual = require "spec.support.virtual"

local TOKEN = "0paque.token~with/all+kinds-of_characters=="
local SECRET = "s3cr~t.of/all+kinds&of%characters\"'<>=-_"
local EMAILS = { "jane.doe+azure@contoso.example", "jürgen@bücher.example" }
local PARTS = { "0paque.token", "kinds%-of_characters", "s3cr", "characters\"", "jane.doe", "contoso%.example", "rgen",
                "cher%.example" } -- what no spelling of them lacks

local OFFER = { publisher = "contoso", offer = "contoso-vm", emails = EMAILS }
local LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/first"

local function escape(text)
  return (text:gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local EVERYTHING = table.concat({ TOKEN, SECRET, EMAILS[1], EMAILS[2] }, " ")

-- How a service may say it back. spec/core/redact_spec.lua has the other spellings.
local ECHOES = {
  ["as it is"] = EVERYTHING,
  ["as a form"] = "client_secret=" .. escape(EVERYTHING):gsub("%%20", "+") .. "&a=b",
  ["before a lot"] = EVERYTHING .. " " .. ("x"):rep(66000),
}

describe("no secret is seen", function()
  local portal, loop, client, texts, shown, stream

  -- Raises when a text that was collected holds a part of a secret.
  local function assert_discreet()
    stream:seek("set")
    texts[#texts + 1] = { "progress", stream:read("a") }
    assert.is_true(#texts > 1)
    for _, text in ipairs(texts) do
      for _, part in ipairs(PARTS) do
        if text[2]:find(part) then error(("%s holds %q: %s"):format(text[1], part, text[2]), 2) end
      end
    end
  end

  -- Collects all strings in a value: an err, a log entry.
  local function collect(where, value)
    if type(value) == "table" then
      for name, inner in pairs(value) do
        collect(where, name)
        collect(where .. "." .. tostring(name), inner)
      end
    elseif type(value) == "string" then
      texts[#texts + 1] = { where, value }
    end
    texts[#texts + 1] = { "tostring(" .. where .. ")", tostring(value) }
  end

  fixture.portal(_ENV, function(...)
    portal = ...
    portal:configure { tokens = { { token = TOKEN } } }
    texts, shown, loop, stream = {}, 0, virtual.new(portal), assert(io.tmpfile())
    client = cpp.client { base_url = portal.url, authority_url = portal.url, token = TOKEN, loop = loop, retries = 1,
                          client_secret = SECRET, tenant = "emulator-tenant", client_id = "emulator-client",
                          log = function(entry) collect("log", entry) end }
  end)
  after_each(function()
    client:close()
    stream:close()
  end)

  local function progress()
    local show = cpp.progress(stream)
    return function(operation)
      shown = shown + 1
      show(operation)
    end
  end

  -- Puts the offer there, with members in its operation.
  local function offer(extra) fixture.offer(portal, { extra = extra }) end

  -- Everything that can be called, with what it gives as its err.
  local function call_all()
    local target = { publisher = "contoso", offer = "contoso-vm", operation_id = "first" }
    local no_emails = { publisher = "contoso", offer = "contoso-vm" }
    for i, call in ipairs { { "cancel", OFFER }, { "publish", OFFER }, { "operation", target }, { "operation", LOCATION },
                            { "operations", no_emails }, { "offer_status", no_emails }, { "wait", target }, { "wait", no_emails },
                            { "reconcile", no_emails } } do
      local options = call[1] == "wait" and { on_progress = progress(), timeout = 15 } or nil
      collect("err " .. i, select(2, client[call[1]](client, call[2], options)))
    end
    local own = { publisher = "contoso", offer = "contoso-vm", emails = EMAILS, wait = { on_progress = progress(), timeout = 15 } }
    collect("err of a cancel that waits", select(2, client:cancel(own)))
    collect("err of an entry", client:cancel_all({ OFFER }, { wait = { timeout = 15 } })[1].err)
    for _, object in ipairs { client, client.core, loop } do collect("object", tostring(object)) end
  end

  it("when all goes well", function()
    offer()
    call_all()
    assert.is_true(shown > 0)
    assert_discreet()
  end)

  for how, echo in pairs(ECHOES) do
    local single = echo:sub(1, 2000):match(#echo > 2000 and "^(.*) " or ".*"):gsub("[%c\128-\255]", "") -- for a header

    -- Everything is called while all responses are this one.
    local function call_all_with(fault)
      fault.times = -1
      portal:fault(fault)
      call_all()
      portal:clear_faults()
    end

    it("in what a response's body echoes " .. how, function()
      offer()
      for _, body in ipairs { echo, { error = { code = echo, message = echo } },
                              how == "as it is" and { code = echo, Message = echo },
                              how == "as it is" and { error = echo, error_description = echo } } do
        if body then call_all_with { status = 400, body = body } end
      end
      call_all_with { status = 200, body = '{"error": "' .. echo } -- which cannot be read
      assert_discreet()
    end)

    it("in what headers echo " .. how, function()
      offer()
      local headers = { ["X-Ms-Correlation-Request-Id"] = single, ["x-ms-request-id"] = single, ["X-Echo"] = single,
                        ["Content-Type"] = single, Server = single }
      for _, body in ipairs { { error = { message = "failed" } }, { "list" }, {} } do
        call_all_with { status = 200, headers = headers, body = body } -- which cannot be what was asked for
      end
      portal:fault { match = { method = "POST" }, add_headers = headers }
      collect("the id of a result", assert(client:cancel(OFFER)).request_id)
      headers["Operation-Location"] = LOCATION .. "?a=" .. escape(single)
      portal:fault { match = { method = "POST" }, add_headers = headers, times = 2 }
      call_all_with { status = 500, headers = headers, body = { error = { message = "failed" } } }
      call_all_with { status = 302, headers = { Location = "https://example.com/?" .. escape(single) } }
      assert_discreet()
    end)

    it("in what the operation that is waited for echoes " .. how, function()
      local long = #echo > 2000
      for _, ending in ipairs { "running", "failed", not long and echo or nil } do
        offer {
          status = ending, error = { code = echo, message = echo }, steps = { { stepName = echo, status = "inProgress" } },
          notificationEmails = { EVERYTHING }, [long and "more" or echo] = EVERYTHING,
        }
        call_all()
      end
      assert.is_true(shown > 0)
      assert_discreet()
    end)
  end

  it("when a token function fails and says all", function()
    for _, fails in ipairs { function() return nil, EVERYTHING end, function() error(EVERYTHING) end } do
      local _, err = client:cancel { publisher = "contoso", offer = "contoso-vm", emails = EMAILS, token = fails }
      assert.equal("auth", err.kind)
      collect("err", err)
    end
    assert_discreet()
  end)

  -- All strings that a dumper of tables finds, in metatables and user values too.
  local function dump(where, value, seen)
    if type(value) == "string" then texts[#texts + 1] = { where, value } end
    if type(value) == "userdata" then
      for i = 1, 5 do dump(where, debug.getuservalue(value, i), seen) end
    end
    if type(value) ~= "table" or seen[value] then return end
    seen[value] = true
    for key, inner in next, value do
      dump(where, key, seen)
      dump(where, inner, seen)
    end
    dump(where, getmetatable(value), seen)
  end

  it("in a dump of the module, of a client, of an item's, and of what they return", function()
    local client_of_item
    for _, options in ipairs { { token = TOKEN }, { tenant = "t", client_id = "c", client_secret = SECRET,
                                                    authority_url = portal.url } } do
      options.base_url, options.proxy = portal.url, ("http://user:%s@proxy.test"):format(SECRET)
      local own <close> = cpp.client(options)
      own:cancel(OFFER)
      local entries = own:map({ 1 }, function(_, item_client)
        client_of_item = item_client
        return item_client:cancel(OFFER)
      end)
      for _, value in ipairs { own, client_of_item, entries, { own:cancel_all({}, { token = TOKEN }) } } do
        dump("a dump", value, {})
      end
    end
    dump("a dump of the module", cpp, {})
    for name, module in pairs(package.loaded) do
      if name:find "^cpp" then dump("a dump of " .. name, module, {}) end
    end
    assert_discreet()
  end)

  it("in what is raised for misuse", function()
    for _, options in ipairs { { token = TOKEN .. "\n" }, { client_secret = SECRET .. "\0" }, { emails = { EMAILS[1] .. "\n" } },
                               { emails = { EMAILS[1], 5 } }, { token = { TOKEN } }, { client_id = EVERYTHING .. "\r" } } do
      options.publisher, options.offer = "contoso", "contoso-vm"
      local done, problem = pcall(client.cancel, client, options)
      assert.is_false(done)
      collect("misuse", problem)
    end
    assert_discreet()
  end)
end)
