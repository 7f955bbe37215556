-- The loop of the command: how often it looks around while it waits, and what ends a wait.

local blocking = require "cpp.loop.blocking"
local core = require "cpp.core"
local new_loop = require "cpp.command.loop"

describe("the command's loop", function()
  local client, loop, looks, look
  before_each(function()
    client, looks, look = core.client { base_url = "http://127.0.0.1:1" }, 0, function() end
    loop = new_loop(function()
      looks = looks + 1
      return look()
    end)
  end)
  after_each(function() client:close() end)

  it("looks around ten times a second, and sleeps in between", function()
    local sleep, monotonic, slept, clock = blocking.sleep, core.monotonic, nil, 0
    finally(function() core.monotonic, blocking.sleep = monotonic, sleep end)
    function core.monotonic() return clock end
    function blocking.sleep(_, slice) slept[#slept + 1], clock = ("%.2f"):format(slice), clock + slice end
    for seconds, expected in pairs { [0.25] = "0.10 0.10 0.05", [0.1] = "0.10", [0] = "0.00" } do
      slept, looks = {}, 0
      loop.sleep(client, seconds)
      assert.same({ expected, #slept }, { table.concat(slept, " "), looks })
    end
  end)

  it("sleeps no longer once a batch must stop, or its client is closed", function()
    look = function() return true end
    loop.sleep(client, 1000)
    look = function() client:close() end
    loop.sleep(client, 1000)
    assert.equal(2, looks)
  end)

  it("ends the wait of a batch at once when the batch must stop, and no wait for a request", function()
    local batch = { done = function() return looks == 3 end }
    loop.await(client, batch)
    assert.equal(3, looks)
    look = function() return true end
    loop.await(client, batch)
    assert.equal(4, looks)
    local request = client:start("publishers", {}, "token")
    loop.await(client, request)
    assert.is_true(request:done())
  end)
end)
