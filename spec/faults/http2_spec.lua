-- HTTP/2, with many requests: what the table of cases has no words for.

local Certificates = require "spec.support.certificates"
local FaultServer = require "spec.support.fault_server"
local Lab = require "spec.support.lab"
local blocking = require "cpp.loop.blocking"
local Nginx = require "spec.support.nginx"
local Process = require "spec.support.process"

describe("over HTTP/2,", function()
  local certificates, lab
  setup(function()
    certificates = Certificates.make()
    Process.start({ "/bin/true" }):stop() -- luv keeps descriptors from its first process on
  end)
  teardown(function() certificates:remove() end)
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  it("requests share a connection", function()
    local faults = FaultServer.start(certificates)
    lab:finally(function() faults:finish() end)
    local listener = faults:listen { transport = "http2", steps = { { "answer", 200, {}, '{"status":"running"}' } } }
    local client = lab:client { base_url = listener.url, ca_file = certificates.ca_file, loop = blocking }
    for _ = 1, 3 do
      assert.equal("running", client:offer_status(Lab.OFFER).state)
    end
    client:close()
    local record = faults:stop(listener)
    assert.equal(3, #record.requests)
    assert.equal(1, record.connections)
  end)

  -- libcurl takes the connection for a kept one as soon as a second request is on it, and would then send the first one
  -- again. Whether it notices the end in the way that leads to that is chance: hence the rounds.
  it("requests that share a new connection count as sent when it ends", function()
    local faults = FaultServer.start(certificates)
    lab:finally(function() faults:finish() end)
    local listener = faults:listen {
      transport = "http2", steps = { { "pause", 0.05 }, { "goaway", "covering" }, { "cut" } },
    }
    for _ = 1, 8 do
      local core = lab:client { base_url = listener.url, ca_file = certificates.ca_file, loop = blocking }.core
      local requests = {}
      for i = 1, 3 do requests[i] = core:start("cancel", Lab.CALL, Lab.TOKEN) end
      while core:step() > 0 do end
      for _, request in ipairs(requests) do
        local result, failure = request:result()
        assert.is_nil(result)
        assert.is_true(failure.sent, failure.message)
      end
    end
  end)

  it("a server that answers without reading the body is answered or ambiguous, and nothing else", function()
    local nginx = Nginx.start(certificates, [[
      server { listen LISTEN_TLS_H2; location / { return 202; } }
    ]])
    lab:finally(function() nginx:stop() end)
    local client = lab:client { base_url = nginx.urls[1], ca_file = certificates.ca_file }
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
