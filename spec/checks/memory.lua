-- Scenarios for memory.c: `memory.lua scenario` returns what is done while memory runs out, and what must work
-- afterwards. Each says by itself, with assert, whether an outcome is one that may be.

local PLAIN, TOKEN = os.getenv "PLAIN_URL", "token-of-the-checks"
local CALL = { publisher = "p", offer = "vm", emails = { "jondoe@contoso.com", "jane@contoso.com" } }
-- Text is made here: assert and string.format would need memory too.
local KINDS = { network = true, protocol = true, closed = true, stopped = true }

local scenarios = {}

function scenarios.core()
  local core, client, request, look

  local function await(waited)
    while not waited:done() do client:step() end
    local result, failure = waited:result()
    -- Where the scenario goes on, memory was to be had, and nothing else can fail here.
    if result == nil then error(failure.message) end
    return result
  end

  local function run()
    core = require "cpp.core"
    client = core.client { base_url = PLAIN, user_agent = "check", timeout = 30 }
    request = client:start("cancel", CALL, TOKEN)
    local result = await(request)
    look = client:start("location", { location = result.location }, TOKEN)
    local operation = await(look)
    if operation.body[1].number ~= 636576975611768314 then error "wrong number" end
    local refused = client:start("location", { location = "http://127.0.0.1:1/" }, TOKEN)
    local _, failure = refused:result()
    if failure.kind ~= "untrusted" then error "wrong kind" end
    client:start("cancel", CALL, TOKEN):abort()
    while client:finished() do end
    -- Nobody but the client holds this one.
    client:start("cancel", CALL, TOKEN)
    while client:step() > 0 do end
    if client:finished():result().status ~= 202 then error "the request was lost" end
    client:check("cancel", CALL)
    client:close()
    client = nil
  end

  local function after()
    core = require "cpp.core"
    if client then
      -- What was started ends, once, and well: only Lua was out of memory, not the network.
      while client:step() > 0 do end
      if request then assert(request:done() and request:result().status == 202) end
      if look then assert(look:done() and look:result().status == 200) end
      while client:finished() do end
      assert(client:step(0) == 0 and client:finished() == nil)
      assert(await(client:start("cancel", CALL, TOKEN)).status == 202)
    end
    client = core.client { base_url = PLAIN }
    assert(await(client:start("cancel", CALL, TOKEN)).status == 202)
    client:start("cancel", CALL, TOKEN) -- and one that runs when the state is closed
    client:step(0)
  end

  return run, after
end

function scenarios.package()
  local client

  local function run()
    local cpp = require "cpp"
    client = cpp.client { base_url = PLAIN, token = TOKEN, retries = 0 }
    local result, err = client:cancel(CALL)
    if not result then
      if not KINDS[err.kind] then error(err.kind) end
      return
    end
    local operation = client:wait(result)
    if operation.state ~= "canceled" then error "wrong state" end
    local _, missing = client:cancel { publisher = "p", offer = "missing" }
    if missing.status ~= 404 or not tostring(missing):find("404", 1, true) then error "wrong error" end
    client:close()
    client = nil
  end

  local function after()
    local cpp = require "cpp"
    if client then assert(client:cancel(CALL)) end
    local another <close> = cpp.client { base_url = PLAIN, token = TOKEN, retries = 0 }
    assert(another:cancel(CALL).status == 202)
  end

  return run, after
end

return scenarios[...]()
