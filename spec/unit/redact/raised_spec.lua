-- What the user's code raises may hold what the service said: a callback, an item, a loop. It is shown like any other
-- text, in an err and in a warning.

local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"

local RAISED = "see " .. Portal.TOKEN .. "\n\27[2J\u{202e}\u{9b}!"
local SHOWN = "see [redacted] [2J\u{fffd} !"

local function raise()
  error(RAISED, 0)
end

describe("what was raised is shown without secrets and control characters", function()
  local portal, client, loop
  fixture.client(_ENV, function(...)
    portal, client, loop = ...
    fixture.offer(portal)
  end)

  local OFFER = { publisher = "contoso", offer = "contoso-vm" }

  local function warnings_of(fn)
    local own, loaded, texts = warn, package.loaded["cpp.host"], {}
    finally(function() _G.warn, package.loaded["cpp.host"] = own, loaded end)
    _G.warn = function(...) texts[#texts + 1] = table.concat { ... } end
    package.loaded["cpp.host"] = nil -- it keeps the function that it finds when it is loaded
    fn(require "cpp.host")
    return texts
  end

  it("of a batch's callbacks, and of an item", function()
    for _, name in ipairs { "on_result", "should_stop" } do
      local entries = client:map({ 1, 2 }, function() return 1 end, { concurrency = 1, [name] = raise })
      assert.same({ name .. " failed: " .. SHOWN, RAISED }, { entries[2].err.message, entries[2].err.raised })
    end
    assert.equal(SHOWN, client:map({ 1 }, raise)[1].err.message)
  end)

  it("of an item, with the secrets of its call", function()
    local function await(...)
      loop.await(...)
      error("of-the-item and " .. Portal.TOKEN, 0)
    end
    local own = { await = await, sleep = loop.sleep, now = loop.now }
    portal:configure { tokens = { { token = "of-the-item" } } }
    local done, err = pcall(client.cancel_all, client, { { publisher = "contoso", offer = "contoso-vm",
                            token = "of-the-item" } }, { loop = own })
    assert.is_false(done)
    assert.equal("[redacted] and [redacted]", err.entries[1].err.message)
  end)

  it("of an item whose accepted call is lost", function()
    local entries = client:map({ 1 }, function(_, own)
      assert(own:cancel(OFFER))
      raise()
    end)
    assert.same({ SHOWN, true }, { entries[1].err.message, entries[1].err.ambiguous })
  end)

  for _, name in ipairs { "await", "sleep" } do
    it("of a loop's " .. name, function()
      local function fail(...)
        loop[name](...)
        raise()
      end
      local own = { await = loop.await, sleep = loop.sleep, now = loop.now, [name] = fail }
      local call = { publisher = "contoso", offer = "contoso-vm", wait = true, loop = own }
      local done, err = pcall(client.cancel, client, call)
      assert.same({ false, SHOWN }, { done, err.message })
      done, err = pcall(client.cancel_all, client, { OFFER, OFFER }, { concurrency = 1, wait = true, loop = own })
      assert.same({ false, SHOWN, SHOWN }, { done, err.message, err.entries[1].err.message })
      assert.equal("await" == name and "the batch ended before this item: " .. SHOWN or SHOWN, err.entries[2].err.message)
    end)
  end

  it("of what a warning tells", function()
    local texts = warnings_of(function(host) host.warn("the log function", RAISED, { Portal.TOKEN }) end)
    assert.same({ "cpp: the log function failed: " .. SHOWN }, texts)
  end)
end)
