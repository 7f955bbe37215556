-- Token services of other makers: oidc-provider and oauth2-mock-server, and a resource that verifies their tokens.

local cjson = require "cjson"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local http = require "socket.http"
local peers = require "spec.peers.peers"
local virtual = require "spec.support.virtual"

describe("a token of", function()
  local servers

  setup(function() servers = peers.node("servers.mjs") end)
  teardown(function() if servers then servers:stop() end end)

  local function client_of(name, options)
    local urls = { base_url = servers[name].resource, authority_url = servers[name].authority }
    return cpp.client(fixture.merged(urls, servers.credentials, options))
  end

  -- The tokens that the resource has verified, from the number before on.
  local function tokens(name, before)
    local list = cjson.decode((http.request(servers[name].resource .. "/requests")))
    return table.move(list, before + 1, #list, 1, {})
  end

  local OFFER = { publisher = "contoso", offer = "contoso-vm" }

  -- The link reads its variables when a token is needed.
  local function in_environment(variables, fn)
    local getenv = os.getenv
    os.getenv = function(name) return variables[name] or getenv(name) end -- luacheck: ignore
    local done, problem = pcall(fn)
    os.getenv = getenv -- luacheck: ignore
    if not done then error(problem, 0) end
  end

  it("oidc of a workload is valid, and its assertion is read again for the next token", function()
    local file = os.tmpname()
    local function sign()
      local stream = assert(io.open(file, "w"))
      stream:write((http.request(servers.oidc.assertions)), "\n")
      stream:close()
    end
    in_environment({ AZURE_TENANT_ID = servers.credentials.tenant, AZURE_CLIENT_ID = "workload",
                     AZURE_AUTHORITY_HOST = servers.oidc.authority, AZURE_FEDERATED_TOKEN_FILE = file }, function()
      local loop = virtual.new()
      local client <close> = cpp.client { base_url = servers.oidc.resource, loop = loop }
      local before = #tokens("oidc", 0)
      for _ = 1, 2 do
        sign()
        assert(client:cancel(OFFER))
        assert(client:cancel(OFFER))
        loop.sleep(nil, 3600)
      end
      local seen = tokens("oidc", before)
      assert.equal(4, #seen)
      assert.equal(seen[1], seen[2])
      assert.not_equal(seen[2], seen[3])
      local _, err = client:cancel(OFFER) -- the assertion was used
      assert.same({ "auth", "invalid_client" }, { err.kind, err.code })
    end)
    os.remove(file)
  end)

  for _, name in ipairs { "oidc", "oauth2" } do
    it(name .. " is valid at the resource, used again, and renewed before it expires", function()
      local loop = virtual.new()
      local client <close> = client_of(name, { loop = loop }) -- the list of its operations is no list
      local before = #tokens(name, 0)
      assert.equal("canceled", assert(client:wait(assert(client:cancel(OFFER)))).state)
      assert(client:cancel(OFFER))
      loop.sleep(nil, 3600)
      local count = #tokens(name, before)
      assert(client:cancel(OFFER))
      local seen = tokens(name, before)
      assert.is_true(count >= 3 and #seen == count + 1)
      for i = 1, count do assert.equal(seen[1], seen[i]) end
      assert.not_equal(seen[1], seen[count + 1])
    end)

    it(name .. " is not given for a wrong secret", function()
      local client <close> = client_of(name, { client_secret = "wrong-secret" })
      local _, err = client:cancel(OFFER)
      assert.same({ "auth", "invalid_client" }, { err.kind, err.code })
      assert.is_falsy(tostring(err):find("wrong-secret", 1, true))
    end)

    it(name .. " is refused by the resource of another issuer", function()
      local other = name == "oidc" and "oauth2" or "oidc"
      local client <close> = client_of(name, { base_url = servers[other].resource })
      assert.equal(401, select(2, client:cancel(OFFER)).status)
    end)
  end
end)
