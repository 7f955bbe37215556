-- What a token function that has no token gives as the reason: it is in the err of the call.

local cpp = require "cpp"
local virtual = require "spec.support.virtual"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("a token function's reason", function()
  -- The message of a call whose token function is this one.
  local function message_of(token)
    local client <close> = cpp.client { token = token, loop = virtual.new() }
    local result, err = client:offer_status(OFFER)
    assert.is_nil(result)
    assert.equal("auth", err.kind)
    return err.message
  end

  local function object(text)
    return setmetatable({}, { __tostring = function() return text end })
  end

  it("may be an object with a text, an err of the library, or any value", function()
    for text, reason in pairs {
      ["the vault is closed"] = object "the vault is closed", ["42"] = 42, ["false"] = false,
      ["auth: no token"] = require "cpp.error".new("auth", "no token"),
      ["a table that has no text"] = setmetatable({}, { __tostring = function() error "no text" end }),
    } do
      assert.equal("the token function returned no token (" .. text .. ")", message_of(function() return nil, reason end))
      assert.equal("the token function returned no token (" .. text .. ")", message_of(function() return false, reason end))
      assert.equal("the token function failed (" .. text .. ")", message_of(function() error(reason, 0) end))
    end
  end)

  it("is shown on one line of at most 500 bytes, without secrets", function()
    for text, reason in pairs {
      ["see [redacted] [redacted]"] = "see\nBearer abcdefgh jane@contoso.example", [("x "):rep(250)] = ("x "):rep(300),
    } do
      assert.equal("the token function returned no token (" .. text .. ")",
                   message_of(function() return nil, object(reason) end))
    end
  end)

  it("is not what a token of a wrong type came with", function()
    assert.equal("the token function returned no token", message_of(function() return {}, 3600 end))
    assert.equal("the token function returned no token", message_of(function() return end))
  end)
end)
