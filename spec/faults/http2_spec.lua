-- HTTP/2: a stream that was certainly not processed may be sent again, within our own count; any other
-- end without an answer is ambiguous; and an answer that is whole counts, however its stream ended.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local Nginx = require "spec.support.nginx"
local Process = require "spec.support.process"

local PROGRAM = debug.getinfo(1, "S").source:match("^@(.*)faults/[^/]*$") .. "support/h2server.py"

describe("over HTTP/2,", function()
  local certificates, lab
  setup(function()
    certificates = Certificates.make()
    Process.start({ "/bin/true" }):stop() -- luv keeps descriptors from its first process on
  end)
  teardown(function() certificates:remove() end)
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  -- Starts the misbehaving server. `requests()` gives its lines: one for each request that it saw.
  local function serve(behaviour)
    local process = Process.start {
      "/usr/bin/python3", PROGRAM, certificates.good.certificate, certificates.good.key, behaviour,
    }
    lab:finally(function() process:stop() end)
    local port = process:read_line()
    return {
      url = "https://localhost:" .. port,
      requests = function() return process:read_lines() end,
    }
  end

  local function client_of(server, options)
    options = options or {}
    options.base_url, options.ca_file = server.url, certificates.ca_file
    return lab:client(options)
  end

  it("requests share a connection", function()
    local server = serve "answer"
    local client = client_of(server)
    for _ = 1, 3 do
      assert.equal("running", client:offer_status(Lab.OFFER).state)
    end
    assert.same({ "1 1 GET", "1 3 GET", "1 5 GET" }, server.requests())
  end)

  -- Ends without an answer. What is not said to be unprocessed is ambiguous; libcurl does not always let
  -- us see that it was said (`either`).
  for behaviour, expected in pairs {
    refused = { ambiguous = false },
    ["goaway-before"] = { either = true },
    ["goaway-after"] = { ambiguous = true },
    internal = { ambiguous = true },
    ["reset-headers"] = { ambiguous = true },
    ["reset-at-once"] = { ambiguous = true },
    close = { ambiguous = true },
  } do
    local function check(err, kept)
      lab:assert_failure(err, { kind = "network" })
      assert.are_not.equal(err.ambiguous, err.retryable)
      if not expected.either and not (kept and not expected.ambiguous) then
        assert.equal(expected.ambiguous, err.ambiguous)
      end
    end

    it("the end " .. behaviour .. " says whether the request may have been processed", function()
      local server = serve(behaviour)
      local client = client_of(server)
      local result, err = client:cancel(Lab.CALL)
      assert.is_nil(result)
      check(err)
      assert.same({ "1 1 POST" }, server.requests())
      lab:assert_usable(client, lab:server())
    end)

    it("the end " .. behaviour .. " leads to no more requests than attempts", function()
      local server = serve(behaviour)
      lab:virtual_clock()
      local client = client_of(server, { retries = 2, timeout = 300 })
      local _, err = client:cancel(Lab.CALL)
      check(err, true) -- from the second attempt on
      assert.equal(err.attempts, #server.requests())
      if expected.ambiguous then assert.equal(1, err.attempts) end
      if expected.ambiguous == false then assert.is_true(err.attempts > 1) end
    end)

    it("the end " .. behaviour .. " on a kept connection does not send a POST again unseen", function()
      local server = serve("kept-" .. behaviour)
      local client = client_of(server)
      assert.is_table(client:cancel(Lab.CALL))
      local result, err = client:cancel(Lab.CALL)
      assert.is_nil(result)
      check(err, true)
      assert.equal(1, err.attempts)
      assert.same({ "1 1 POST", "1 3 POST" }, server.requests())
      lab:assert_usable(client, lab:server())
    end)
  end

  for _, behaviour in ipairs {
    "reset-complete", "reset-whole-body", "never-ends", "cancel-complete", "goaway-answer",
  } do
    it("an answer that is whole counts (" .. behaviour .. ")", function()
      local server = serve(behaviour)
      local client = client_of(server)
      for i = 1, 5 do
        local status, err = client:offer_status(Lab.OFFER)
        assert.is_nil(err)
        assert.equal("running", status.state)
        assert.equal(i, #server.requests())
      end
    end)
  end

  it("an answer whose body is cut by RST_STREAM (NO_ERROR) is a protocol error", function()
    local server = serve "reset-cut"
    local client = client_of(server)
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "protocol", status = 200, ambiguous = true, retryable = false })
    _, err = client:offer_status(Lab.OFFER)
    lab:assert_failure(err, { kind = "protocol", status = 200, ambiguous = false, retryable = true })
    lab:assert_usable(client, lab:server())
  end)

  it("a server that answers without reading the body is answered, or ambiguous at once", function()
    local server = serve "unread"
    local client = client_of(server)
    for i = 1, 20 do
      local result, err = client:cancel(Lab.CALL)
      if result then
        assert.equal(202, result.status)
      else
        lab:assert_failure(err, { kind = "network", ambiguous = true, retryable = false })
      end
      assert.equal(i, #server.requests())
    end
  end)

  it("a server that answers without reading the body is answered or ambiguous, and nothing else", function()
    local nginx = Nginx.start(certificates, [[
      server { listen LISTEN_TLS_H2; location / { return 202; } }
    ]])
    lab:finally(function() nginx:stop() end)
    local client = client_of { url = nginx.urls[1] }
    local answered, ambiguous = 0, 0
    for _ = 1, 20 do
      local requests = {}
      for i = 1, 20 do requests[i] = client.core:start("cancel", Lab.CALL, Lab.TOKEN) end
      for _, request in ipairs(requests) do
        lab.loop.await(client.core, request)
        local result, failure = request:result()
        if result then
          assert.equal(202, result.status)
          answered = answered + 1
        else
          assert.is_true(failure.sent)
          assert.equal("network", failure.kind)
          assert.is_nil(failure.status)
          ambiguous = ambiguous + 1
        end
      end
    end
    assert.equal(400, answered + ambiguous)
    assert.is_true(answered > 300, "too few were answered: " .. answered)
  end)
end)
