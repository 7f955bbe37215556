-- What happens on a kept connection while it is idle, for 5 ms to 2 s, over HTTP and over TLS: the next request gets its
-- own response, is sent once, and goes over a new connection unless nothing has happened.

local Certificates = require "spec.support.certificates"
local Lab = require "spec.support.lab"
local ResponseServer = require "spec.support.response_server"
local rows = require "spec.faults.responses.rows"
local scheduler = require "spec.support.scheduler"

local STRAY = rows.respond(202, { "Location: " .. rows.location "stray", "Content-Length: 0" })

-- What the server does with the idle connection.
local BEHAVIOURS = {
  ["keeps quiet"] = {},
  ["closes it"] = { { close = true } },
  ["closes it without close_notify"] = { { cut = true } },
  ["resets it"] = { { reset = true } },
  ["sends a stray response"] = { { send = STRAY } },
  ["sends a stray response and closes it"] = { { send = STRAY }, { close = true } },
  ["sends half a response"] = { { send = STRAY:sub(1, 30) } },
  ["sends a blank line"] = { { send = "\r\n" } },
}

describe("while a kept connection is idle", function()
  local certificates, context, lab

  setup(function()
    certificates = Certificates.make()
    context = certificates:server "good"
  end)
  teardown(function() certificates:remove() end)
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  local function cancel(pair)
    local before = #pair.server.requests
    local result, err = pair.client:cancel(Lab.CALL)
    assert.is_nil(err, pair.name .. ": " .. tostring(err))
    assert.equal(before + 1, #pair.server.requests, pair.name)
    return result
  end

  -- A client and a server that will do this with the connection of the first request.
  local function start(name, steps, transport)
    local server = ResponseServer.start(lab, transport == "https" and context or nil)
    local pair = { name = ("%s over %s"):format(name, transport), server = server, quiet = #steps == 0 }
    pair.client = lab:client { base_url = server.url, ca_file = certificates.ca_file, retries = 0 }
    server:meet { { send = rows.respond(202, { "Content-Length: 0" }) }, { returned = true }, table.unpack(steps) }
    cancel(pair)
    server.returned = true
    return pair
  end

  for _, seconds in ipairs { 0.005, 0.3, 1.1, 2 } do
    it(("for %g s, the next request gets its own response"):format(seconds), function()
      local pairs_of = {}
      for name, steps in pairs(BEHAVIOURS) do
        for _, transport in ipairs { "http", "https" } do
          pairs_of[#pairs_of + 1] = start(name, steps, transport)
        end
      end
      local over = false
      lab.tasks:spawn(function()
        scheduler.pause(seconds)
        over = true
      end)
      while not over do lab.tasks:turn(1) end
      for _, pair in ipairs(pairs_of) do
        assert.equal("request-2", cancel(pair).operation_id, pair.name)
        assert.equal(pair.quiet and 1 or 2, #pair.server.connections, pair.name)
        assert.equal("request-3", cancel(pair).operation_id, pair.name)
      end
    end)
  end
end)
