-- Errors: what an err tells of a response, and how much of it.

local errors = require "cpp.error"
local fixture = require "spec.support.fixture"

local OFFER = { publisher = "contoso", offer = "contoso-vm" }

describe("an err", function()
  local portal, client
  fixture.client(_ENV, function(...) portal, client = ... end)

  local function fail(status, body, headers)
    portal:fault { status = status, body = body, headers = headers }
    local result, err = client:cancel(OFFER)
    assert.is_nil(result)
    return err
  end

  it("tells the request, the response and its meaning, on one line", function()
    local err = fail(403, { error = { code = "Forbidden", message = "Not\r\n  yours." } },
                     { ["X-Ms-Correlation-Request-Id"] = "1234" })
    local url = portal.url .. "/api/publishers/contoso/offers/contoso-vm/cancel?api-version=2017-10-31"
    assert.same({ "http", 403, "Forbidden", "POST", url, "1234", "contoso", "contoso-vm", "string" },
                { err.kind, err.status, err.code, err.method, err.url, err.request_id, err.publisher, err.offer,
                  type(err.client_request_id) })
    assert.equal("403: the caller has no access to this publisher (Forbidden: Not yours.); usual causes: the publisher's "
      .. "identifier is wrong, or the service principal was added by an object id other than that of its managed application",
      err.message)
    assert.equal("http: " .. err.message .. ": POST " .. url .. " [request id 1234]", tostring(err))
  end)

  it("has no secret in any text", function()
    local failure, expected = { kind = "network", sent = true, transient = true }, { kind = "network" }
    for _, name in ipairs { "message", "url", "location", "body", "request_id" } do
      failure[name], expected[name] = name .. " with s3cret-5512", name .. " with [redacted]"
    end
    expected.ambiguous, expected.retryable, expected.publisher, expected.offer = true, false, "contoso", "contoso-vm"
    assert.same(expected, errors.from_failure(failure, OFFER, { "s3cret-5512" }, false))
  end)

  it("finds the service's code and message in any of its forms", function()
    for _, body in ipairs { { error = { code = "Broken", message = "It broke." } }, { code = "Broken", message = "It broke." },
                            { Code = "Broken", Message = "It broke." }, { error = "Broken", error_description = "It broke." } } do
      local err = fail(405, body)
      assert.equal("Broken", err.code)
      assert.matches("(Broken: It broke.)", err.message, 1, true)
    end
  end)

  it("looks for the service's words in half a MiB, and no further", function()
    local function body(bytes) -- of this length
      local frame = '{"error":{"code":"Long","message":"%s"}}'
      return frame:format(("x "):rep(bytes):sub(1, bytes - #frame + 2))
    end
    assert.equal("Long", fail(403, body(512 * 1024)).code)
    local err = fail(403, body(512 * 1024 + 1))
    assert.is_nil(err.code)
    assert.is_truthy(err.body:find '^{"error"')
  end)

  it("has 100 bytes of the service's code, and 500 of its code and message", function()
    for bytes = 99, 101 do
      local code = ("c"):rep(bytes)
      local err = fail(409, { error = { code = code, message = ("m"):rep(399) } })
      assert.equal(code:sub(1, 100), err.code)
      assert.equal((code .. ": " .. ("m"):rep(399)):sub(1, 500), err.message:match "%((c[^)]*)%)")
    end
  end)

  it("accepts a body without a code or a message", function()
    for _, body in ipairs { "", "<html>", '"broken"', "[1]", { error = { code = 5, message = { "It" } } }, "null" } do
      local err = fail(409, body)
      assert.same({ "409: the request conflicts with the state of the offer" }, { err.message, err.code })
    end
  end)

  describe("of a status", function()
    -- The err of each status from 299 (an unreadable response) to 513.
    local function each(safe, retry_after, fn)
      for status = 299, 513 do
        local failure = { kind = "http", status = status, message = "", sent = true, retry_after = retry_after }
        fn(status, errors.from_failure(failure, {}, {}, safe))
      end
    end

    it("states its meaning", function()
      local meanings = {
        [400] = "the request is malformed", [401] = "the token is missing, expired or not valid for this service",
        [403] = "the caller has no access to this publisher; usual causes: the publisher's identifier is wrong, or the service "
          .. "principal was added by an object id other than that of its managed application",
        [404] = "no such publisher, offer or operation", [408] = "the service gave up waiting for the request",
        [409] = "the request conflicts with the state of the offer (conflict)",
        [412] = "the offer was changed meanwhile (precondition)", [422] = "the offer or the request is not valid (validation)",
        [429] = "too many requests (throttled)", [500] = "the service failed",
        [502] = "a gateway got an invalid response from the service", [503] = "the service is unavailable",
        [504] = "a gateway got no response from the service in time",
      }
      each(false, nil, function(status, err)
        assert.equal(status .. ": " .. (meanings[status] or "the service refused"),
                     err.message .. (err.reason and " (" .. err.reason .. ")" or ""))
      end)
    end)

    it("tells whether the service may have acted, and whether a retry may help", function()
      local errors_of_service = "500 501 502 503 504 505 506 507 508 509 510 511 512 513"
      for _, case in ipairs {
        { false, nil, "299 303 408 500 502 503 504 509 512 513", "429" },
        { false, 1, "299 303 408 500 502 504 509 512 513", "429 503" },
        { true, nil, "", "408 429 " .. errors_of_service }, { true, 1, "", "408 429 " .. errors_of_service },
      } do
        local ambiguous, retryable = {}, {}
        each(case[1], case[2], function(status, err)
          if err.ambiguous then ambiguous[#ambiguous + 1] = status end
          if err.retryable then retryable[#retryable + 1] = status end
        end)
        assert.same({ case[3], case[4] }, { table.concat(ambiguous, " "), table.concat(retryable, " ") })
      end
    end)
  end)
end)
