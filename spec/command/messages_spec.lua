-- The messages of cpp-portal for common mistakes: one line, with advice. And where its token comes from.

local Certificates = require "spec.support.certificates"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local Programs = require "spec.support.program"

describe("cpp-portal says in one line what can be done:", function()
  local portal, programs
  fixture.programs(_ENV, function(...)
    portal, programs = ...
    fixture.offer(portal)
  end)

  -- What a status of the offer writes to standard error, without the command's name; and the exit status.
  local function said(...)
    local output, errors, status = programs:run { "bin/cpp-portal", "status", "--retries=0", ..., "contoso", "contoso-vm" }
    assert.equal("", output)
    assert.equal(1, select(2, errors:gsub("\n", "")))
    return errors:match "^cpp%-portal: ([^\n]*)\n$", status
  end

  -- The line; an option; a variable of the environment; the exit status.
  for pattern, case in pairs {
    ["larger than max_response_bytes[^;]*; %-%-max%-response%-bytes BYTES accepts larger ones$"]
      = { "--max-response-bytes=5", {}, 1 },
    ["; the URL of the service comes from CPP_BASE_URL$"] = { "--wide", { CPP_BASE_URL = "http://127.0.0.1:1" }, 6 },
    ["; the URL of the service comes from %-%-base%-url$"] = { "--base-url=http://127.0.0.1:1", {}, 6 },
    ["^contoso%-vm: auth: no token available: give %-%-token%-file, set AZURE_TOKEN"] = { "--wide", { AZURE_TOKEN = "" }, 5 },
    ["^AZURE_AUTHORITY_HOST: expected an https:// URL"] = { "--wide", { AZURE_AUTHORITY_HOST = "ftp://x" }, 2 },
    ["^CPP_BASE_URL: expected an https:// URL"] = { "--wide", { CPP_BASE_URL = "ftp://x" }, 2 },
    ["^%-%-base%-url: expected an https:// URL"] = { "--base-url=ftp://x", {}, 2 },
    ["^%-%-ca%-file: /none/of/it: No such file or directory; see"] = { "--ca-file=/none/of/it", {}, 2 },
    ["^%-%-ca%-file: /: Is a directory;"] = { "--ca-file=/", {}, 2 },
    ["^%-%-ca%-file: expected the name of a file"] = { "--ca-file=", {}, 2 },
    ["^%-%-token%-file: expected the name of a file"] = { "--token-file=", {}, 2 },
    ["^%-%-token%-file: /none/of/it: No such file or directory$"] = { "--token-file=/none/of/it", {}, 5 },
    ["^%-%-token%-file: /: Is a directory$"] = { "--token-file=/", {}, 5 },
    ["^%-%-token%-file: /dev/zero is too large for a token %(more than 65536 bytes%)$"] = { "--token-file=/dev/zero", {}, 5 },
  } do
    it(pattern, function()
      for name, value in pairs(case[2]) do programs.environment[name] = value end
      local line, status = said(case[1])
      assert.matches(pattern, line)
      assert.equal(case[3], status)
    end)
  end

  it("a token that is refused", function()
    programs.environment.AZURE_TOKEN = "other"
    local line, status = said "--color=never"
    assert.matches("^contoso%-vm: http: 401: the token is missing, expired or not valid for this service[^;]*: GET http[^;]*; "
      .. "get a new token: export AZURE_TOKEN=%$%(az account get%-access%-token %-%-resource https://cloudpartner.azure.com "
      .. "%-%-query accessToken %-%-output tsv%)$", line)
    assert.equal(5, status)
    local file = programs:file "other"
    line = said("--token-file=" .. file)
    assert.equal("; put a new token into " .. file, line:match "; put.*")
    local _, errors = programs:run({ "bin/cpp-portal", "status", "--token-file=-", "contoso", "contoso-vm" }, { input = "other" })
    assert.matches("; pipe a new token\n$", errors)
  end)

  it("a token of another identity that is refused", function()
    local credentials = Portal.CREDENTIALS
    for name, value in pairs { AZURE_TOKEN = "", AZURE_TENANT_ID = credentials.tenant, AZURE_AUTHORITY_HOST = portal.url,
                               AZURE_CLIENT_ID = credentials.client_id, AZURE_CLIENT_SECRET = credentials.client_secret } do
      programs.environment[name] = value
    end
    portal:fault { match = { method = "GET" }, status = 401, times = -1 }
    local line = said "--color=never"
    assert.equal("; the token is that of the service principal of AZURE_CLIENT_ID", line:match "; the token is that.*", line)
  end)

  it("the identity of a refused token, a proxy by any name, an authority that is not trusted", function()
    local advice, Chain = require "cpp.command.advice", require "cpp.credentials.chain"
    local client, of = cpp.client { token = "t" }, Chain.of
    local function advice_on(fields, link)
      function Chain.of() return { link = link } end
      local done, text = pcall(advice, { given = { proxy = fields.proxy }, client = client }, fields)
      Chain.of = of
      assert.is_true(done, text)
      return text
    end
    for link, identity in pairs {
      environment = "service principal of AZURE_CLIENT_ID", workload_identity = "workload identity of AZURE_CLIENT_ID",
      managed_identity = "managed identity of this machine", azure_cli = "identity that az is logged in as",
    } do
      assert.equal("the token is that of the " .. identity, advice_on({ kind = "http", status = 401 }, link))
    end
    local set = " (--proxy); --proxy URL sets another, --proxy '' disables it"
    for proxy, expected in pairs { ["a.b:1"] = "a.b:1", ["j:p@q@a.b:1"] = "a.b:1", ["http://j@a.b"] = "http://a.b",
                                   ["acb:1"] = false, [""] = false } do
      local text = advice_on { kind = "network", url = "https://s", proxy = proxy, message = "Failed to connect to a.b port 1" }
      assert.equal(expected and "the proxy is " .. expected .. set or nil, text)
    end
    for _, message in ipairs { "a Self-signed certificate", "self signed", "no local issuer", "unknown CA" } do
      assert.equal("the authority is not in f", advice({ given = { ["ca-file"] = "f" } }, { kind = "tls", message = message }))
    end
    assert.is_nil(advice({ given = {} }, { kind = "tls", message = "certificate has expired" }))
    client:close()
  end)

  it("a token with what is printed around it, or as another program saves it", function()
    for text, problem in pairs {
      ["Bearer t0ken"] = '"Bearer " before it', ["bearer\tt0ken"] = '"Bearer " before it',
      ['{"accessToken": "t0ken"}'] = "JSON around it", ['"t0ken"'] = "JSON around it",
      ["\u{feff}t0ken\r\n"] = "a byte order mark", ["\xff\xfet0"] = "a byte order mark, in ASCII",
      ["\xfe\xfft0"] = "a byte order mark, in ASCII", ["a b"] = "white space", ["t0ken\n\n"] = "white space",
      [" t0ken"] = "white space", ["\nt"] = "white space", ["t\r"] = "white space", ["t\r\n\n"] = "white space",
      ["t\u{f6}ken"] = "characters that no token has",
      ["t\1"] = "characters that no token has", ["export AZURE_TOKEN=t0ken"] = "a name before it",
    } do
      local expected = "does not hold a valid token: expected a token without " .. problem
        .. ", as `az account get-access-token --query accessToken --output tsv` prints it"
      programs.environment.AZURE_TOKEN = text
      local line = said "--color=never"
      assert.is_truthy(line:find("AZURE_TOKEN " .. expected, 1, true), line)
      local file = programs:file(text)
      assert.equal("--token-file: " .. file .. " " .. expected, (said("--token-file=" .. file)))
    end
    for _, text in ipairs { "", "\n", "\r\n", " \n" } do
      local file = programs:file(text)
      assert.same({ "--token-file: " .. file .. " is empty", 5 }, { said("--token-file=" .. file) })
    end
    assert.same({}, portal:journal())
  end)

  it("a CA file that holds none", function()
    for _, content in ipairs { "", "none", "-----BEGIN PRIVATE KEY-----\n" } do
      local file = programs:file(content)
      assert.equal(("--ca-file: %s holds no certificate in PEM"):format(file), said("--ca-file=" .. file):match "^[^;]*")
    end
    -- Only the first MiB is searched, and no pipe, which can be read once.
    local command = programs:command { "bin/cpp-portal", "status", "--ca-file=FILE", "contoso", "contoso-vm" }
    for size, expected in pairs { [(1 << 20) - 23] = 0, [(1 << 20) - 22] = 2 } do
      local file = programs:file("\n" .. ("x"):rep(size - 1) .. "-----BEGIN CERTIFICATE-----\n")
      assert.equal(expected, select(3, programs:run { "sh", "-c", (command:gsub("FILE", file)) }))
    end
    assert.equal(0, select(3, programs:run { "bash", "-c", (command:gsub("'%-%-ca%-file=FILE'", "--ca-file <(echo x)")) }))
  end)

  it("a token file that cannot be used, in JSON, and a standard input that is too large", function()
    local output = programs:run { "bin/cpp-portal", "status", "--json", "--token-file=/none", "contoso", "contoso-vm" }
    assert.equal("auth", require "cjson".decode(output).error.kind)
    local command = programs:command { "bin/cpp-portal", "status", "--token-file=-", "contoso", "contoso-vm" }
    local _, errors = programs:run { "sh", "-c", command .. " </dev/zero" }
    assert.equal("cpp-portal: --token-file: standard input is too large for a token (more than 65536 bytes)\n", errors)
  end)

  it("no token file whose token is as long as a token may be", function()
    for _, newline in ipairs { "", "\n", "\r\n" } do
      assert.is_function(require "cpp.command.token_file"(programs:file(("t"):rep(65536) .. newline)))
    end
  end)

  it("nothing where the token comes from a file, from a pipe or from standard input, before the environment's", function()
    programs.environment.AZURE_TOKEN = "other"
    local command = programs:command { "bin/cpp-portal", "status", "--token-file", "FILE", "contoso", "contoso-vm" }
    for _, file in ipairs { programs:file(Portal.TOKEN .. "\r\n"), "<(echo " .. Portal.TOKEN .. ")", "- <<<" .. Portal.TOKEN } do
      local _, errors, status = programs:run { "bash", "-c", (command:gsub("'FILE'", file)) }
      assert.same({ "", 0 }, { errors, status })
    end
  end)

  it("the variable that holds no credential", function()
    local variables = { AZURE_TENANT_ID = "t", AZURE_CLIENT_ID = "c", AZURE_CLIENT_SECRET = "s" }
    programs.environment.AZURE_TOKEN = ""
    for wrong in pairs(variables) do
      for name, value in pairs(variables) do programs.environment[name] = name == wrong and ("x"):rep(3000) or value end
      local line, status = said "--color=never"
      assert.matches("^contoso%-vm: auth: environment: " .. wrong .. ": expected ", line)
      assert.equal(5, status)
    end
  end)

  it("nothing where a token was refused, and its file holds another one", function()
    local file = programs:file("stale")
    portal:configure { tokens = { { token = "stale" } } }
    local program = programs:start { "bin/cpp-portal", "wait", "-v", "-i", "0.05", "--token-file", file, "contoso", "contoso-vm" }
    Programs.wait_for(function() return #portal:journal() > 0 end)
    local handle = assert(io.open(file, "w"))
    handle:write(Portal.TOKEN)
    handle:close()
    portal:configure { tokens = { { token = "stale", expires_in = 0 } } }
    portal:advance(100)
    local output, errors, status = program:finish()
    assert.matches("completed", output)
    assert.matches(": 401 in", errors)
    assert.equal(0, status)
  end)

  it("nothing about the URL of a service that is the usual one", function()
    local advice = [[print(require "cpp.command.advice"({ given = {} }, { kind = "network", message = "Could not resolve host" }))]]
    programs.environment.CPP_BASE_URL = ""
    assert.equal("nil\n", (programs:run { os.getenv "LUA" or "lua5.4", "-e", advice }))
  end)

  it("an offer or a publisher that does not exist", function()
    for _, names in ipairs { { "contoso", "other" }, { "other", "contoso-vm" } } do
      local _, errors = programs:run { "bin/cpp-portal", "cancel", table.unpack(names) }
      assert.matches(": http: 404: no such [^\n]*; `cpp%-portal offers PUBLISHER` lists the offers of a publisher\n$", errors)
    end
    local _, errors = programs:run { "bin/cpp-portal", "operation", "--operation=x", "contoso", "contoso-vm" }
    assert.matches(": http: 404: ", errors)
    assert.is_nil(errors:find("cpp-portal offers", 1, true))
  end)

  it("a proxy that cannot be reached", function()
    local url = "--base-url=https://service.test"
    for _, name in ipairs { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
      programs.environment[name] = "http://jane:s3cret@127.0.0.1:1"
      local line, status = said(url)
      -- The first words are libcurl's, of any version.
      assert.matches("^contoso%-vm: network: %a[^;]*; the proxy is http://127.0.0.1:1 %(" .. name
        .. "%); %-%-proxy URL sets another, %-%-proxy '' disables it$", line)
      assert.is_nil(line:find("jane", 1, true))
      assert.equal(6, status)
      programs.environment[name] = ""
    end
    for _, user in ipairs { "jane:s3cretpass)@", "http://jane:s3/cret@", "jane:s3@cret@", "socks5://jane:s3#cret@" } do
      programs.environment.https_proxy = user .. "127.0.0.1:1"
      assert.is_nil(said(url):find("jane", 1, true) or said(url):find("cret", 1, true), user)
    end
    programs.environment.https_proxy = "http://127.0.0.1:1"
    local output, errors = programs:run { "bin/cpp-portal", "status", "--retries=0", url, "--proxy=http://nowhere.invalid:1",
                                          "contoso", "contoso-vm" }
    assert.equal("", output)
    assert.matches("proxy[^\n]*; the proxy is http://nowhere.invalid:1 %(%-%-proxy%);", errors)
    programs.environment.https_proxy = "foo://127.0.0.1:1"
    assert.matches("; the proxy is foo://127.0.0.1:1 %(https_proxy%);", (said(url)))
    -- Plain http goes through none.
    assert.is_nil(said("--base-url=http://127.0.0.1:1"):find "proxy")
  end)

  it("a certificate of an authority that is not trusted", function()
    local certificates = Certificates.make()
    for _, name in ipairs { "self_signed", "good" } do
      local process, url = certificates:serve(name)
      local line, status = said("--base-url=" .. url)
      process:stop "sigterm"
      assert.matches("^contoso%-vm: tls: [^\n]*; %-%-ca%-file FILE trusts its authority, a certificate in PEM$", line)
      assert.equal(1, status)
    end
    certificates:remove()
  end)

  it("a location of another origin, which a wait would refuse again", function()
    portal:fault { match = { method = "POST" }, add_headers = { ["Operation-Location"] = "https://evil.test/api/operations/1" } }
    local _, errors, status = programs:run { "bin/cpp-portal", "cancel", "--wait", "contoso", "contoso-vm" }
    assert.is_truthy(errors:find("\ncpp-portal: contoso-vm: resume with: cpp-portal wait --for canceled contoso contoso-vm\n", 1,
                                 true), errors)
    assert.is_nil(errors:find("--base-url", 1, true))
    assert.equal(4, status)
  end)

  it("a pause that the service requests, on a terminal", function()
    portal:fault { status = 429, headers = { ["Retry-After"] = "1" } }
    local output, status = programs:run_on_screen("80 24", { "bin/cpp-portal", "status", "contoso", "contoso-vm" })
    assert.is_truthy(output:find("cpp-portal: too many requests: the service asks for a pause of 1 s\r\n", 1, true), output)
    assert.equal(0, status)
  end)
end)
