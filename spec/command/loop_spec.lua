-- The loop of the command: how often it looks around while it waits.

local core = require "cpp.core"
local new_loop = require "cpp.command.loop"

describe("the command's loop", function()
  local client, looks, look
  before_each(function()
    client, looks, look = core.client {}, 0, function() end
  end)
  after_each(function() client:close() end)

  local function sleep(seconds)
    local started = core.monotonic()
    new_loop(function()
      looks = looks + 1
      return look()
    end).sleep(client, seconds)
    return core.monotonic() - started
  end

  it("looks around ten times a second, and sleeps in between", function()
    assert.is_true(sleep(0.5) >= 0.5)
    assert.is_true(looks > 2 and looks <= 6, looks)
  end)

  it("sleeps no longer once a batch must stop, or its client is closed", function()
    look = function() return true end
    sleep(1000)
    look = function() client:close() end
    sleep(1000)
    assert.equal(2, looks)
  end)
end)
