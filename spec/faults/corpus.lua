-- Every row of spec/faults/responses over one transport, for a cancel (POST) and a call that reads (GET): the end of the
-- call; the server receives one request of it; the same client gets its own responses afterwards. Two files use it, so
-- that they run in parallel:
--
--   require "spec.faults.corpus" (_ENV, "https")

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local assert = require "luassert"
local core = require "cpp.core"
local corpus = require "spec.faults.responses"
local rows = require "spec.faults.responses.rows"
local scheduler = require "spec.support.scheduler"

local TIMEOUT = 2 -- seconds, which only a call that hangs meets
local SOON = 1 -- seconds within which a response is refused
local MARGIN = 0.1 -- seconds by which a deadline may be passed
local PATIENCE = 2 -- seconds for the server's part of a row
local BLOCK = 8192 -- bytes of one write of an endless step
local TURN = 0.001 -- seconds between two looks for an event

-- A step of a script: whether the connection goes on.
local steps = {}

function steps.send(connection, step) return connection:send(step.send) end

function steps.each(connection, step) return connection:drip(step.each, step.every or 0) end

function steps.pause(_, step)
  scheduler.pause(step.pause)
  return true
end

function steps.endless(connection, step)
  local block = step.endless:rep(math.max(1, BLOCK // #step.endless))
  while connection:send(block) do end -- luacheck: ignore
end

function steps.returned(connection)
  while not connection.server.returned do scheduler.pause(TURN) end
  return true
end

for _, how in ipairs { "close", "cut", "reset" } do
  steps[how] = function(connection) connection[how](connection) end
end

-- Whether the connection goes on.
local function play(connection, list)
  for _, step in ipairs(list) do
    for key in pairs(step) do
      if steps[key] and not steps[key](connection, step) then return false end
    end
  end
  return true
end

-- A good response names the number of its request, so that the client sees whose response it got.
local function id_of(number) return "request-" .. number end

local function send_good(connection, request, number)
  local id = id_of(number)
  if request.method == "POST" then return connection:answer(202, { "Location: " .. rows.location(id) }) end
  return connection:answer(200, nil, ('{"status":"running","id":"%s"}'):format(id))
end

-- Plays the script of the server for one request, and responds well to the others.
local function serve(server, connection)
  while true do
    local request = connection:read_request()
    if not request then return end
    local script = server.script
    if script and not script.connection and script.after == 0 then
      script.connection = connection
      local goes_on = play(connection, script.steps)
      script.done = true
      if not goes_on then return end
    else
      if script then script.after = script.after - 1 end
      if not send_good(connection, request, #server.requests) then return end
    end
  end
end

local CALLS = {
  POST = function(client) return client:cancel(Lab.CALL) end,
  GET = function(client, transport)
    if transport == "http" then return client:offer_status(Lab.OFFER) end
    return client:operation(rows.location "row")
  end,
}

local function check_failure(err, expected, method)
  local is_post = method == "POST"
  local status, ambiguous = expected.status, is_post and expected.ambiguous ~= false
  if status == nil then status = err.status elseif status == "none" then status = nil end
  if is_post and expected.ambiguous == "either" then ambiguous = nil end
  Lab.assert_failure(nil, err, { kind = err.kind ~= expected.or_kind and expected.kind or nil, status = status, attempts = 1,
                                 ambiguous = ambiguous, retryable = not is_post and nil }) -- nil: not checked
  assert.equal(expected.body or err.body, err.body)
end

local function define_all(busted, transport)
  local it, setup, teardown = busted.it, busted.setup, busted.teardown
  local certificates, context, lab

  setup(function()
    certificates = Certificates.make()
    context = certificates:server "good"
  end)
  teardown(function() certificates:remove() end)
  busted.before_each(function() lab = Lab.new() end)
  busted.after_each(function() lab:close() end)

  -- Runs the server until `condition()` holds, with steps of the client or without one.
  local function serve_until(condition, words, client)
    local waited = 0
    while not condition() do
      if waited > PATIENCE then error(words, 0) end
      waited = waited + Lab.seconds(function()
        if client then client.core:step(0) end
        lab.tasks:turn(0.002)
      end)
    end
  end

  -- One good call: the response is its own, and the server sees one request.
  local function check_good(client, server, method)
    local before, is_post = #server.requests, method == "POST"
    local call = setmetatable({ timeout = 10, retries = 0 }, { __index = Lab.OFFER })
    local result = assert(client[is_post and "cancel" or "offer_status"](client, call))
    local request = server.requests[#server.requests]
    assert.same({ id_of(#server.requests), 1, method },
      { is_post and result.operation_id or result.id, #server.requests - before, request.method })
    return request.connection
  end

  local function examine(row, method)
    local expected = row.expected[method]
    local server = lab:server()
    server.url = server.url:gsub("^http:", transport .. ":")
    server:always(function(connection)
      if transport == "http" or connection:start_tls(context) then serve(server, connection) end
    end)
    lab:virtual_clock() -- a repeated attempt shows at once
    local client = lab:client {
      base_url = server.url, ca_file = certificates.ca_file, timeout = row.timeout or TIMEOUT,
      retries = method == "POST" and 2 or 0, max_response_bytes = row.max_response_bytes,
    }
    server.script = { steps = row.steps, after = row.kept and 1 or 0 }
    if row.kept then check_good(client, server, method) end

    local before = #server.requests
    local result, err
    local seconds, all = lab:elapsed(function() result, err = CALLS[method](client, transport) end)
    server.returned = true
    local sent = {}
    for i = before + 1, #server.requests do sent[#sent + 1] = server.requests[i].method end
    -- After such a refusal of a cancel, the client reads what runs.
    local asks_why = method == "POST" and err and err.kind == "http" and (err.status == 400 or err.status == 404)
    assert.same({ method, asks_why and "GET" or nil }, sent)
    if row.kept then assert.equal(1, server.script.connection.number) end
    if not result and not expected.result then
      check_failure(err, expected, method)
    elseif not result then
      assert.is_true(expected.or_kind, tostring(err))
    else
      assert.is_table(expected.result, "it succeeded")
      for field, value in pairs(expected.result) do assert.equal(value, result[field], field) end
      for _, field in ipairs(expected.absent or {}) do assert.is_nil(result[field], field) end
      for field, value in pairs(expected.never or {}) do assert.not_equal(value, result[field], field) end
    end
    local limit, is_late = row.timeout or TIMEOUT, expected.kind == "timeout"
    assert.is_true(not is_late or all > limit - 0.01, "took " .. all)
    assert.is_true(seconds < (is_late and limit + MARGIN or SOON), "took " .. seconds)
    if expected.closed then -- by the client or the server
      serve_until(function() return not server.script.connection.socket end, "the connection is still open", client)
    end
    if row.idle then
      serve_until(function() return server.script.done end, "the script does not end", row.idle == "stepped" and client)
    end
    if row.rest then
      local over = core.monotonic() + row.rest
      serve_until(function() return core.monotonic() > over end, "the server has no turn")
    end
    local is_reused = check_good(client, server, method) == server.script.connection.number
    assert.is_false(expected.closed and is_reused or false, "the connection is used again")
    if row.reused ~= nil then assert.equal(row.reused, is_reused) end
    check_good(client, server, method == "POST" and "GET" or "POST")
  end

  -- Where both methods have to end in the same, a GET over one of the transports will do.
  local function methods_of(row, i)
    local post, get = row.expected.POST, row.expected.GET
    return { POST = post, GET = (get ~= post or i % 2 == (transport == "http" and 0 or 1)) and get or nil }
  end

  for i, row in ipairs(corpus) do
    it(("%s: %s (%s)"):format(row.class, row.name, transport), function()
      for method in pairs(methods_of(row, i)) do
        local done, problem = pcall(examine, row, method)
        if not done then error(("%s: %s"):format(method, type(problem) == "table" and problem.message or problem), 0) end
      end
    end)
  end
end

return function(busted, transport)
  busted.describe("the response #exhaustive", function() define_all(busted, transport) end)
end
