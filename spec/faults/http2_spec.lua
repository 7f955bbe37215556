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

  -- A listener, and a client of it that blocks: the server is another process.
  local function serve(order)
    local faults = FaultServer.start(certificates)
    lab:finally(function() faults:finish() end)
    order.transport = "http2"
    local listener = faults:listen(order)
    return faults, listener, lab:client { base_url = listener.url, ca_file = certificates.ca_file, loop = blocking }
  end

  it("requests share a connection", function()
    local faults, listener, client = serve { steps = { { "answer", 200, {}, '{"status":"running"}' } } }
    for _ = 1, 3 do
      assert.equal("running", client:offer_status(Lab.OFFER).state)
    end
    client:close()
    local record = faults:stop(listener)
    assert.equal(3, #record.requests)
    assert.equal(1, record.connections)
  end)

  it("a connection on which a request met its deadline lasts for the others on it, and not longer", function()
    local faults, listener, client = serve { steps = {}, kept = true }
    assert.is_table(client:cancel(Lab.CALL))
    local requests = {}
    for i, timeout in ipairs { 0.1, 0.2 } do
      requests[i] = client.core:start("cancel", { publisher = "contoso", offer = "contoso-vm", timeout = timeout }, Lab.TOKEN)
    end
    for i = 1, 2 do
      blocking.await(client.core, requests[i])
      assert.equal("timeout", select(2, requests[i]:result()).kind)
    end
    faults:heal(listener)
    assert.is_table(client:cancel(Lab.CALL))
    client:close()
    local connections = {}
    for i, request in ipairs(faults:stop(listener).requests) do connections[i] = request.connection end
    assert.same({ 1, 1, 1, 2 }, connections)
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
