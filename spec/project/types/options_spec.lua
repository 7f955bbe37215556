-- The types of options are those that the core accepts, and the stated defaults are those that calls have.

local annotations = dofile "doc/generate/annotations.lua"
local core = require "cpp.core"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local socket = require "socket"

local types = annotations.read()

describe("the options", function()
  local client <const> = cpp.client {}
  teardown(function() client:close() end)

  -- What checks options, and the class (or classes) that have their types.
  local function check(of) return function(options) core.check(of, options) end end
  local PLACES = {
    client = { core.client, "cpp.ClientOptions" },
    call = { check "call", "cpp.StartOptions", "cpp.OperationTarget", "cpp.OperationsOptions", "cpp.OffersOptions",
             "cpp.OneOfferOptions" },
    wait = { check "wait", "cpp.WaitOptions" },
    batch = { check "batch", "cpp.CancelAllOptions" },
    map = { function(options) client:map({}, print, options) end, "cpp.MapOptions" },
  }
  -- The types of what a message says that it expected, and a value that is accepted.
  local KINDS = {
    ["a non-empty string"] = { "string", "t" }, ["a string"] = { "^string$", "t" }, ["a boolean"] = { "^boolean$", true },
    ["a number of seconds"] = { "^number$", 1 }, ["a whole number"] = { "^integer$", 1 },
    ["a whole number of bytes"] = { "^integer$", 1 }, ["a string or a function"] = { "^string|cpp%.TokenFunction$", "t" },
    ["a string or a list of strings"] = { "^string|string%[%]$", "t" }, ["a function"] = { "^fun%(", print },
    ["cpp.loop.blocking"] = { "^cpp%.Loop$", cpp.loop.blocking }, ["a boolean or a table"] = { "^boolean|cpp%.WaitOptions$", true },
    ["a table of strings by name"] = { "^table<string, string>$", {} },
  }

  -- The names that the core knows: a table in Lua's registry.
  local names
  for _, value in pairs(debug.getregistry()) do
    if type(value) == "table" and rawget(value, "connect_timeout") then names = value end
  end

  for place, row in pairs(PLACES) do
    it("have a type each, and no other: " .. place, function()
      local fields, accepted = {}, {}
      for _, class in ipairs { table.unpack(row, 2) } do
        for name, field in pairs(annotations.fields(types, class)) do fields[name] = field.type end
      end
      for name in pairs(names) do
        local _, problem = pcall(row[1], { [name] = io.stdout })
        local kind = KINDS[problem:match ": expected ([^,]*), "]
        local done, other = pcall(row[1], { [name] = kind and kind[2] })
        if kind and (done or not other:find "not an option of") then
          accepted[name] = fields[name]
          assert.matches(kind[1], fields[name], name)
        else
          assert.matches(name .. ": not an option of ", kind and other or problem)
        end
      end
      assert.same(fields, accepted)
    end)
  end

  describe("have the defaults of", function()
    local portal, own, loop
    fixture.client(_ENV, function(...)
      portal, own, loop = ...
      fixture.offer(portal, { queued_seconds = 1000 })
    end)

    local function stated(class, name) return (types.classes[class].fields[name].text:match "Default: `(.-)`") end

    local function is_stated(class, name, value) assert.equal(stated(class, name), ("%.0f"):format(value), name) end

    it("the URLs", function()
      local core_client <close> = core.client {}
      local _, url = core_client:describe("offer_status", fixture.call())
      assert.equal(stated("cpp.ClientOptions", "base_url") .. "/api/publishers/contoso/offers/contoso-vm/status?api-version="
        .. stated("cpp.ClientOptions", "api_version"), url)
      _, url = core_client:start("token", { tenant = "t", client_id = "c", client_secret = "s" }):url()
      assert.equal(stated("cpp.ClientOptions", "authority_url") .. "/t/oauth2/token", url)
    end)

    it("the times of a request: a service that keeps silent", function()
      local listener = assert(socket.bind("127.0.0.1", 0))
      local url = "https://127.0.0.1:" .. select(2, listener:getsockname())
      for name, options in pairs { connect_timeout = {}, timeout = { connect_timeout = 1000 } } do
        local core_client <close> = core.client(fixture.merged({ base_url = url }, options))
        local started = core.monotonic()
        core_client:start("offer_status", fixture.call(), "t")
        repeat core_client:step(0.01) until core_client:timeout() > 10
        is_stated("cpp.ClientOptions", name, core_client:timeout() + core.monotonic() - started)
      end
      listener:close()
    end)

    it("retries, and of what their pauses may take", function()
      for pause, options in pairs { [1] = {}, [100] = { retries = 10 } } do
        portal:fault { status = 503, headers = { ["Retry-After"] = tostring(pause) }, times = -1 }
        local before = #loop.sleeps
        local _, err = own:offer_status(fixture.call(options))
        assert.equal(503, err.status)
        local count = #loop.sleeps - before
        is_stated("cpp.ClientOptions", pause == 1 and "retries" or "timeout", pause * count)
        portal:clear_faults()
      end
    end)

    it("the size of a response", function()
      local most = tonumber(stated("cpp.ClientOptions", "max_response_bytes"))
      local body = '{"status":"running"}'
      for _, size in ipairs { most, most + 1 } do
        portal:fault { match = { path = "/status$" }, status = 200, body = body .. (" "):rep(size - #body) }
        local _, err = own:offer_status(fixture.call())
        assert.equal(size > most, err ~= nil, err)
      end
    end)

    it("waits", function()
      local _, err = own:wait(fixture.call { operation_id = "first" })
      assert.equal("timeout", err.kind)
      is_stated("cpp.WaitOptions", "timeout", loop.elapsed())
      is_stated("cpp.WaitOptions", "interval", loop.sleeps[1])
      is_stated("cpp.WaitOptions", "max_interval", math.max(table.unpack(loop.sleeps)))
    end)

    it("batches", function()
      local started, most = 0, nil
      local list = {}
      for n = 1, 100 do list[n] = n end
      own:map(list, function(_, client_of_item)
        started = started + 1
        return client_of_item:offer_status(fixture.call())
      end, { on_result = function() most = most or started end })
      is_stated("cpp.MapOptions", "concurrency", most)
    end)
  end)
end)
