-- The table of cases: what a server, or the way to it, does to a request, and what the call has to end in.
-- spec/faults/matrix.lua runs each case over each of its transports in each loop.
--
-- A row:
--   fault       which of spec/faults/cases/faults.lua it is a case of
--   name        what is wrong, in words; unique
--   any (http and https), http, https
--               exactly one of them: the transports, and the server's steps for a request
--               (spec/support/fault_connections.py)
--   calls       by the name of a call what it has to end in (spec/faults/cases/expect.lua)
-- and, where it matters:
--   accept, kept, idle, certificate, protocol, ciphers   see the server
--   location    of the operation that is asked for; S is the scheme, O the other one, U it in capitals
--   base_url    instead of the server's own
--   nginx, s_server   the server is one of these, so configured (spec/support/real_servers.lua)
--   timeout, connect_timeout (seconds), retries, max_response_bytes   of the client
--   host        of the URL, instead of 127.0.0.1

local cases = {}

local TRANSPORTS = { any = { "http", "https" }, http = { "http" }, https = { "https" } }

local function complete(row)
  for key, transports in pairs(TRANSPORTS) do
    if row[key] then
      assert(not row.steps, row.name)
      row.steps, row.transports = row[key], transports
    end
  end
  assert(row.steps and row.calls and next(row.calls), row.name)
end

for _, part in ipairs { "connections", "answers", "tls", "redirects", "locations", "servers" } do
  for _, row in ipairs(require("spec.faults.cases." .. part)) do
    complete(row)
    cases[#cases + 1] = row
  end
end

return cases
