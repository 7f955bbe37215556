-- The scenarios of the harness: what a program does with the module while something fails, which outcomes may be,
-- and what must work afterwards.
--
-- harness.h calls: list(what) -> list of { name =, transport = }; prepare(name, transport) -> run, after, context.
-- secrets: what must not stay in memory that was freed, a list of { name, text }.
-- run(context) -> "answered" when all went as it does without failures, else the kind of the first err; it raises
-- when an outcome is one that must not be. after(context) is called with nothing failing any more.
-- context.id, context.timeout: set by the harness before; what ids of requests begin with, seconds for a request.
-- context.requests: [client_request_id] = how often the service may have seen that POST; compare_requests of
-- torture/checks/common.sh compares it with what the servers saw.

local context = require "torture.harness.context"

local CA_FILE, MAY_BE, TOKEN, URLS = context.CA_FILE, context.MAY_BE, context.TOKEN, context.URLS
local Context, accepted, canceled, fail = context.Context, context.accepted, context.canceled, context.fail
local ALL = { "plain", "tls" } -- transports
local SLACK = 2 -- seconds by which a busy machine may be late

-- Scenarios: { name =, transports =, run =, after =, cold =, calls = the transports for failing calls }.
local scenarios = {}

local function scenario(name, transports, run, more)
  local new = { name = name, transports = transports, run = run }
  for key, value in pairs(more or {}) do new[key] = value end
  scenarios[#scenarios + 1] = new
end

-- cold: nothing was made in this process before, neither by libcurl nor by OpenSSL.

scenario("load", ALL, function(self)
  self.cpp = require "cpp"
  self:cancel(self:new_client(), "vm", accepted)
end, { cold = true, calls = { "plain" } })

-- Not even once may a server be asked that must not be trusted.
local function distrusts(self)
  local client = self:new_client()
  local result, err = self:cancel(client, "vm", "tls")
  if result or err.ambiguous or err.status then fail("trusted", result, err) end
end

scenario("distrust_first", { "wrong_host", "unknown_authority", "expired" }, function(self)
  self.cpp = require "cpp"
  distrusts(self)
end, { cold = true, calls = { "unknown_authority" } })

scenario("distrust", { "wrong_host", "unknown_authority", "expired" }, distrusts, {
  calls = { "wrong_host", "unknown_authority", "expired" },
})

scenario("cancel", ALL, function(self)
  local client <close> = self:new_client()
  self:cancel(client, "vm", accepted)
  self.client = nil
end, { calls = ALL })

scenario("kept_connection", ALL, function(self)
  local client = self:new_client()
  self:cancel(client, "vm", accepted)
  self:cancel(client, "vm", accepted)
  self:check(nil, canceled, nil, client:operation { publisher = "p", offer = "vm", operation_id = "1" })
end, { calls = { "plain", "tls" } })

-- Every place in which a location may come, and a call with a connection of its own.
scenario("locations", { "plain", "tls" }, function(self)
  local client = self:new_client()
  self:cancel(client, "inside", accepted)
  -- A relative one is libcurl's to resolve, whose parser may call a lack of memory a malformed URL.
  self:cancel(client, "other", function(result)
    if not result.location then self.outcome = "no location" end
    return result.location == nil or accepted(result)
  end)
  self:cancel(client, "vm", accepted, nil, { ca_file = CA_FILE, user_agent = "scenario", proxy = "" })
end)

scenario("name_lookup", { "lookup" }, function(self)
  self:cancel(self:new_client(), "vm", accepted)
end, { calls = { "lookup" } })

-- What the poller knows of sockets is kept by their numbers, and has to grow for these.
scenario("many_descriptors", { "plain", "lookup" }, function(self)
  local files = {}
  for n = 1, 80 do files[n] = io.open "/dev/null" end
  self:cancel(self:new_client(), "vm", accepted)
  for _, file in pairs(files) do file:close() end
end)

scenario("questions", { "plain", "tls" }, function(self)
  local client = self:new_client()
  self:check(nil, function(list) return #list == 2 and list[1].state == "running" end, nil,
    client:operations { publisher = "p", offer = "vm", status = "now running" })
  self:check(nil, function(answer) return answer.state == "canceled" end, nil,
    client:offer_status { publisher = "p", offer = "vm" })
end)

scenario("wait", { "plain", "tls" }, function(self)
  local client = self:new_client()
  local seen = 0
  local result = self:cancel(client, "vm", accepted)
  if not result then return end
  local operation = self:check(nil, canceled, nil, client:wait(result, { timeout = self.timeout,
    interval = 0.05, on_progress = function() seen = seen + 1 end }))
  if operation and seen == 0 then fail("no progress", operation) end
end, { calls = { "plain" } })

scenario("cancel_and_wait", { "tls" }, function(self)
  self:cancel(self:new_client(), "vm", canceled, nil, { wait = { timeout = self.timeout, interval = 0.05 } })
end)

for _, case in ipairs {
  { name = "wait_failed", kind = "failed", offer = "failing" },
  { name = "wait_runs_out", kind = "timeout", offer = "running", timeout = 0.03 },
  { name = "wait_stopped", kind = "stopped", offer = "running", should_stop = function() return true end },
} do
  scenario(case.name, { "plain" }, function(self)
    self:check(nil, case.kind, nil, self:new_client():wait({ publisher = "p", offer = case.offer, operation_id = "1" },
      { timeout = case.timeout or self.timeout, interval = 0.01, should_stop = case.should_stop }))
  end)
end

scenario("http_errors", { "plain", "tls" }, function(self)
  local client = self:new_client()
  for offer, status in pairs { missing = 404, bad = 400 } do
    local _, err = self:cancel(client, offer, "http", status)
    if err.kind == "http" and err.ambiguous then fail("a wrong err", nil, err) end
    if err.kind == "http" and not err.code then self.outcome = "no body" end -- its status says enough
  end
  local _, err = self:cancel(client, "broken", "http", 500)
  if err.kind == "http" and not err.ambiguous then fail("a wrong err", nil, err) end
  self:cancel(client, "moved", "protocol", 302)
end)

scenario("no_answer", { "plain", "tls" }, function(self)
  self:cancel(self:new_client(), "dropped", "network") -- ambiguous, if it was sent
end)

scenario("broken_answers", { "raw" }, function(self)
  local client = self:new_client()
  self:cancel(client, "reset", "network")
  self:cancel(client, "headers", "protocol")
  self:cancel(client, "body", "protocol", 200)
  self:cancel(client, "garbage", "protocol")
end)

scenario("deadline", { "raw" }, function(self)
  local client = self:new_client()
  local started = self.cpp.core.monotonic()
  self:cancel(client, "stall", "timeout", nil, { timeout = 0.05 })
  if self.cpp.core.monotonic() - started > 0.05 + SLACK then fail "the deadline was not held" end
end)

scenario("refused", { "refused" }, function(self)
  local _, err = self:cancel(self:new_client(), "vm", "network")
  if err.ambiguous then fail("a wrong err", nil, err) end
end)

scenario("too_large", { "plain" }, function(self)
  local client = self:new_client { max_response_bytes = 10 }
  self:check(nil, "protocol", 200, client:operation { publisher = "p", offer = "vm", operation_id = "1" })
end)

scenario("untrusted", { "plain" }, function(self)
  local client = self:new_client()
  for _, location in ipairs { "https://example.com/api/operations/1", "http://127.0.0.1:1/api/operations/1",
                              self.url:gsub("//", "//user:secret@") .. "/api/operations/1" } do
    local result, err = client:operation(location)
    if result or err.status then fail("trusted", result, err) end
    self:check(nil, "untrusted", nil, result, err)
  end
end)

scenario("misuse", { "plain" }, function(self)
  local client = self:new_client()
  for _, call in ipairs {
    {}, { publisher = "p" }, { publisher = "p", offer = ".." }, { publisher = "p", offer = "vm", emials = "x@y" },
    { publisher = "p", offer = "vm", emails = { "x@y", 5 } }, { publisher = "p", offer = "vm", base_url = "ftp://x" },
    { publisher = "p", offer = "vm", base_url = "http://example.com" },
  } do
    local done, problem = pcall(client.cancel, client, call)
    if done then fail "misuse did not raise" end
    if problem:find("memory", 1, true) then error(problem, 0) end
  end
end)

scenario("batch", { "plain", "tls" }, function(self)
  local list = {}
  for i, offer in ipairs { "vm", "vm", "missing", "vm" } do list[i] = self:call(offer) end
  local entries = self:new_client():cancel_all(list, { concurrency = 2, on_result = function() end })
  for i, call in ipairs(list) do
    local entry = entries[i]
    if entry.result == nil and entry.err == nil then fail "an item has no outcome" end
    self:check(call.client_request_id, call.offer == "vm" and accepted or "http", call.offer ~= "vm" and 404 or nil,
      entry.result, entry.err)
  end
end)

scenario("map", { "plain" }, function(self)
  local entries, failed = self:new_client():map({ 1, 2 }, function(item, client)
    if item == 2 then error("raised for lack of memory, says the scenario", 0) end
    return client:wait({ publisher = "p", offer = "vm", operation_id = "1" }, { timeout = self.timeout })
  end)
  if entries[2].err.kind ~= "raised" or failed < 1 then fail("what was raised is lost", entries[2].result) end
  self:check(nil, canceled, nil, entries[1].result, entries[1].err)
end)

scenario("reconcile", { "plain" }, function(self)
  local client = self:new_client()
  local running = function(answer) return answer.state == "running" and answer.operation ~= nil end
  self:check(nil, running, nil, client:reconcile { publisher = "p", offer = "vm" })
end)

scenario("retries", { "plain" }, function(self)
  local call = self:call("throttled", { retries = 1 })
  self.requests[call.client_request_id] = 2
  local _, err = self:check(call.client_request_id, "http", 429, self:new_client():cancel(call))
  if err.kind == "http" and err.attempts ~= 2 then fail("attempts are not counted", nil, err) end
end)

scenario("credentials", { "plain", "tls" }, function(self)
  local client = self:new_client { token = false, tenant = "contoso", client_id = "id", client_secret = context.SECRET,
                                   authority_url = self.url }
  self:cancel(client, "vm", accepted)
  local refused = { token = false, tenant = "unknown", client_id = "id", client_secret = context.SECRET,
                    authority_url = self.url }
  self:cancel(self:new_client(refused), "vm", "auth", 400)
end, { calls = { "plain" } })

scenario("identities", { "plain", "tls" }, function(self)
  local core = self:new_client().core
  local function granted(endpoint, options)
    options.authority_url = self.url .. (options.authority_url or "")
    local request = core:start(endpoint, options)
    while not request:done() do core:step() end
    self:check(nil, function(result) return result.status == 200 end, nil, request:result())
  end
  granted("token", { tenant = "contoso", client_id = "id", token = context.STALE_TOKEN })
  if self.transport == "plain" then
    granted("metadata", { authority_url = "/identity", api_version = "2019-08-01", scope = "https://cloudpartner.azure.com",
                          client_secret = context.IDENTITY_HEADER })
  end
end)

scenario("headers", { "plain" }, function(self)
  local client = self:new_client { headers = { ["X-Key"] = context.IDENTITY_HEADER, ["X-Other"] = "of the client" } }
  local call = { headers = { ["X-Other"] = context.STALE_TOKEN } }
  self:cancel(client, "vm", accepted, nil, call)
  self:cancel(client, "vm", accepted)
  local method, _, lines, body = client.core:describe("cancel", self:call("vm", call))
  if method ~= "POST" or not lines:find("X-Other", 1, true) or not body:find("jane", 1, true) then fail "a wrong description" end
end)

scenario("log", { "plain" }, function(self)
  local entries = {}
  local client = self:new_client { log = function(entry) entries[#entries + 1] = entry end }
  self:cancel(client, "vm", accepted)
  if self.outcome == "answered" and (#entries == 0 or entries[1].status ~= 202) then
    -- A log function that fails is warned of, and memory may have run out in it.
    self.outcome = "not logged"
  end
end)

scenario("close", { "plain", "raw" }, function(self)
  local client = self:new_client()
  local core = client.core
  local held = core:start("cancel", self:call(self.transport == "raw" and "stall" or "vm"), TOKEN)
  core:start("cancel", self:call(self.good), TOKEN)
  core:start("cancel", self:call(self.good), TOKEN):abort()
  core:step(0)
  client:close()
  client:close()
  local result, failure = held:result()
  if result and self.transport == "plain" then return end -- the server was quicker
  if failure == nil or failure.kind ~= "closed" and not MAY_BE[failure.kind] then
    fail("not closed: " .. tostring(failure and failure.kind), nil, failure)
  end
end)

scenario("dropped", { "plain" }, function(self)
  local loop = { await = function() coroutine.yield() end, sleep = function() coroutine.yield() end }
  local client = self:new_client { loop = loop }
  local closed = coroutine.create(function() return client:cancel(self:call "vm") end)
  local done, problem = coroutine.resume(closed)
  if not done then error(problem, 0) end
  client.core:step(0)
  coroutine.close(closed)
  local left = coroutine.create(function() return client:cancel(self:call "vm") end)
  done, problem = coroutine.resume(left)
  if not done then error(problem, 0) end
end, { after = function(self)
  if self.client then self.client.loop = require "cpp.loop.blocking" end
end })

scenario("core", ALL, function(self)
  local core = self:new_client().core
  local started, finished = 0, 0
  for _ = 1, 3 do
    core:start("cancel", self:call "vm", TOKEN) -- only the client holds it
    started = started + 1
  end
  while core:step() > 0 do end
  for request in function() return core:finished() end do
    finished = finished + 1
    local result, failure = request:result()
    if failure then self:note_err(failure) elseif not accepted(result) then fail("a wrong result", result) end
  end
  if started ~= finished then fail "a request completed twice, or never" end
end)

scenario("decode", { "plain" }, function(self)
  local decode = self.cpp.core.decode
  local text = '{"a":[1,{"b":null,"c":636576975611768314}],"d":"' .. ("\\u00e9x"):rep(800) .. '"}'
  local value = decode(text)
  if not value or value.a[1] ~= 1 or value.a[2].c ~= 636576975611768314 or #value.d ~= 2400 then
    fail "a wrong value"
  end
  if decode '{"a":' ~= nil then fail "accepted what is no JSON" end
end)

scenario("redact", { "plain" }, function(self)
  local spelled = context.SECRET:gsub("%W", function(c) return ("%%%02X"):format(c:byte()) end)
  for _, text in ipairs { context.SECRET, "a%20b " .. spelled .. (" \\u00e9"):rep(300), { { [spelled] = context.SECRET } } } do
    local shown = self.cpp.core.redact(text, 8192, { TOKEN, context.SECRET })
    if type(shown) == "table" then shown = next(shown[1]) .. shown[1][next(shown[1])] end
    if shown:find "part" or not shown:find("[redacted]", 1, true) then fail("a secret is seen", shown) end
  end
end)

scenario("many_addresses", { "plain" }, function(self)
  local client = self:new_client()
  self:cancel(client, "vm", accepted, nil, { emails = context.MANY_EMAILS })
  self:cancel(client, "vm", accepted, nil, { emails = table.concat(context.MANY_EMAILS, ",") })
end)

-- Responses that repeat what they were sent.

scenario("echoes", { "raw" }, function(self)
  local client = self:new_client()
  local function echoed(result) return accepted(result) and result.body ~= nil end
  self:cancel(client, "echo", echoed)
  self:cancel(client, "echo", echoed, nil, { emails = context.MANY_EMAILS })
  self:cancel(client, "echo_error", "http", 400, { emails = { table.unpack(context.MANY_EMAILS, 1, 4) } })
end)

scenario("notified", { "plain", "tls" }, function(self)
  self:check(nil, function(operation)
    return operation.state == "canceled"
  end, nil,
             self:new_client():operation { publisher = "p", offer = "notified", operation_id = "1" })
end)

scenario("echoed_credentials", { "raw" }, function(self)
  local client = self:new_client { token = false, tenant = "p", client_id = "id", client_secret = context.SECRET,
                                   authority_url = self.url }
  self:cancel(client, "vm", "auth", 400)
end, { after = function(self) self.client = nil end })

-- Whatever its length, a buffer that grows while a secret is in it is found.
scenario("secret_lengths", { "plain" }, function(self)
  local core = self:new_client().core
  for length = 1, 600, 23 do
    local filler = ("x"):rep(length)
    core:check("token", { tenant = "p", client_id = "id" .. filler:sub(1, 250), client_secret = context.SECRET .. filler })
    core:check("cancel", { publisher = "p", offer = "vm", emails = { context.MANY_EMAILS[1], filler .. "@many.example" } })
    core:start("cancel", { publisher = "p", offer = "vm", emails = filler .. "@many.example" }, TOKEN .. filler):abort()
  end
end)

scenario("renewed_token", { "plain", "tls" }, function(self)
  local tokens = { context.STALE_TOKEN, TOKEN }
  local client = self:new_client { token = function() return table.remove(tokens, 1) or TOKEN, 3600 end }
  local call = self:call "vm"
  self.requests[call.client_request_id] = 2
  self:check(call.client_request_id, accepted, nil, client:cancel(call))
end, { after = function(self) self.client = nil end }) -- its next POST may be refused as well

-- What must work once nothing fails any more: the scenario's client, if it was made, and a new one.

local function try_again(self, client)
  local err
  -- A connection that was hit may still be kept, and the next request on it fails: once.
  for _ = 1, 3 do
    local result
    result, err = client:cancel(self:call(self.good, { timeout = 10 }))
    if result then
      if not accepted(result) and self.good == "vm" then fail("a wrong result", result) end
      return
    end
  end
  fail("the client is not usable", nil, err)
end

local function default_after(self)
  self.cpp = require "cpp"
  if self.distrusted or self.name == "credentials" or self.transport == "refused" then self.url, self.client = URLS.tls, nil end
  -- OpenSSL does not get over it when memory runs out while it is initialised; libcurl does.
  if self.cold then self.url, self.client = URLS.plain, nil end
  if self.client and self.client.core:usable() then try_again(self, self.client) end
  try_again(self, self:new_client())
end

-- Adds to the file of that name what compare_requests reads.
local function record(requests)
  local name = os.getenv "HARNESS_REQUESTS"
  local file <close> = name and assert(io.open(name, "a"))
  for id, most in pairs(file and requests or {}) do file:write(id, " ", most, "\n") end
end

local harness = { secrets = context.SECRETS }

--- The scenarios for a kind of failure, those first that need a process in which nothing was done before.
-- @param what string: as in the command line of the harness
function harness.list(what)
  local list = {}
  for _, one in ipairs(scenarios) do
    local transports = what == "calls" and (one.calls or {}) or one.transports
    if what == "core" then transports = { transports[1] } end -- the module asks for the same memory over the others
    for _, transport in ipairs(transports) do
      list[#list + 1] = { name = one.name, transport = transport }
    end
  end
  return list
end

--- A scenario over a transport: the functions that run it, and their context.
function harness.prepare(name, transport)
  local chosen
  for _, one in ipairs(scenarios) do
    if one.name == name then chosen = one end
  end
  local self = setmetatable({
    id = name, name = name, url = URLS[transport], transport = transport, calls = 0, requests = {}, outcome = "answered",
    good = transport == "raw" and "once" or "vm", cold = chosen.cold or false,
    distrusted = name:find "^distrust" ~= nil,
  }, Context)
  if not chosen.cold then
    self.cpp = require "cpp"
    self.cpp.client({ token = TOKEN }):close() -- loads the modules, which the cold scenarios do where calls fail
  end
  local function run()
    chosen.run(self)
    return self.outcome
  end
  local function after()
    record(self.requests)
    if chosen.after then chosen.after(self) end
    default_after(self)
  end
  return run, after, self
end

return harness
