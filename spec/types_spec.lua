-- The types of lua/cpp/types/ against the truth: the module, csrc/options.c, and answers of the service.
-- What has no type fails here, and so does a type of what is not there.

local annotations = dofile ".ci/doc/annotations.lua"
local core = require "cpp.core"
local cpp = require "cpp"
local Portal = require "spec.portal.client"
local virtual = require "spec.support.virtual"

local types = annotations.read()
local OFFER = { publisher = "contoso", offer = "contoso-vm" }

local function content(name)
  local file = assert(io.open(name))
  local text = file:read("a")
  file:close()
  return text
end

local function sorted(names)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The names of a class: its fields (without those of its parents) and its functions.
local function members(class)
  local names = {}
  for _, field in ipairs(types.classes[class].fields) do names[field.name] = true end
  for _, fn in ipairs(types.classes[class].functions) do names[fn.name] = true end
  return names
end

local function is_public(name)
  return type(name) == "string" and name:sub(1, 2) ~= "__"
end

local function keys(object)
  local names = {}
  for name in pairs(object) do
    if is_public(name) then names[name] = true end
  end
  return names
end

describe("the types of", function()
  it("the module have each of its names, and no other", function()
    assert.same(sorted(keys(cpp)), sorted(members "cpp"))
  end)

  it("the module say the kind of each value", function()
    for name, value in pairs(cpp) do
      assert.equal(type(value) == "function", types.classes.cpp.functions[name] ~= nil, name)
    end
  end)

  it("a client have each of its names, and no other", function()
    local client <close> = cpp.client {}
    local names = keys(client)
    for name in pairs(keys(getmetatable(client))) do names[name] = true end
    assert.same(sorted(names), sorted(members "cpp.Client"))
  end)

  it("the C module, its clients and its requests have each of their names, and no other", function()
    assert.same(sorted(keys(core)), sorted(members "cpp.core"))
    local client <close> = core.client {}
    assert.same(sorted(keys(getmetatable(client).__index)), sorted(members "cpp.CoreClient"))
    local request <close> = client:start("location", { location = "http://elsewhere.test/" })
    assert.same(sorted(keys(getmetatable(request).__index)), sorted(members "cpp.CoreRequest"))
  end)

  it("dispatch and the loops have each of their names, and no other", function()
    assert.same(sorted(keys(require "cpp.dispatch")), sorted(members "cpp.dispatch"))
    local files = {}
    for name in io.popen("ls lua/cpp/loop"):lines() do files[name:match "^(.*)%.lua$"] = true end
    files.init = nil
    assert.same(sorted(files), sorted(members "cpp.Loops"))
    for name in pairs(files) do
      for key in pairs(cpp.loop[name]) do assert.is_truthy(types.classes["cpp.Loop"].fields[key], key) end
    end
  end)
end)

