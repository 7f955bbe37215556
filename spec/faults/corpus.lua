-- Every row of spec/faults/responses over one transport, for a cancel (POST) and a call that reads (GET): the end of the
-- call; the server receives one request of it; the same client gets its own responses afterwards. Two files use it, so
-- that they run in parallel:
--
--   require "spec.faults.corpus" (_ENV, "https")

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local ResponseServer = require "spec.support.response_server"
local assert = require "luassert"
local corpus = require "spec.faults.responses"
local rows = require "spec.faults.responses.rows"

local TIMEOUT = 2 -- seconds, which only a call that hangs meets
local SOON = 1 -- seconds within which a response is refused
local MARGIN = 0.1 -- seconds by which a deadline may be passed
local PATIENCE = 1 -- seconds for the server's part of a row

local KINDS = { http = true, network = true, tls = true, timeout = true, protocol = true, untrusted = true }

local CALLS = {
  POST = { http = function(client) return client:cancel(Lab.CALL) end },
  GET = {
    http = function(client) return client:offer_status(Lab.OFFER) end,
    https = function(client) return client:operation(rows.location "row") end,
  },
}
CALLS.POST.https = CALLS.POST.http

local function check(name, value, expected)
  if value ~= expected then error(("%s: expected %s, got %s"):format(name, tostring(expected), tostring(value)), 0) end
end

local function check_failure(err, expected, method)
  assert.is_table(err)
  if not KINDS[err.kind] then error("not a kind of this table: " .. tostring(err), 0) end
  assert.is_string(err.message)
  assert.is_nil(tostring(err):find "%c")
  Lab.assert_discreet(err)
  if err.kind ~= expected.or_kind then check(tostring(err) .. ": kind", err.kind, expected.kind) end
  if expected.status == "none" then
    check(tostring(err) .. ": status", err.status, nil)
  elseif expected.status then
    check(tostring(err) .. ": status", err.status, expected.status)
  end
  if method == "GET" then
    check("ambiguous", err.ambiguous, false)
  elseif expected.ambiguous ~= "either" then
    check(tostring(err) .. ": ambiguous", err.ambiguous, expected.ambiguous ~= false)
    check("retryable", err.retryable, false)
  end
  check("attempts", err.attempts, 1)
end

local function check_result(result, err, expected)
  if not result then error(tostring(err), 0) end
  for field, value in pairs(expected.result) do check(field, result[field], value) end
  for _, field in ipairs(expected.absent or {}) do check(field, result[field], nil) end
  for field, value in pairs(expected.never or {}) do
    if result[field] == value then error(("%s is %s"):format(field, tostring(value)), 0) end
  end
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

  -- Runs the server until `condition()` holds, with or without steps of the client.
  local function serve_until(client, condition, words, untouched)
    local waited = 0
    while not condition() do
      if waited > PATIENCE then error(words, 0) end
      waited = waited + Lab.seconds(function()
        if not untouched then client.core:step(0) end
        lab.tasks:turn(0.002)
      end)
    end
  end

  -- One good call: the response is its own, and the server sees one request.
  local function check_good(client, server, method)
    local before = #server.requests
    local result, err
    if method == "POST" then
      result, err = client:cancel { publisher = "contoso", offer = "contoso-vm", timeout = 10, retries = 0 }
    else
      result, err = client:offer_status { publisher = "contoso", offer = "contoso-vm", timeout = 10, retries = 0 }
    end
    if not result then error("a good " .. method .. " afterwards: " .. tostring(err), 0) end
    check("the id in a good response to a " .. method, method == "POST" and result.operation_id or result.id, server:id())
    check("requests of a good " .. method, #server.requests - before, 1)
    check("method", server.requests[#server.requests].method, method)
    return server.requests[#server.requests].connection
  end

  local function check_time(row, expected, seconds, all)
    if expected.kind == "timeout" then
      local limit = row.timeout or TIMEOUT
      if all < limit - 0.01 or seconds > limit + MARGIN then error(("took %.3f s of %g s"):format(all, limit), 0) end
    elseif seconds > SOON then
      error(("took %.3f s"):format(seconds), 0)
    end
  end

  -- The client has closed the row's connection, or the server has.
  local function check_closed(client, server)
    local connection = server.script.connection
    serve_until(client, function() return not connection.socket end, "the connection is still open")
  end

  local function examine(row, method)
    local expected = row.expected[method]
    local server = ResponseServer.start(lab, transport == "https" and context or nil)
    lab:virtual_clock() -- a repeated attempt shows at once
    local client = lab:client {
      base_url = server.url, ca_file = certificates.ca_file, timeout = row.timeout or TIMEOUT,
      retries = method == "POST" and 2 or 0, max_response_bytes = row.max_response_bytes,
    }
    server:meet(row.steps, row.kept)
    if row.kept then check_good(client, server, method) end

    local before, returns = #server.requests, 0
    local result, err
    local seconds, all = lab:elapsed(function()
      result, err = CALLS[method][transport](client)
      returns = returns + 1
    end)
    server.returned = true
    -- After such a refusal of a cancel, the client reads what runs.
    local asks_why = method == "POST" and err and err.kind == "http" and (err.status == 400 or err.status == 404)
    check("requests", #server.requests - before, asks_why and 2 or 1)
    check("method", server.requests[before + 1].method, method)
    if asks_why then check("method of the look", server.requests[before + 2].method, "GET") end
    check("returns", returns, 1)
    if row.kept then check("the connection of the row", server.script.connection.number, 1) end
    if expected.result and (result or not expected.or_kind) then
      check_result(result, err, expected)
    elseif result then
      error(("succeeded: status %s, state %s, location %s"):format(tostring(result.status), tostring(result.state),
        tostring(result.location)), 0)
    elseif expected.result then
      assert.is_true(KINDS[err.kind] or err.kind == "failed", tostring(err))
    else
      check_failure(err, expected, method)
    end
    check_time(row, expected, seconds, all)
    if expected.closed then check_closed(client, server) end

    if row.idle then
      serve_until(client, function() return server.script.done end, "the script does not end", row.idle == "untouched")
    end
    local used = check_good(client, server, method)
    if expected.closed and used == server.script.connection.number then error("the connection is used again", 0) end
    check_good(client, server, method == "POST" and "GET" or "POST")
  end

  -- Where both methods have to end in the same, a GET over one of the transports will do.
  local function methods_of(row, i)
    local expected, methods = row.expected, {}
    if row.transport and row.transport ~= transport then return methods end
    if expected.POST then methods[1] = "POST" end
    if expected.GET and (expected.GET ~= expected.POST or row.transport or i % 2 == (transport == "http" and 0 or 1)) then
      methods[#methods + 1] = "GET"
    end
    return methods
  end

  for i, row in ipairs(corpus) do
    local methods = methods_of(row, i)
    if #methods > 0 then
      it(("%s: %s (%s)"):format(row.class, row.name, transport), function()
        local problems = {}
        for _, method in ipairs(methods) do
          local done, problem = pcall(examine, row, method)
          if not done then
            problem = type(problem) == "table" and problem.message or problem
            problems[#problems + 1] = ("%s: %s"):format(method, tostring(problem))
          end
        end
        if #problems > 0 then error(table.concat(problems, "\n"), 0) end
      end)
    end
  end
end

return function(busted, transport)
  busted.describe("the response #exhaustive", function() define_all(busted, transport) end)
end
