-- Floods of what reaches no callback of libcurl: a call ends before its deadline, and no step takes long.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local Process = require "spec.support.process"

local LONGEST_STEP = 0.3 -- seconds of CPU; a flood that is not bounded takes many seconds

describe("a flood", function()
  local certificates, program, lab, server

  setup(function()
    certificates = Certificates.make()
    program = os.tmpname()
    local build = ("${CC:-cc} -O1 -o '%s' spec/support/flood.c -lssl -lcrypto -lpthread"):format(program)
    assert(os.execute(build), "flood.c cannot be built")
  end)
  teardown(function()
    os.remove(program)
    certificates:remove()
  end)
  before_each(function() lab = Lab.new() end)
  after_each(function()
    server:stop()
    lab:close()
  end)

  -- Ends the call, step by step. Returns the failure, and the longest step in seconds of CPU.
  local function run(client, timeout)
    local request = client.core:start("cancel", { publisher = "p", offer = "o", timeout = timeout }, Lab.TOKEN)
    local longest = 0
    while not request:done() do
      local before = os.clock()
      client.core:step(0.01)
      longest = math.max(longest, os.clock() - before)
    end
    local result, failure = request:result()
    return failure or result, longest
  end

  for _, mode in ipairs { "key-updates", "tickets" } do
    it(("of TLS %s ends the call"):format(mode), function()
      local tls = certificates.good
      server = Process.start { program, mode, tls.certificate, tls.key }
      local client = lab:client { base_url = "https://localhost:" .. server:read_line(), ca_file = certificates.ca_file }
      local failure, longest = run(client, 10)
      assert.equal("network", failure.kind)
      assert.is_true(failure.sent)
      assert.is_true(longest < LONGEST_STEP, longest)
    end)
  end

  it("is not what a long-lived connection gets: some TLS tickets with each response", function()
    local tls = certificates.good
    server = Process.start { program, "few-tickets", tls.certificate, tls.key }
    local client = lab:client { base_url = "https://localhost:" .. server:read_line(), ca_file = certificates.ca_file }
    for _ = 1, 5 do assert.equal(202, run(client, 10).status) end
  end)

  for _, mode in ipairs { "hello-requests", "fragments" } do
    it(("of %s in the handshake ends the call"):format(mode), function()
      server = Process.start { program, mode }
      local client = lab:client { base_url = "https://localhost:" .. server:read_line() }
      local failure, longest = run(client, 10)
      assert.equal("tls", failure.kind)
      assert.is_false(failure.sent)
      assert.is_true(longest < LONGEST_STEP, longest)
    end)
  end

  for _, mode in ipairs { "connect-body", "connect-extension" } do
    it(("of a proxy (%s) ends the call"):format(mode), function()
      server = Process.start { program, mode }
      local client = lab:client { base_url = "https://localhost:1", proxy = "http://127.0.0.1:" .. server:read_line() }
      local failure, longest = run(client, 10)
      assert.is_true(failure.kind == "protocol" or failure.kind == "network", failure.kind)
      assert.is_false(failure.sent)
      assert.is_true(longest < LONGEST_STEP, longest)
    end)
  end
end)
