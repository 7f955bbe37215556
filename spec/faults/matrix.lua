-- Every case of spec/faults/cases over one transport, driven by the blocking loop and by event loops. What always
-- holds is checked here; what a case has to end in stands in its row. Two files run it, so that they run at once:
--
--   require "spec.faults.matrix" (_ENV, "https")

local Certificates = require "spec.support.certificates"
local FaultServer = require "spec.support.fault_server"
local Lab = require "spec.support.lab"
local RealServers = require "spec.support.real_servers"
local all_cases = require "spec.faults.cases"
local core = require "cpp.core"
local cpp = require "cpp"
local drivers = require "spec.support.drivers"
local socket = require "socket"
local assert = require "luassert"
local virtual = require "spec.support.virtual"

local MARGIN = 0.1 -- seconds by which a deadline may be passed
local RETRIES = 2
local TIMEOUT = 10 -- seconds, which only a call that hangs meets

local KINDS = { http = true, auth = true, network = true, tls = true, timeout = true, protocol = true, untrusted = true }

local CALLS = {
  cancel = function(client) return client:cancel(Lab.CALL) end,
  cancel_without_emails = function(client) return client:cancel(Lab.OFFER) end,
  offer_status = function(client) return client:offer_status(Lab.OFFER) end,
  operation = function(client, location) return client:operation(location) end,
  cancel_and_wait = function(client)
    return client:cancel { publisher = "contoso", offer = "contoso-vm", emails = { Lab.EMAIL }, wait = { timeout = 5 } }
  end,
}
local METHODS = { offer_status = "GET", operation = "GET" }

