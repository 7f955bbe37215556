-- What is left of tokens and addresses once a client is closed, and what Lua code gets at.

local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local reach = require "spec.support.reach"

local COUNT_OF_USER_VALUES = 10 -- more than any object has

-- Made at run time, and held by locals only, so that nothing but the module can keep it.
local count = 0
local function new_secret(name)
  count = count + 1
  return ("%s%d"):format(name:reverse(), count):rep(3)
end

-- The different ways to end a client.
local ENDS = {
  close = function(client) client:close() end,
  ["leaving the scope"] = function(client)
    local scoped <close> = client -- luacheck: ignore
  end,
  collection = function() end,
}

describe("once a client has ended,", function()
  local portal
  fixture.portal(_ENV, function(...)
    portal = ...
    fixture.offer(portal)
  end)

  -- Runs a request with the secrets to its end, and one that the end of the client ends.
  local function use(client, address, token)
    local call = { publisher = "contoso", offer = "contoso-vm", emails = { address } }
    client:start("cancel", call, token)
    while client:step() > 0 do end
    assert(client:finished()):result()
    client:start("cancel", call, token)
  end

  for name, finish in pairs(ENDS) do
    it("no token and no address is reachable, and its user values are gone: " .. name, function()
      local address, token = new_secret "sserdda" .. "@portal.test", new_secret "nekot"
      do
        local client = core.client { base_url = portal.url, user_agent = "specs" }
        use(client, address, token)
        finish(client)
        for i = 1, name ~= "collection" and COUNT_OF_USER_VALUES or 0 do
          local value = debug.getuservalue(client, i)
          assert.is_true(value == nil or type(value) == "table" and next(value) == nil, i)
        end
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(reach.find(token) or reach.find(address))
    end)
  end

  it("no token and no address is reachable from the module cpp", function()
    local address, token = new_secret "sserdda" .. "@portal.test", new_secret "nekot"
    do
      local client <close> = cpp.client { base_url = portal.url, token = token, retries = 0 }
      client:cancel { publisher = "contoso", offer = "contoso-vm", emails = address }
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(reach.find(token) or reach.find(address))
  end)
end)

it("the metatables of a client and of a request show no function of the module", function()
  local client <close> = core.client { base_url = "http://127.0.0.1:1" }
  local request <close> = client:start("cancel", { publisher = "p", offer = "o" }, "token")
  for _, object in ipairs { client, request } do
    local shown = getmetatable(object)
    assert.is_false(rawequal(debug.getmetatable(object), shown))
    assert.is_not_nil(shown)
    if type(shown) == "table" then
      for _, name in ipairs { "__gc", "__close", "__index" } do assert.is_nil(rawget(shown, name)) end
    end
    assert.is_false((pcall(setmetatable, object, {})))
  end
end)
