-- The status line: read strictly, since libcurl finds a status where there is none.

local Lab = require "spec.support.lab"

local ACCEPTED = { "HTTP/1.1 200 OK", "HTTP/1.0 200", "HTTP/1.1 200 ", "HTTP/1.1  200 OK" }

local REFUSED = {
  "HTTP/", "HTTP/yes", "HTTP/1", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 abc", "HTTP/1.1 2x0",
  "HTTP/1.1 20x", "HTTP/1.1 099 OK", "HTTP/1.1 -20 OK", "HTTP/1.1\t200 OK", "HTTP/.1 200 OK", "HTTP/x 200 OK", "HTTP/@2.0 600",
  "HTTP/2222", "HTTP/2200 OK", "HTTP/2 2222", "HTTP/2  ", "HTTP/2 200 OK", "HTTP/3 200 OK", "HTTP/7.3 200 OK", "HTTP/1.1200 OK",
  "http/1.1 200 OK", "Http/1.1 404 Not Found", "HTTp/1.1 202 Accepted", "HTTP 200 OK", " HTTP/1.1 200 OK", "ICY 200 OK",
  "HTTP/1.1 404 Not\0Found", "HTTP/x\0", "HTTP/1.1 202 Acce\n\0pted", "HTTP/1.1 200 OK\n\0", "HTTP/1.1 200 OK\r\nX: \0",
}

describe("a status line", function()
  local lab
  before_each(function() lab = Lab.new() end)
  after_each(function() lab:close() end)

  local function cancel(line, before)
    local server = lab:server():handle(function(connection)
      connection:read_request()
      connection:send((before or "") .. line .. "\r\nContent-Length: 0\r\n\r\n")
    end)
    return lab:client { base_url = server.url }:cancel(Lab.CALL)
  end

  for _, line in ipairs(ACCEPTED) do
    it(("is one: %q"):format(line), function()
      assert.equal(200, cancel(line).status)
      assert.equal(200, cancel(line, "HTTP/1.1 100 Continue\r\n\r\n").status)
    end)
  end

  for _, line in ipairs(REFUSED) do
    it(("is none, and nobody knows what became of a cancel: %q"):format(line), function()
      for _, before in ipairs { "", "HTTP/1.1 100 Continue\r\n\r\n" } do
        local result, err = cancel(line, before)
        assert.is_nil(result)
        lab:assert_failure(err, { kind = "protocol", ambiguous = true, retryable = false })
      end
    end)
  end
end)
