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

  -- Sends a cancel, and ends it step by step. Returns the result, or nil and the failure; and the longest step in seconds
  -- of CPU.
  local function run(client)
    local request = client.core:start("cancel", { publisher = "p", offer = "o", timeout = 10 }, Lab.TOKEN)
    local longest = 0
    while not request:done() do
      local before = os.clock()
      client.core:step(0.01)
      longest = math.max(longest, os.clock() - before)
    end
    local result, failure = request:result()
    return result, failure, longest
  end

  -- Starts the server, with a certificate if it needs one. Returns a client for it.
  local function start(mode, certificate)
    local files = certificate or {}
    server = Process.start { program, mode, files.certificate, files.key }
    return lab:client { base_url = "https://localhost:" .. server:read_line(), ca_file = certificates.ca_file }
  end

  local function assert_ends(client, kinds, sent)
    local _, failure, longest = run(client)
    assert.is_truthy(kinds[failure.kind], failure.kind)
    assert.equal(sent, failure.sent)
    assert.is_true(longest < LONGEST_STEP, longest)
  end

  for _, mode in ipairs { "key-updates", "tickets" } do
    it(("of TLS %s ends the call"):format(mode), function()
      assert_ends(start(mode, certificates.good), { network = true }, true)
    end)
  end

  it("is not what a long-lived connection gets: some TLS tickets with each response", function()
    local client = start("few-tickets", certificates.good)
    for _ = 1, 5 do assert.equal(202, assert(run(client)).status) end
  end)

  for _, mode in ipairs { "hello-requests", "fragments" } do
    it(("of %s in the handshake ends the call"):format(mode), function() assert_ends(start(mode), { tls = true }, false) end)
  end

  for _, mode in ipairs { "connect-body", "connect-extension" } do
    it(("of a proxy (%s) ends the call"):format(mode), function()
      server = Process.start { program, mode }
      local client = lab:client { base_url = "https://localhost:1", proxy = "http://127.0.0.1:" .. server:read_line() }
      assert_ends(client, { protocol = true, network = true }, false)
    end)
  end
end)
