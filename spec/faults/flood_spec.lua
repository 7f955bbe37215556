-- Floods of what reaches no callback of libcurl: a call ends before its deadline, and no step takes long.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local Process = require "spec.support.process"

local LONGEST_STEP = 0.3 -- seconds of CPU; a flood that is not bounded takes many seconds

-- A server that responds to the first bytes with HEAD, and with BLOCK again and again, as fast as the client takes it.
local REPEAT = [[
import socket, sys
head, block = map(bytes.fromhex, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection = listener.accept()[0]
connection.recv(65536)
connection.sendall(head)
try:
    while block:
        connection.sendall(64 * block)
    connection.recv(1)
except ConnectionError:
    pass
]]

describe("a flood", function()
  local certificates, program, lab, server

  setup(function()
    certificates = Certificates.make()
    program = os.tmpname()
    local build = ("${CC:-cc} -O1 -o '%s' spec/support/flood.c -lssl -lcrypto"):format(program)
    assert(os.execute(build), "flood.c cannot be built")
  end)
  teardown(function()
    os.remove(program)
    certificates:remove()
  end)
  before_each(function() lab = Lab.new() end)
  after_each(function()
    server:stop "sigterm"
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

  local function assert_ends(client, kinds, sent)
    local _, failure, longest = run(client)
    assert.is_truthy(kinds[failure.kind], failure.kind)
    assert.equal(sent, failure.sent)
    assert.is_true(longest < LONGEST_STEP, longest)
  end

  -- Starts flood.c, and returns a client for it.
  local function start_tls(mode)
    server = Process.start { program, mode, certificates.good.certificate, certificates.good.key }
    return lab:client { base_url = "https://localhost:" .. server:read_line(), ca_file = certificates.ca_file }
  end

  for _, mode in ipairs { "key-updates", "tickets" } do
    it(("of TLS %s ends the call"):format(mode), function() assert_ends(start_tls(mode), { network = true }, true) end)
  end

  it("is not what a long-lived connection gets: some TLS tickets with each response", function()
    local client = start_tls "few-tickets"
    for _ = 1, 5 do assert.equal(202, assert(run(client)).status) end
  end)

  local function record(bytes) return "\x16\3\3" .. string.pack(">s2", bytes) end

  local HELLO = record("\2\0\0\x2d\3\3" .. ("."):rep(32) .. "\0\xc0\x2f\0\0\5\xff\1\0\1\0")
  -- A certificate of 16,384 bytes in records of one byte. More of them than an honest handshake has: a flood without end would
  -- be too large sooner or later.
  local FRAGMENTS = ("\11\0\x40\0" .. ("\0"):rep(296)):gsub(".", record)
  local CONNECT = "HTTP/1.1 407 No\r\n"
  for what, row in pairs {
    -- 4,096 in a record: four zeros are one.
    ["HelloRequests in the handshake"] = { "", record(("\0"):rep(16384)) },
    ["fragments in the handshake"] = { HELLO .. FRAGMENTS, "" },
    ["a proxy (body)"] = { CONNECT .. "Content-Length: 9000000000\r\n\r\n", ("x"):rep(1000), proxy = true },
    ["a proxy (chunk extension)"] = { CONNECT .. "Transfer-Encoding: chunked\r\n\r\n1;", ("x"):rep(1000), proxy = true },
  } do
    it(("of %s ends the call"):format(what), function()
      local function hex(text) return (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)) end
      server = Process.start { "/usr/bin/python3", "-c", REPEAT, hex(row[1]), hex(row[2]) }
      local port = server:read_line()
      if row.proxy then
        local client = lab:client { base_url = "https://localhost:1", proxy = "http://127.0.0.1:" .. port }
        assert_ends(client, { protocol = true, network = true }, false)
      else
        assert_ends(lab:client { base_url = "https://localhost:" .. port }, { tls = true }, false)
      end
    end)
  end
end)