describe("each public function has", function()
  for _, class in ipairs { "cpp", "cpp.Client" } do
    for _, fn in ipairs(types.classes[class].functions) do
      local alike = class == "cpp.Client" and types.classes.cpp.functions[fn.name]
      if not fn.package and not alike then
        it(("a description, a page, errors and an example: %s%s%s"):format(class, fn.separator, fn.name), function()
          assert.is_truthy(fn.text and fn.text:find "^%u")
          assert.matches("^https://", fn.page)
          assert.is_truthy(fn.errors)
          assert.is_true(#fn.examples > 0)
        end)
      end
    end
  end

  it("errors that are kinds", function()
    for _, class in ipairs(types.classes) do
      for _, fn in ipairs(class.functions) do
        local list = (fn.errors or "none"):gsub("%b()", ""):match "^[^;.]*"
        if not list:find "^none" then
          for kind in list:gmatch "[^,%s]+" do assert.is_truthy(types.aliases["cpp.Kind"].values[kind], kind) end
        end
      end
    end
  end)

  it("types that exist", function()
    local known = { file = true }
    local function check(kind, where)
      for name in kind:gmatch "cpp[%w_.]*" do
        assert.is_truthy(types.classes[name] or types.aliases[name], where .. ": " .. name)
      end
      for name in kind:gsub('"[^"]*"', ""):gsub("[%w_]+%??:", ""):gmatch "[%a][%w_.]*" do
        known[name] = known[name] or name:find "^cpp" or ({ string = 1, number = 1, integer = 1, boolean = 1, table = 1,
          any = 1, fun = 1, self = 1, T = 1, ["nil"] = 1 })[name]
        assert.is_truthy(known[name], where .. ": " .. name)
      end
    end
    for _, class in ipairs(types.classes) do
      for _, parent in ipairs(class.parents) do check(parent, class.name) end
      for _, field in ipairs(class.fields) do check(field.type, class.name .. "." .. field.name) end
      for _, fn in ipairs(class.functions) do
        for _, param in ipairs(fn.params) do check(param.type, class.name .. "." .. fn.name) end
        for _, value in ipairs(fn.returns) do check(value.type, class.name .. "." .. fn.name) end
      end
    end
  end)
end)

describe("the options", function()
  -- What csrc/options.c accepts, by the class (or classes) that say it here.
  local SCOPES = {
    CLIENT = { "cpp.ClientOptions" },
    CALL = { "cpp.StartOptions", "cpp.OperationTarget", "cpp.OperationsOptions" },
    WAIT = { "cpp.WaitOptions" },
    BATCH = { "cpp.CancelAllOptions" },
  }
  local KINDS = {
    TEXT = "^string$", SEGMENT = "^string$", LINE = "^string$", SECRET = "^string$", SECONDS = "^number$",
    COUNT = "^integer$", POSITIVE = "^integer$", BYTES = "^integer$", TOKEN = "^string|cpp%.TokenFunction$",
    ADDRESSES = "^string|string%[%]$", FUNCTION = "^fun%(", TABLE = "^cpp%.Loop$", SWITCH = "^boolean|cpp%.WaitOptions$",
  }

  -- [scope][name] = kind
  local accepted = { CLIENT = {}, CALL = {}, WAIT = {}, BATCH = {} }
  for name, kind, scopes in content "csrc/options.c":gmatch '%[LCPP_OPTION_[%u_]+%] = {"([%l_]+)", (%u+), ([%u |]+),' do
    for scope in scopes:gsub("%f[%a]ALL", "CLIENT CALL WAIT BATCH"):gmatch "%u+" do accepted[scope][name] = kind end
  end

  for scope, classes in pairs(SCOPES) do
    it("have a type each, and no other: " .. scope, function()
      local fields = {}
      for _, class in ipairs(classes) do
        for name, field in pairs(annotations.fields(types, class)) do fields[name] = field end
      end
      assert.is_true(#sorted(accepted[scope]) > 10)
      assert.same(sorted(accepted[scope]), sorted(fields))
      for name, kind in pairs(accepted[scope]) do assert.matches(KINDS[kind], fields[name].type, name) end
    end)
  end

  it("of map are those that it does not refuse", function()
    local VALUES = { TEXT = "t", SEGMENT = "t", LINE = "t", SECRET = "t", TOKEN = "t", SECONDS = 1, COUNT = 1, BYTES = 1,
                     POSITIVE = 1, FUNCTION = function() end, TABLE = cpp.loop.blocking, SWITCH = true }
    local client <close> = cpp.client {}
    local taken = {}
    for name, kind in pairs(accepted.BATCH) do
      local done, problem = pcall(client.map, client, {}, print, { [name] = VALUES[kind] })
      if done then taken[name] = true else assert.matches(name .. ": this is no option of map", problem) end
    end
    assert.same(sorted(annotations.fields(types, "cpp.MapOptions")), sorted(taken))
  end)

  -- A default: the class and the field that state it, the file that has it, and the pattern that finds it there.
  local function number(text)
    return assert(load("return " .. text))()
  end
  local function seconds(text)
    return number(text) // 1000
  end
  local DEFAULTS = {
    { "cpp.ClientOptions", "base_url", "csrc/client.c", 'DEFAULT_BASE_URL "(.-)"' },
    { "cpp.ClientOptions", "authority_url", "csrc/client.c", 'DEFAULT_AUTHORITY_URL "(.-)"' },
    { "cpp.ClientOptions", "api_version", "csrc/client.c", 'DEFAULT_API_VERSION "(.-)"' },
    { "cpp.ClientOptions", "timeout", "csrc/client.c", "DEFAULT_TIMEOUT_MS = (%d+)", seconds },
    { "cpp.ClientOptions", "timeout", "lua/cpp/retry.lua", "RETRIES, TIMEOUT = %d+, (%d+)", number },
    { "cpp.ClientOptions", "connect_timeout", "csrc/client.c", "DEFAULT_CONNECT_TIMEOUT_MS = (%d+)", seconds },
    { "cpp.ClientOptions", "retries", "lua/cpp/retry.lua", "RETRIES, TIMEOUT = (%d+)", number },
    { "cpp.ClientOptions", "max_response_bytes", "csrc/client.c", "DEFAULT_MAX_RESPONSE_BYTES = ([%d %*]+)", number },
    { "cpp.WaitOptions", "timeout", "lua/cpp/wait.lua", "MAX_INTERVAL = (%d+)", number },
    { "cpp.WaitOptions", "interval", "lua/cpp/wait.lua", "MAX_INTERVAL = %d+, (%d+)", number },
    { "cpp.WaitOptions", "max_interval", "lua/cpp/wait.lua", "MAX_INTERVAL = %d+, %d+, (%d+)", number },
    { "cpp.MapOptions", "concurrency", "lua/cpp/batch.lua", "CONCURRENCY = (%d+)", number },
  }
  for _, default in ipairs(DEFAULTS) do
    local class, name, file, pattern, convert = table.unpack(default)
    it(("state the default of %s as %s has it"):format(name, file), function()
      local there = assert(content(file):match(pattern), "not found")
      if convert then there = convert(there) end
      local stated = types.classes[class].fields[name].text:match "Default: `(.-)`"
      assert.equal(tostring(there), stated)
    end)
  end
end)

describe("the answers", function()
  local portal, client, seen
  setup(function() portal = Portal.start() end)
  teardown(function() portal:stop() end)

  -- Notes the names of an answer, and that they have the types that are stated.
  local LUA_TYPES = { string = "string", integer = "number", number = "number", boolean = "boolean",
                      ["cpp.State"] = "string", ["cpp.Kind"] = "string", ["cpp.Operation"] = "table",
                      ["cpp.Step[]"] = "table", ["cpp.Message[]"] = "table", ['"GET"|"POST"'] = "string",
                      ['"running"|"canceled"|"unknown"'] = "string" }
  local function note(class, answer)
    local fields = types.classes[class].fields
    for name, value in pairs(answer) do
      assert.is_truthy(fields[name] or fields["[string]"], ("%s.%s has no type"):format(class, name))
      seen[class .. "." .. name] = true
      local expected = fields[name] and LUA_TYPES[fields[name].type]
      if expected then assert.equal(expected, type(value), name) end
      if fields[name] and fields[name].type == "integer" then assert.equal("integer", math.type(value), name) end
      if class == "cpp.Error" and name == "kind" then seen["kind " .. value] = true end
    end
    for _, field in ipairs(fields) do
      if not field.optional and field.name ~= "[string]" then
        assert.is_truthy(answer[field.name] ~= nil, ("%s.%s is missing"):format(class, field.name))
      end
    end
    return answer
  end

  -- What only the service sends is its own business: it need not occur in the emulator's answers.
  local function all_seen(class)
    local missing = {}
    for _, field in ipairs(types.classes[class].fields) do
      if field.name ~= "[string]" and not seen[class .. "." .. field.name] then missing[#missing + 1] = field.name end
    end
    assert.same({}, missing)
  end

  local function offer(options)
    local own = { publisher = "contoso", offer = "contoso-vm", running = true, operation_id = "first" }
    for name, value in pairs(options or {}) do own[name] = value end
    portal:offer(own)
  end

  local function failure(result, err)
    assert.is_nil(result)
    return note("cpp.Error", err)
  end

  local logged
  before_each(function()
    portal:reset()
    seen, logged = {}, {}
    client = cpp.client { base_url = portal.url, token = Portal.TOKEN, loop = virtual.new(portal), retries = 0,
                          log = function(entry) logged[#logged + 1] = entry end }
  end)
  after_each(function() client:close() end)

  it("have the fields of a result", function()
    offer { retry_after = 3 }
    note("cpp.Result", assert(client:cancel(OFFER)))
    offer { cancel_mode = "synchronous" }
    note("cpp.Result", assert(client:cancel(OFFER)))
    offer { location_form = "body" }
    note("cpp.Result", assert(client:cancel(OFFER)))
    all_seen "cpp.Result"
  end)

  it("have the fields of operations, lists and states", function()
    offer { steps = { { name = "one", seconds = 60, messages = { { messageHtml = "m", level = "information",
                                                                     timestamp = "t" } } } },
            messages = { { messageHtml = "m", level = "error", timestamp = "t" } } }
    local operation = note("cpp.Operation", assert(client:operation { publisher = "contoso", offer = "contoso-vm",
                                                                      operation_id = "first" }))
    note("cpp.Step", operation.steps[1])
    note("cpp.Message", operation.messages[1])
    note("cpp.OfferStatus", assert(client:offer_status(OFFER)))
    note("cpp.Submission", assert(client:operations(OFFER))[1])
    local answer = note("cpp.Reconciled", assert(client:reconcile(OFFER)))
    note("cpp.Operation", answer.operation)
    offer { running = false, status = "Canceled" }
    note("cpp.Reconciled", assert(client:reconcile(OFFER)))
    for _, class in ipairs { "cpp.Operation", "cpp.Step", "cpp.Message", "cpp.OfferStatus", "cpp.Submission",
                             "cpp.Reconciled" } do
      all_seen(class)
    end
  end)

  it("have the fields of an entry of a batch, and of the log", function()
    offer()
    portal:fault { match = { method = "POST" }, action = "close" }
    for _, entry in ipairs(client:cancel_all { OFFER, OFFER, {} }) do note("cpp.Entry", entry) end
    for _, entry in ipairs(logged) do note("cpp.LogEntry", entry) end
    all_seen "cpp.Entry"
    all_seen "cpp.LogEntry"
  end)

  -- One way to meet each kind. Together they have every field of an err.
  local WAYS = {}

  function WAYS.http()
    portal:fault { status = 429, headers = { ["Retry-After"] = "9", ["X-Ms-Correlation-Request-Id"] = "id" },
                   body = { error = { code = "Slow", message = "slower" } } }
    return client:cancel(OFFER)
  end

  function WAYS.auth()
    return client:cancel { publisher = "contoso", offer = "contoso-vm", token = function() end }
  end

  function WAYS.network()
    portal:fault { action = "close" }
    return client:cancel(OFFER)
  end

  function WAYS.tls()
    -- Asks the emulator, which speaks no TLS.
    return client:cancel { publisher = "contoso", offer = "contoso-vm", base_url = portal.url:gsub("^http:", "https:") }
  end

  function WAYS.timeout()
    return client:wait({ publisher = "contoso", offer = "contoso-vm", operation_id = "first" }, { timeout = 1 })
  end

  function WAYS.protocol()
    portal:fault { status = 302 }
    return client:cancel(OFFER)
  end

  function WAYS.untrusted()
    return client:operation "https://elsewhere.test/api/operations/first"
  end

  function WAYS.failed()
    offer { ends = "failed" }
    return client:wait(OFFER)
  end

  function WAYS.stopped()
    return client:wait(OFFER, { should_stop = function() return true end })
  end

  function WAYS.closed()
    local entries = client:map({ 1 }, function(_, item_client)
      client:close()
      return item_client:cancel(OFFER)
    end)
    local err = entries[1].err
    if err.kind ~= "closed" then error(tostring(err)) end
    return nil, err
  end

  function WAYS.raised()
    return nil, client:map({ 1 }, function() error "mine" end)[1].err
  end

  for kind, way in pairs(WAYS) do
    it("of an err have a type: " .. kind, function()
      offer()
      assert.equal(kind, failure(way()).kind)
    end)
  end

  it("of an err are all there is a type for", function()
    for kind, way in pairs(WAYS) do
      if kind ~= "closed" then
        offer()
        failure(way())
        portal:clear_faults()
      end
    end
    all_seen "cpp.Error"
  end)

  it("have every kind, and no other, in the types, in doc/errors.md and in the sources", function()
    local stated, found, documented = {}, {}, {}
    for _, value in ipairs(types.aliases["cpp.Kind"].values) do stated[value.literal] = true end
    for name in io.popen("find lua/cpp -name '*.lua' -not -path '*/types/*'"):lines() do
      for kind in content(name):gmatch 'errors%.new%("(%l+)"' do found[kind] = true end
      for kind in content(name):gmatch 'err%.kind, err%.ambiguous = "(%l+)"' do found[kind] = true end
    end
    for kind in content "csrc/outcome.c":gmatch '%[LCPP_%u+%] = "(%l+)"' do found[kind] = true end
    for kind in content "csrc/request.c":gmatch 'push_failure%(L, transfer, "(%l+)"' do found[kind] = true end
    found.answered = nil -- that is no failure
    for kind in content "doc/errors.md":gmatch "\n| `(%l+)` |" do documented[kind] = true end
    assert.same(sorted(WAYS), sorted(found))
    assert.same(sorted(found), sorted(stated))
    assert.same(sorted(found), sorted(documented))
  end)
end)
