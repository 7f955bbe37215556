-- Cases of locations: the token goes to one origin, and one that names another is `untrusted` before
-- anything connects.

local core = require "cpp.core"

-- Newer versions of libcurl's URL API read 127.0.0.1. as 127.0.0.1.
local function drops_dot()
  local client <close> = core.client { base_url = "https://127.0.0.1:9" }
  local request <close> = client:start("offer_status", { publisher = "p", offer = "o" }, "token")
  return (request:resolve "https://127.0.0.1.:9/op") == "https://127.0.0.1:9/op"
end

-- S is the scheme of the service, O the other one; $PORT is its port, $CANARY that of the canary.
local UNTRUSTED = {
  { "another host", "S://localhost:$PORT/op" },
  { "another address of loopback", "S://127.0.0.2:$PORT/op" },
  { "another port", "S://127.0.0.1:$CANARY/op" },
  { "no port", "S://127.0.0.1/op" },
  { "the port of the other scheme", "S://127.0.0.1:443/op", "http" },
  { "another scheme", "O://127.0.0.1:$PORT/op" },
  { "another scheme and no host", "O:/op" },
  { "ftp", "ftp://127.0.0.1:$PORT/op" },
  { "a file", "file:///etc/passwd" },
  { "a file of the host", "file://127.0.0.1/etc/passwd" },
  { "gopher", "gopher://127.0.0.1:$CANARY/1x" },
  { "javascript", "javascript:alert(1)" },
  { "data", "data:application/json,{}" },
  { "user information", "S://127.0.0.1:$PORT@127.0.0.1:$CANARY/op" },
  { "user information at the right host", "S://user:password@127.0.0.1:$PORT/op" },
  { "a user without a password", "S://user@127.0.0.1:$PORT/op" },
  { "empty user information", "S://:@127.0.0.1:$PORT/op" },
  { "two slashes", "//127.0.0.1:$CANARY/op" },
  { "three slashes", "///127.0.0.1:$CANARY/op" },
  { "a backslash", "S://127.0.0.1:$CANARY\\@127.0.0.1:$PORT/op" },
  { "two backslashes", "\\\\127.0.0.1:$CANARY\\op" },
  { "a slash and a backslash", "/\\127.0.0.1:$CANARY/op" },
  { "a host that begins the same", "S://127.0.0.1.contoso.example:$PORT/op" },
  { "a host that ends the same", "S://contoso-127.0.0.1:$PORT/op" },
  { "a host with full-width digits", "S://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:$PORT/op" },
  { "a host with a letter of another alphabet", "S://c\xd0\xbentoso.example:$PORT/op" },
  { "a host with a dot at its end", "S://127.0.0.1.:$PORT/op", same = drops_dot() },
  { "an encoded host", "S://127.0.0.1%2e:$PORT/op", same = drops_dot() },
  { "a host with a NUL", "S://127.0.0.1%00.contoso.example:$PORT/op" },
  { "the address with its IPv6 form", "S://[::ffff:127.0.0.1]:$PORT/op" },
  { "an address with a zone", "S://[fe80::1%25lo]:$PORT/op" },
  { "a blank", "S://127.0.0.1:$CANARY /op" },
  { "a fragment with the right host", "S://127.0.0.1:$CANARY#@127.0.0.1:$PORT/op" },
  { "a query with the right host", "S://127.0.0.1:$CANARY?@127.0.0.1:$PORT/op" },
  { "a port that is too large", "S://127.0.0.1:65536/op" },
  { "a port that wraps round", "S://127.0.0.1:$WRAPPED/op" },
  { "a negative port", "S://127.0.0.1:-1/op" },
  { "too many bytes", "/" .. ("x"):rep(9000) },
}

local TRUSTED = {
  { "an absolute URL", "S://127.0.0.1:$PORT/op?api-version=2017-10-31", "/op?api-version=2017-10-31" },
  { "an absolute path", "/op?api-version=1", "/op?api-version=1" },
  { "api-version as the second parameter", "/op?x=1&api-version=1", "/op?x=1&api-version=1" },
  { "api-version in capitals", "/op?x=1&API-Version=1&y=2", "/op?x=1&API-Version=1&y=2" },
  { "an empty api-version", "/op?api-version", "/op?api-version" },
  { "an empty api-version before another", "/op?api-version&x=1", "/op?api-version&x=1" },
  { "a parameter that begins like api-version", "/op?api-versions=1", "/op?api-versions=1&api-version=2017-10-31" },
  { "no api-version", "/op", "/op?api-version=2017-10-31" },
  { "another parameter", "/op?x=1", "/op?x=1&api-version=2017-10-31" },
  { "the scheme in upper case", "U://127.0.0.1:$PORT/op?api-version=1", "/op?api-version=1" },
  { "two slashes and the right host", "//127.0.0.1:$PORT/op?api-version=1", "/op?api-version=1" },
  { "the address in another notation", "S://0x7f.1:$PORT/op?api-version=1", "/op?api-version=1" },
  { "dots", "/a/../op/./x?api-version=1", "/op/x?api-version=1" },
  { "dots that lead out of the root", "/../../op?api-version=1", "/op?api-version=1" },
  { "a fragment", "/op?api-version=1#part", "/op?api-version=1" },
  { "an operation without an id", "/api/operations/contoso$vm$2$preview?api-version=1",
    "/api/operations/contoso$vm$2$preview?api-version=1" },
  { "an @ in its path", "/a@b/op?api-version=1", "/a@b/op?api-version=1" },
}

local RUNNING = { { "answer", 200, {}, '{"status":"running"}' } }

local cases = {}
for _, row in ipairs(UNTRUSTED) do
  cases[#cases + 1] = {
    fault = "location elsewhere", name = "a location with " .. row[1], location = row[2],
    [row[3] or "any"] = row.same and RUNNING or {},
    calls = {
      operation = row.same and { result = { state = "running" }, requests = 1 }
        or { kind = "untrusted", ambiguous = false, retryable = false, attempts = 1, requests = 0, connections = 0 },
    },
  }
end
for _, row in ipairs(TRUSTED) do
  cases[#cases + 1] = {
    fault = "location at the origin", name = "a location with " .. row[1], location = row[2],
    any = RUNNING,
    calls = { operation = { result = { state = "running" }, requests = 1, target = row[3] } },
  }
end
-- From the service itself: the cancellation counts, and what it names is not asked.
for _, field in ipairs { "Operation-Location", "Location" } do
  cases[#cases + 1] = {
    fault = "location elsewhere", name = "a location of another origin, in " .. field,
    any = { { "answer", 202, { { field, "http://127.0.0.1:$CANARY/op" } }, "" } },
    calls = {
      cancel_and_wait = { kind = "untrusted", ambiguous = false, retryable = false, attempts = 1, requests = 1 },
    },
  }
end
cases[#cases + 1] = {
  fault = "location elsewhere", name = "a location of another origin, in the body",
  any = { { "answer", 202, {}, '{"location":"http://127.0.0.1:$CANARY/op"}' } },
  calls = {
    cancel_and_wait = { kind = "untrusted", ambiguous = false, retryable = false, attempts = 1, requests = 1 },
  },
}
return cases
