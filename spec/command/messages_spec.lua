-- The messages of cpp-portal for common mistakes: one line, with advice. And where its token comes from.

local advice = require "cpp.command.advice"
local Certificates = require "spec.support.certificates"
local Chain = require "cpp.credentials.chain"
local cpp = require "cpp"
local fixture = require "spec.support.fixture"
local Portal = require "spec.support.emulator"
local private = require "cpp.private"
local token_file = require "cpp.command.token_file"

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
    ["^contoso%-vm: auth: no token available: give %-%-token%-file, set AZURE_TOKEN"] = { "--wide", { AZURE_TOKEN = "" }, 5 },
    ["^CPP_BASE_URL: expected an https:// URL"] = { "--wide", { CPP_BASE_URL = "ftp://x" }, 2 },
    ["^%-%-ca%-file: /none/of/it: No such file or directory; see"] = { "--ca-file=/none/of/it", {}, 2 },
    ["^%-%-ca%-file: /: Is a directory;"] = { "--ca-file=/", {}, 2 },
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
  end)

  it("the identity of a refused token, a proxy by any name, an authority that is not trusted", function()
    local client <close> = cpp.client {}
    local chain = Chain.of(private[client].options.token)
    local function advice_on(err) return advice({ given = { proxy = err.proxy }, client = client }, err) end
    for link, identity in pairs {
      environment = "service principal of AZURE_CLIENT_ID", workload_identity = "workload identity of AZURE_CLIENT_ID",
      managed_identity = "managed identity of this machine", azure_cli = "identity that az is logged in as",
    } do
      chain.link = link
      assert.equal("the token is that of the " .. identity, advice_on { kind = "http", status = 401 })
    end
    for file, expected in pairs { ["-"] = "pipe a new token", f = "put a new token into f" } do
      assert.equal(expected, advice({ given = { ["token-file"] = file } }, { kind = "http", status = 401 }))
    end
    for url, expected in pairs { ["/offers/o"] = "`cpp-portal offers PUBLISHER` lists the offers of a publisher",
                                 ["/offers/o/operations/1"] = false } do
      assert.equal(expected or nil, advice_on { kind = "http", status = 404, offer = "o", url = url, message = "m" })
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
    assert.equal("--if-running makes that a success", advice_on { kind = "http", status = 400, reason = "no_running_operation" })
    for offer, expected in pairs { [false] = "--base-url or CPP_BASE_URL names another service", o = false } do
      assert.equal(expected or nil, advice_on { kind = "untrusted", offer = offer or nil })
    end
    assert.is_nil(advice({ given = {} }, { kind = "tls", message = "certificate has expired" }))
    assert.is_nil(advice({ given = {} }, { kind = "network", message = "Could not resolve host" }))
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
      local file = programs:file(text)
      assert.equal(file .. " " .. expected, select(2, token_file(file)))
      if problem:find "Bearer" then
        programs.environment.AZURE_TOKEN = text
        assert.matches("AZURE_TOKEN " .. expected, said "--color=never", 1, true)
      end
    end
    for _, text in ipairs { "", "\n", "\r\n", " \n" } do
      local file = programs:file(text)
      assert.equal(file .. " is empty", select(2, token_file(file)))
    end
    for _, newline in ipairs { "", "\n", "\r\n" } do -- as long as a token may be
      assert.is_function(token_file(programs:file(("t"):rep(65536) .. newline)))
    end
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

  it("a standard input that is too large", function()
    local command = programs:command { "bin/cpp-portal", "status", "--token-file=-", "contoso", "contoso-vm" }
    local _, errors = programs:run { "sh", "-c", command .. " </dev/zero" }
    assert.equal("cpp-portal: --token-file: standard input is too large for a token (more than 65536 bytes)\n", errors)
  end)

  it("nothing where the token comes from a file, from a pipe or from standard input, before the environment's", function()
    programs.environment.AZURE_TOKEN = "other"
    local command = programs:command { "bin/cpp-portal", "status", "--token-file", "FILE", "contoso", "contoso-vm" }
    for _, file in ipairs { programs:file(Portal.TOKEN .. "\r\n"), "<(echo " .. Portal.TOKEN .. ")", "- <<<" .. Portal.TOKEN } do
      local _, errors, status = programs:run { "bash", "-c", (command:gsub("'FILE'", file)) }
      assert.same({ "", 0 }, { errors, status })
    end
  end)

  it("nothing where a token was refused, and its file holds another one", function()
    local file = programs:file "stale"
    local token = token_file(file)
    assert.equal("stale", token())
    assert(os.execute("echo fresh >" .. file))
    assert.equal("fresh", token())
    assert(os.remove(file))
    assert.equal("fresh", token())
  end)

  it("a proxy that cannot be reached", function()
    local url = "--base-url=https://service.test"
    for _, name in ipairs { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
      programs.environment[name] = "http://jane:s3cret@127.0.0.1:1"
      local line, status = said(url)
      -- The first words are libcurl's, of any version.
      assert.matches("^contoso%-vm: network: %a[^;]*; the proxy is http://127.0.0.1:1 %(" .. name
        .. "%); %-%-proxy URL sets another, %-%-proxy '' disables it$", line)
      assert.equal(6, status)
      programs.environment[name] = ""
    end
    programs.environment.https_proxy = "foo://jane:s3#cret@127.0.0.1:1"
    local line = said(url)
    assert.matches("; the proxy is foo://127.0.0.1:1 %(https_proxy%);", line)
    assert.is_nil(line:find "jane" or line:find "cret")
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

  it("a pause that the service requests, on a terminal", function()
    portal:fault { status = 429, headers = { ["Retry-After"] = "1" } }
    local output, status = programs:run_on_terminal("80 24", { "bin/cpp-portal", "status", "contoso", "contoso-vm" })
    assert.is_truthy(output:find("cpp-portal: too many requests: the service asks for a pause of 1 s\r\n", 1, true), output)
    assert.equal(0, status)
  end)
end)
