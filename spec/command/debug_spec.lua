-- cpp-portal --debug: the lines about a request and its response. That they hold no secret: spec/command/secrets_spec.lua.

local cpp = require "cpp"
local debug = require "cpp.command.debug"

local URL = "https://service.test/x"

describe("cpp.command.debug", function()
  local SENT = { "> POST " .. URL, "> Accept: application/json", "> Accept-Encoding: identity", "> User-Agent: spec",
                 "> x-ms-client-request-id: of-the-answer", "> Content-Type: application/json", "> Authorization: [token]",
                 '> {"metadata":{"notification-emails":"a@b.example"}}' }
  local CASES = {
    ["a response in JSON"] = { "cancel", { status = 202, location = "/l", retry_after = 7, body = { a = { 1 } } },
      { "< 202", "< location: /l", "< retry_after: 7", '< {"a":[1]}' } },
    ["a response that is no JSON"] = { "cancel", { status = 300, body = "text" }, { "< 300", "< text" } },
    ["a token"] = { "token", { status = 299, body = { access_token = "s3cret" } }, { "< 299", "< [token]" } },
    ["what may be a token"] = { "token", { body = "s3cret" }, { "< no response", "< [token]" } },
    ["no token"] = { "token", { status = 300, body = { error = "e" } }, { "< 300", '< {"error":"e"}' } },
    ["a closed client"] = { "cancel", { kind = "closed", message = "m" }, { "< no response", "< kind: closed", "< message: m" } },
  }

  for name, case in pairs(CASES) do
    it("shows " .. name, function()
      local endpoint, answer, expected = table.unpack(case)
      local client, said, request = cpp.client { token = "t", base_url = URL, user_agent = "spec" }, {}, {}
      function request.url() return "POST", URL end
      local session = { client = client, screen = { say = function(_, line) said[#said + 1] = line end } }
      if answer.kind == "closed" then client:close() end
      answer.client_request_id = "of-the-answer"
      local options = { publisher = "p", offer = "o", emails = { "a@b.example" }, client_request_id = "of-the-call" }
      debug(session)(endpoint, options, request, answer)
      local all = endpoint == "token" and { "> POST " .. URL, "> [credentials]" } or answer.kind ~= "closed" and SENT or {}
      assert.same(table.move(expected, 1, #expected, #all + 1, table.move(all, 1, #all, 1, {})), said)
      client:close()
    end)
  end

  it("shows a URL that may not be polled as a line", function()
    local said = {}
    local client <close> = cpp.client { token = "t" }
    local session = { client = client, screen = { say = function(_, line) said[#said + 1] = line end } }
    debug(session)("location", { location = "https://other.test/x" }, { url = function() return "GET" end }, { status = 200 })
    assert.same({ "> GET -", "> Accept: application/json", "> Authorization: [token]", "< 200" },
                { said[1], said[2], said[#said - 1], said[#said] })
  end)
end)
