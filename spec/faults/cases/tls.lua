-- Cases of TLS: what cannot be trusted gets no byte of the request, and is not tried again.

local expect = require "spec.faults.cases.expect"

local cases = {}

local function refused()
  return { cancel = { kind = "tls", ambiguous = false, retryable = false, attempts = 1, requests = 0, handshakes = 0 } }
end

for _, row in ipairs {
  { "expired", "has expired" }, { "not_yet_valid", "is not yet valid" }, { "wrong_host", "is for another host" },
  { "no_names", "has no names" }, { "self_signed", "is signed by itself" },
  { "unknown_authority", "is of an unknown authority" }, { "weak_key", "has a weak key" },
  { "sha1", "is signed with SHA-1" },
} do
  for _, protocol in ipairs { "TLSv1_2", "TLSv1_3" } do
    local calls = refused()
    calls.cancel.handshakes = nil -- a TLS 1.3 server is done with its part before it hears of the refusal
    cases[#cases + 1] = {
      fault = "certificate is not valid", name = ("the certificate %s (%s)"):format(row[2], protocol), certificate = row[1],
      protocol = protocol, https = {}, calls = calls,
    }
  end
end
local rude = refused()
rude.cancel.handshakes = nil
rude.cancel.message = "'a %[31mb c'" -- the name without its control characters
cases[#cases + 1] = {
  fault = "certificate is not valid", name = "the certificate is for a name of control characters", certificate = "rude_name",
  https = {}, calls = rude,
}
for _, protocol in ipairs { "TLSv1", "TLSv1_1" } do
  cases[#cases + 1] = {
    fault = "TLS 1.0, 1.1, no cipher", name = ("the server speaks %s at most"):format(protocol), protocol = protocol,
    https = {}, calls = { cancel = { kind = "tls", ambiguous = false, requests = 0, handshakes = 0 } },
  }
end
for _, row in ipairs {
  { "the server has no cipher with authentication", "aNULL" },
  { "the server has no cipher in common", "NULL-SHA256" },
} do
  cases[#cases + 1] = {
    fault = "TLS 1.0, 1.1, no cipher", name = row[1], protocol = "TLSv1_2", ciphers = row[2], https = {},
    calls = { cancel = { kind = "tls", ambiguous = false, requests = 0, handshakes = 0 } },
  }
end
for _, protocol in ipairs { "TLSv1_2", "TLSv1_3" } do
  cases[#cases + 1] = {
    fault = "certificate is not valid", name = ("the certificate is sound (%s)"):format(protocol), protocol = protocol,
    https = { { "answer", 202, {}, "" } }, calls = expect.canceled(),
  }
end
-- libcurl falls back to the common name where OpenSSL verifies (doc/security.md).
cases[#cases + 1] = {
  fault = "certificate is not valid", name = "the certificate has a common name and no other", certificate = "common_name",
  host = "localhost", https = { { "answer", 202, {}, "" } }, calls = expect.canceled(),
}
return cases
