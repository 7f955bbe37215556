-- Descriptors run out: what cannot get one fails with a typed error, and all is well once there are some again.

local core = require "cpp.core"
local Lab = require "spec.support.lab"

local ROOM = 64 -- descriptors that are left to this process while its limit is lowered

local function process_id()
  local file <close> = assert(io.open "/proc/self/stat")
  return math.tointeger(file:read "n")
end

local function limit(soft)
  assert(os.execute(("prlimit --pid %d --nofile=%s:"):format(process_id(), soft)))
end

local function soft_limit()
  local pipe <close> = assert(io.popen(("prlimit --pid %d --nofile --noheadings --output SOFT"):format(process_id())))
  return pipe:read "l":match "%S+"
end

describe("without descriptors", function()
  local lab, before, taken
  before_each(function()
    lab, before, taken = Lab.new(), soft_limit(), {}
    limit(Lab.descriptors() + ROOM)
  end)
  after_each(function()
    for _, file in ipairs(taken) do file:close() end
    limit(before)
    lab:close()
  end)

  local function take_all()
    for file in function() return io.open "/dev/null" end do taken[#taken + 1] = file end
    assert.is_true(#taken > 0)
  end

  local function give_back()
    for _, file in ipairs(taken) do file:close() end
    taken = {}
  end

  it("a request ends as network, is not sent and can be sent again", function()
    local server = lab:server():always(Lab.good_service)
    local client = lab:client { base_url = server.url }
    take_all()
    local result, err = client:cancel(Lab.CALL)
    give_back()
    assert.is_nil(result)
    lab:assert_failure(err, { kind = "network", retryable = true, ambiguous = false })
    assert.equal(0, #server.requests)
    lab:assert_usable(client, server)
  end)

  it("a client that cannot be made raises, and one can be made later", function()
    take_all()
    local made, client = pcall(core.client)
    give_back()
    if core.poller == "epoll" then
      assert.is_false(made)
      assert.matches("cpp: cannot make a client: out of memory or descriptors", client)
    end
    if made then client:close() end
    core.client():close()
  end)
end)
