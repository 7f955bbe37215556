-- Certificates for servers of specs: an authority, what it signed well, and what must not be trusted.
--
--   local certificates = Certificates.make()
--   certificates.ca_file                     -- trust for the client under test
--   certificates:server "good"               -- a context for Connection:start_tls (LuaSec)
--   certificates.good.certificate, .key      -- files in a temporary directory
--   certificates:remove()

local altname = require "openssl.x509.altname"
local bignum = require "openssl.bignum"
local name = require "openssl.x509.name"
local pkey = require "openssl.pkey"
local x509 = require "openssl.x509"

local Certificates = {}

local DAY = 86400
local NAMES = { "DNS:localhost", "IP:127.0.0.1" }

-- Each is signed by the authority `by`, or by itself. Days count from now.
local KINDS = {
  authority = { by = "itself", signs = true },
  stranger = { by = "itself", signs = true },
  good = { names = { "DNS:harness.test", table.unpack(NAMES) } },
  expired = { names = NAMES, days = { -20, -10 } },
  not_yet_valid = { names = NAMES, days = { 10, 20 } },
  wrong_host = { names = { "DNS:contoso.example", "IP:192.0.2.1" } },
  no_names = {},
  common_name = { subject = "localhost" },
  rude_name = { subject = "a\27[31mb\127c" },
  self_signed = { names = NAMES, by = "itself" },
  unknown_authority = { names = NAMES, by = "stranger" },
  weak_key = { names = NAMES, bits = 1024 },
  sha1 = { names = NAMES, digest = "sha1", bits = 2048 },
}

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
  return path
end

local serial = 0

local function make(self, called, kind)
  local certificate, now = x509.new(), os.time()
  local key = pkey.new { type = kind.bits and "RSA" or "EC", bits = kind.bits, curve = "prime256v1" }
  local issuer = kind.by == "itself" and { made = certificate, private = key } or self[kind.by or "authority"]
  local days = kind.days or { -1, 2 }
  serial = serial + 1
  certificate:setVersion(3)
  certificate:setSerial(bignum.new(serial))
  certificate:setSubject(name.new():add("CN", kind.subject or "spec " .. called))
  certificate:setIssuer(issuer.made:getSubject())
  certificate:setLifetime(now + days[1] * DAY, now + days[2] * DAY)
  certificate:setPublicKey(key)
  certificate:setBasicConstraints { CA = kind.signs or false }
  if kind.names then
    local names = altname.new()
    for _, text in ipairs(kind.names) do names:add(text:match "^(%u+):(.*)$") end
    certificate:setSubjectAlt(names)
  end
  certificate:sign(issuer.private, kind.digest or "sha256")
  local path = self.directory .. "/" .. called
  return { made = certificate, private = key, certificate = write(path .. ".pem", certificate:toPEM()),
           key = write(path .. ".key", key:toPEM "private") }
end

--- Makes the authority; another certificate is made when it is first asked for.
function Certificates.make()
  local self = setmetatable({ directory = os.tmpname() }, Certificates)
  assert(os.remove(self.directory) and os.execute("mkdir " .. self.directory))
  self.ca_file = self.authority.certificate
  return self
end

function Certificates:__index(called)
  if KINDS[called] then self[called] = make(self, called, KINDS[called]) end
  return rawget(self, called) or Certificates[called]
end

--- A context of LuaSec for a TLS server.
-- @param called the certificate, e.g. "good"
-- @param protocol (may be absent) of LuaSec, e.g. "tlsv1_1"
-- @param ciphers (may be absent) in OpenSSL's notation
function Certificates:server(called, protocol, ciphers)
  local ssl_context = require "ssl.context"
  local context = assert(require("ssl").newcontext {
    mode = "server", protocol = protocol or "any",
    ciphers = (ciphers or "ALL") .. ":@SECLEVEL=0", -- so that a weak certificate or protocol can be served at all
  })
  -- After the ciphers: their security level decides whether these may be loaded.
  assert(ssl_context.loadcert(context, self[called].certificate))
  assert(ssl_context.loadkey(context, self[called].key, nil))
  return context
end

--- Starts openssl s_server with a certificate.
-- @param ... further arguments of it
-- @return the process (spec.support.process), which stop "sigterm" ends; its URL
function Certificates:serve(called, ...)
  local process = require "spec.support.process".start { -- loaded here: it needs luv
    "/bin/sh", "-c", 'exec openssl s_server -accept 127.0.0.1:0 "$@" 2>/dev/null', "",
    "-cert", self[called].certificate, "-key", self[called].key, ...,
  }
  local port
  repeat port = process:read_line():match "^ACCEPT .*:(%d+)" until port
  return process, "https://localhost:" .. port
end

function Certificates:remove()
  os.execute(("rm -r '%s'"):format(self.directory))
end

return Certificates