-- The cases that this build can run over a transport.
local function cases_of(transport)
  local list = {}
  for _, case in ipairs(all_cases) do
    for _, possible in ipairs(case.transports) do
      if possible == transport then list[#list + 1] = case end
    end
  end
  return list
end

local function define_all(busted, transport)
  local it, setup, teardown, cases = busted.it, busted.setup, busted.teardown, cases_of(transport)
  local certificates, faults, healthy, canary, full, fillers, real

  -- Of a case: its text with the ports that are known only now.
  local fill

  setup(function()
    certificates = Certificates.make()
    faults = FaultServer.start(certificates)
    healthy = faults:listen { transport = transport }
    faults:heal(healthy)
    canary = assert(socket.bind("127.0.0.1", 0))
    canary:settimeout(0)
    -- As many connections as fit into the queue of a server that does not accept, and more.
    full, fillers = assert(socket.bind("127.0.0.1", 0, 0)), {}
    for i = 1, 4 do
      fillers[i] = socket.tcp4()
      fillers[i]:settimeout(0)
      fillers[i]:connect("127.0.0.1", (select(2, full:getsockname())))
    end
    local configured = {}
    for i, case in ipairs(cases) do
      configured[i] = setmetatable({ nginx = fill(case.nginx), transports = { transport } }, { __index = case })
    end
    real = RealServers.start(certificates, configured)
  end)

  teardown(function()
    real:stop()
    for _, filler in ipairs(fillers) do filler:close() end
    full:close()
    canary:close()
    faults:finish()
    certificates:remove()
  end)

  local function port_of(listener) return (select(2, listener:getsockname())) end

  -- The places in a row's texts that are known only now. The server fills in its own port.
  fill = function(value, listener)
    if type(value) == "table" then
      local filled = {}
      for key, inner in pairs(value) do filled[key] = fill(inner, listener) end
      return filled
    elseif type(value) ~= "string" then
      return value
    end
    local scheme, other = "https", "http"
    if transport == "http" then scheme, other = other, scheme end
    value = value:gsub("^S:", scheme .. ":"):gsub("^O:", other .. ":"):gsub("^U:", scheme:upper() .. ":")
      :gsub("%$CANARY", port_of(canary)):gsub("%$FULL", port_of(full)):gsub("%$CLOSED", Lab.closed_port)
    if listener then value = value:gsub("%$PORT", listener.port):gsub("%$WRAPPED", listener.port + 65536) end
    return value
  end

  local function listen(case)
    return faults:listen(fill({
      transport = transport, steps = case.steps, accept = case.accept, kept = case.kept, idle = case.idle,
      certificate = case.certificate, protocol = case.protocol, ciphers = case.ciphers,
    }))
  end

  -- The loop that a client is given. It counts how often each request is waited for, and, where no deadline
  -- is to be measured, pauses between attempts take no time.
  local function loop_of(driver, is_timed, requests)
    local inner = is_timed and driver.loop or virtual.new(nil, driver.loop)
    local loop = setmetatable({}, { __index = inner })
    function loop.await(core_client, request)
      inner.await(core_client, request)
      assert(request:done())
      requests[#requests + 1] = request
      requests[request] = (requests[request] or 0) + 1
    end
    return loop
  end

  -- Runs one call into the fault, and another one after it.
  local function run(case, driver, call)
    local base_url = real:url(case, transport) or case.base_url and fill(case.base_url)
    local listener = not base_url and listen(case)
    local seen = { requests = {}, returns = 0 }
    local is_timed = case.timeout or case.connect_timeout
    local options = {
      base_url = case.host and ("https://%s:%d"):format(case.host, listener.port)
        or base_url or listener.url,
      token = Lab.TOKEN, proxy = "", ca_file = certificates.ca_file, loop = loop_of(driver, is_timed, seen.requests),
      retries = is_timed and 0 or case.retries or RETRIES, timeout = case.timeout or TIMEOUT,
      connect_timeout = case.connect_timeout, max_response_bytes = case.max_response_bytes,
    }
    local client = cpp.client(options)
    driver.run(function()
      if case.kept then assert(CALLS[METHODS[call] and "offer_status" or "cancel"](client)) end
      if case.idle then faults:idle(listener) end
      local before = #seen.requests
      seen.elapsed, seen.all = Lab.seconds(function()
        seen.result, seen.err = CALLS[call](client, case.location and fill(case.location, listener))
        seen.returns = seen.returns + 1
      end)
      seen.attempts = #seen.requests - before
      seen.running, seen.finished = client.core:step(0), client.core:finished()
      if listener then faults:heal(listener) end
      seen.good, seen.problem = client:offer_status {
        publisher = "contoso", offer = "contoso-vm", base_url = not listener and healthy.url or nil,
        timeout = TIMEOUT, connect_timeout = TIMEOUT, retries = 0, max_response_bytes = 1000,
      }
      client:close()
    end)
    return seen, listener and faults:stop(listener)
  end

  local function matches(value, expected, words)
    if value ~= expected then
      error(("%s: expected %s, got %s"):format(words, tostring(expected), tostring(value)), 0)
    end
  end

  local function check_err(seen, expected, is_post)
    local err = seen.err
    assert.is_nil(seen.result)
    assert.is_table(err)
    assert.is_true(KINDS[err.kind])
    assert.is_string(err.message)
    -- libcurl's word for a transfer that we ended, which says nothing of why.
    assert.is_nil(err.message:find("callback", 1, true) or err.message:find("aborted", 1, true), err.message)
    assert.is_boolean(err.ambiguous)
    assert.is_boolean(err.retryable)
    assert.is_nil(tostring(err):find("%c"))
    Lab.assert_discreet(err)
    local function check(field, wanted) matches(err[field], wanted, tostring(err) .. ": " .. field) end
    if err.kind ~= expected.or_kind then check("kind", expected.kind) end
    check("status", expected.status)
    if expected.either then
      check("retryable", not err.ambiguous)
      if err.retryable then check("attempts", RETRIES + 1) end
    else
      check("ambiguous", expected.ambiguous)
      if expected.retryable ~= nil then check("retryable", expected.retryable) end
      if expected.attempts then check("attempts", expected.attempts) end
    end
    assert.is_false(err.ambiguous and err.retryable)
    assert.is_false(err.ambiguous and not is_post)
    assert.is_true(#(err.body or "") <= 2048)
    if expected.message then assert.is_truthy(err.message:find(expected.message)) end
    if expected.body then check("body", expected.body) end
  end

  local function check_result(seen, expected)
    if seen.err then error(tostring(seen.err), 0) end
    for field, value in pairs(expected) do
      matches(seen.result[field], value, field)
      matches(math.type(seen.result[field]), math.type(value), "type of " .. field)
    end
  end

  local function check_completions(seen)
    matches(seen.returns, 1, "times that the call returned")
    matches(seen.running, 0, "requests that still run")
    matches(seen.finished, nil, "request handed out a second time")
    for _, request in ipairs(seen.requests) do matches(seen.requests[request], 1, "times that a request was done") end
    if seen.err and seen.err.kind ~= "untrusted" then -- for that one nothing is waited for
      assert.is_true(seen.attempts >= seen.err.attempts, "fewer attempts than the err says")
    end
  end

  -- What the server saw: never a request more than attempts were made, and the right token in each.
  -- After such a refusal of a cancel, the client reads what runs.
  local ASKS_WHY = { [400] = true, [404] = true }

  local function check_record(case, record, seen, expected, method)
    matches(record.hanging, false, "connections that do not end")
    local met, good, looks = 0, 0, 0
    local asks_why = method == "POST" and seen.err and seen.err.kind == "http" and ASKS_WHY[seen.err.status]
    for _, request in ipairs(record.requests) do
      matches(request.authorization, "Bearer " .. Lab.TOKEN, "authorization")
      if request.good then
        good = good + 1
      elseif asks_why and request.method == "GET" then
        looks = looks + 1
      else
        met = met + 1
        matches(request.method, method, "method")
        if expected.target then matches(request.target, expected.target, "target") end
      end
    end
    assert.is_true(looks <= 1, ("%d looks"):format(looks))
    assert.is_true(met <= seen.attempts, ("%d requests, %d attempts"):format(met, seen.attempts))
    local wanted_good = 1 + (case.kept and 1 or 0) + (case.idle and seen.result and 1 or 0)
    matches(good, wanted_good, "good requests")
    if not case.idle and expected.requests then matches(met, expected.requests, "requests") end
    if expected.requests == 0 and not case.kept and not case.accept then matches(record.bytes, 0, "bytes of requests") end
    if expected.handshakes then matches(record.handshakes, expected.handshakes + 1, "handshakes") end
    if expected.connections then matches(record.connections, expected.connections + 1, "connections") end
  end

  -- nginx notes a request when it is done with it, which may be after its answer.
  local function check_requests(case, before, expected)
    local deadline = core.monotonic() + TIMEOUT
    repeat
      local met = real:requests(case, transport) - before
      if met == expected.requests then return end
    until met > expected.requests or core.monotonic() > deadline
    error(("%d requests, not %d"):format(real:requests(case, transport) - before, expected.requests), 0)
  end

  local function examine(case, driver, call, expected)
    local descriptors, before = Lab.descriptors(), real:requests(case, transport)
    local seen, record = run(case, driver, call)
    check_completions(seen)
    if expected.result or expected.or_result and seen.result then
      check_result(seen, expected.result or expected.or_result)
    else
      check_err(seen, expected, not METHODS[call])
    end
    if expected.kind == "timeout" then
      local limit = case.timeout or case.connect_timeout
      assert.is_true(seen.elapsed < limit + MARGIN and seen.all > limit - 0.01, ("took %g s"):format(seen.elapsed))
    end
    if seen.problem then error("the client is not usable: " .. tostring(seen.problem), 0) end
    assert.equal("running", seen.good.state)
    if before then check_requests(case, before, expected) end
    if record then check_record(case, record, seen, expected, METHODS[call] or "POST") end
    matches(canary:accept(), nil, "connection to the canary")
    matches(Lab.descriptors(), descriptors, "descriptors")
  end

  local function define(case, driver)
    it(("%s (%s, %s, %s)"):format(case.name, case.fault, transport, driver.name), function()
      for call, expected in pairs(case.calls) do
        local done, problem = pcall(examine, case, driver, call, expected)
        if not done then
          problem = type(problem) == "table" and problem.message or problem
          error(("%s: %s"):format(call, tostring(problem)), 0)
        end
      end
    end)
  end

  -- The loop of luv differs from that of cqueues only in how it waits, and what stalls takes its time: one
  -- transport will do there. A module that waits with curl_multi_poll has no descriptor that a loop could watch.
  local blocking, in_cqueues, in_luv = table.unpack(drivers)
  for _, case in ipairs(cases) do
    local is_last, takes_time = transport == case.transports[#case.transports], case.timeout or case.connect_timeout
    define(case, blocking)
    if core.poller == "epoll" then
      if is_last or not takes_time then define(case, in_cqueues) end
      if is_last and not takes_time then define(case, in_luv) end
    end
  end
end

return function(busted, transport)
  busted.describe("the fault #exhaustive", function() define_all(busted, transport) end)
end
