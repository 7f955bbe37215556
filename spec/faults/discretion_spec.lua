-- No token, secret or e-mail address in an error, a log entry or a warning, also when a service echoes
-- what it was sent.

local Lab = require "spec.support.lab"
local cjson = require "cjson"

local function percent(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The ways in which an echo may spell a text.
local SPELLINGS = {
  plain = function(text) return text end,
  ["as JSON"] = function(text) return (cjson.encode(text):sub(2, -2)) end,
  ["percent-encoded"] = percent,
  ["percent-encoded in lower case"] = function(text) return (percent(text):gsub("%%%x%x", string.lower)) end,
  ["as HTML"] = function(text)
    return (text:gsub("[&<>\"@]", {
      ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["@"] = "&#64;",
    }))
  end,
}

describe("an error", function()
  local lab, server, log
  before_each(function()
    lab = Lab.new()
    server = lab:server()
    log = {}
  end)
  after_each(function()
    for _, entry in ipairs(log) do Lab.assert_discreet(entry) end
    lab:close()
  end)

  local function client_of(options)
    options.base_url = server.url
    options.log = function(entry) log[#log + 1] = entry end
    return lab:client(options)
  end

  -- An answer with the text wherever a server can put it.
  local function echo(connection, status, text, body)
    connection:answer(status, {
      "Connection: close", "Content-Type: application/json", "X-Ms-Correlation-Request-Id: " .. text,
      "x-ms-request-id: " .. text, "Location: /op/" .. text, "X-Echo: " .. text,
      "WWW-Authenticate: Bearer " .. text,
    }, body)
  end

  for spelling, spell in pairs(SPELLINGS) do
    for _, status in ipairs { 200, 301, 403, 401, 500 } do
      it(("of status %d does not show what was sent, echoed %s"):format(status, spelling), function()
        local text = spell(Lab.TOKEN) .. " " .. spell(Lab.EMAIL)
        server:handle(function(connection)
          connection:read_request()
          echo(connection, status, text, ('{"error":{"code":"%s","message":"%s"},"%s":['):format(text, text, text))
        end, function(connection)
          connection:read_request()
          echo(connection, status, text, ('{"error":{"code":"%s","message":"%s"}%s')
            :format(text, text, status == 200 and "" or "}"))
        end)
        local client = client_of {}
        for _ = 1, 2 do
          local result, err = client:cancel(Lab.CALL)
          assert.is_nil(result)
          lab:assert_failure(err, { status = status, kind = status >= 400 and "http" or "protocol" })
        end
        lab:assert_usable(client, server)
      end)
    end

    it("of the token service does not show the secret, echoed " .. spelling, function()
      local text = spell(Lab.SECRET)
      server:handle(function(connection)
        connection:read_request()
        echo(connection, 400, "id", ('{"error":"invalid_client","error_description":"%s"}'):format(
          text:gsub('["\\]', "\\%0")))
      end, function(connection)
        connection:read_request()
        echo(connection, 400, "id", "no JSON: " .. text)
      end, function(connection)
        connection:read_request()
        echo(connection, 400, text:gsub("%c", ""), "")
      end)
      local client = client_of {
        tenant = "t", client_id = "c", client_secret = Lab.SECRET, authority_url = server.url,
      }
      for _ = 1, 3 do
        local _, err = client:cancel(Lab.CALL)
        lab:assert_failure(err, { kind = "auth", status = 400, ambiguous = false })
      end
      assert.equal(3, #server.requests)
    end)
  end

  it("does not show the beginning of a token that is cut by a limit", function()
    for offset = 0, 40 do
      server:handle(function(connection)
        connection:read_request()
        local padding = (" "):rep(offset)
        local body = '{"error":{"code":"%s","message":"%s"},"more":"%s"}'
        echo(connection, 403, ("x"):rep(100 + offset) .. Lab.TOKEN, body:format(
          ("x"):rep(60) .. padding .. Lab.TOKEN, ("x"):rep(460) .. padding .. Lab.TOKEN,
          ("x"):rep(1300) .. padding .. Lab.TOKEN))
      end)
    end
    local client = client_of {}
    for _ = 0, 40 do
      local _, err = client:cancel(Lab.CALL)
      lab:assert_failure(err, { kind = "http", status = 403 })
    end
  end)

  it("of a large answer is made in time that grows no faster than the answer", function()
    for _, body in ipairs { ("x"):rep(500000), ("@"):rep(500000), ("eyJ"):rep(150000), ("a@"):rep(250000),
                            ("%40"):rep(150000), ("Bearer "):rep(70000), (Lab.TOKEN:sub(1, 20)):rep(25000) } do
      server:handle(function(connection)
        connection:read_request()
        connection:answer(403, { "Connection: close" }, body)
      end)
      local client = client_of {}
      local started = os.clock()
      local _, err = client:cancel(Lab.CALL)
      assert.is_true(os.clock() - started < 1)
      assert.equal(403, err.status)
      assert.is_true(#err.body <= 2048)
    end
  end)

  it("of a location does not show the user information in it", function()
    local client = client_of {}
    local _, err = client:operation(("http://jane.doe:%s@127.0.0.1/op"):format("hidden-client"))
    lab:assert_failure(err, { kind = "untrusted" })
  end)

  it("is one line, whatever the service says", function()
    server:handle(function(connection)
      connection:read_request()
      connection:answer(403, { "x-ms-request-id: a\tb\27[31m" },
        '{"error":{"code":"A\\r\\nB\\u0000","message":"one\\ntwo\\u001b[31m\\u0007"}}')
    end)
    local client = client_of {}
    local _, err = client:cancel(Lab.CALL)
    lab:assert_failure(err, { kind = "http", status = 403 })
    assert.is_nil(err.message:find("%c"))
    assert.is_nil(err.code:find("%c"))
    assert.is_nil(err.request_id:find("%c"))
  end)
end)
