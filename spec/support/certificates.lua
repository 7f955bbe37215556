-- Certificates for servers of specs: an authority, what it signed well, and what must not be trusted.
-- They are made by openssl in a temporary directory.
--
--   local certificates = Certificates.make()
--   certificates.ca_file                     -- trust for the client under test
--   certificates:server "good"               -- a context for Connection:start_tls (LuaSec)
--   certificates.good.certificate, .key      -- files
--   certificates:remove()

local Programs = require "spec.support.program"

local Certificates = {}

local SAN = "subjectAltName=DNS:localhost,IP:127.0.0.1"

-- Each is signed by the authority `by`, or by itself.
local KINDS = {
  authority = { san = "keyUsage=keyCertSign", by = "itself" },
  stranger = { san = "keyUsage=keyCertSign", by = "itself" },
  good = { san = SAN .. ",DNS:harness.test" },
  expired = { san = SAN, from = "20200101000000Z", to = "20210101000000Z" },
  not_yet_valid = { san = SAN, from = "20900101000000Z", to = "20910101000000Z" },
  wrong_host = { san = "subjectAltName=DNS:contoso.example,IP:192.0.2.1" },
  no_names = { san = "basicConstraints=CA:FALSE" },
  common_name = { san = "basicConstraints=CA:FALSE", subject = "localhost" },
  rude_name = { san = "basicConstraints=CA:FALSE", subject = "a\27[31mb\127c" },
  self_signed = { san = SAN, by = "itself" },
  unknown_authority = { san = SAN, by = "stranger" },
  weak_key = { san = SAN, key = "rsa:1024" },
  sha1 = { san = SAN, digest = "sha1", key = "rsa:2048" },
}

local SETTINGS = [[
[ca]
default_ca = this
[this]
database = %s/index.txt
new_certs_dir = %s
rand_serial = yes
unique_subject = no
policy = any
default_days = 2
default_md = sha256
copy_extensions = none
[any]
commonName = supplied
]]

-- The shell commands that make a certificate.
local REQUEST = "openssl req -newkey @KEY@ -nodes -keyout @NAME@.key -subj '/CN=@SUBJECT@' -@DIGEST@ "
local SELF_SIGNED = REQUEST .. "-x509 -days 2 -addext '@SAN@' -out @NAME@.pem"
local SIGNED = REQUEST .. [[-out @NAME@.csr && echo '@SAN@' >@NAME@.ext &&
  openssl ca -batch -notext -config ca.cnf -cert @BY@.pem -keyfile @BY@.key -md @DIGEST@ -extfile @NAME@.ext @DATES@ \
    -in @NAME@.csr -out @NAME@.pem]]

local function make(self, name, kind)
  local by = kind.by or "authority"
  local commands = (by == "itself" and SELF_SIGNED or SIGNED):gsub("@(%u+)@", {
    NAME = name, KEY = kind.key or "ec -pkeyopt ec_paramgen_curve:P-256", SUBJECT = kind.subject or "spec " .. name,
    DIGEST = kind.digest or "sha256", SAN = kind.san, BY = self[by] and by,
    DATES = kind.from and ("-startdate %s -enddate %s"):format(kind.from, kind.to) or "",
  })
  assert(os.execute(("cd %s && { %s; } >log 2>&1 || { cat log >&2; false; }"):format(self.directory, commands)))
  local path = self.directory .. "/" .. name
  return { certificate = path .. ".pem", key = path .. ".key" }
end

--- Makes the authority; another certificate is made when it is first asked for.
function Certificates.make()
  local self = setmetatable({ directory = os.tmpname() }, Certificates)
  assert(os.remove(self.directory) and os.execute("mkdir " .. self.directory))
  Programs.write(self.directory .. "/ca.cnf", SETTINGS:format(self.directory, self.directory))
  Programs.write(self.directory .. "/index.txt")
  self.ca_file = self.authority.certificate
  return self
end

function Certificates:__index(name)
  if KINDS[name] then self[name] = make(self, name, KINDS[name]) end
  return rawget(self, name) or Certificates[name]
end

--- A context of LuaSec for a TLS server.
-- @param name of a certificate, e.g. "good"
-- @param protocol (may be absent) of LuaSec, e.g. "tlsv1_1"
-- @param ciphers (may be absent) in OpenSSL's notation
function Certificates:server(name, protocol, ciphers)
  local ssl_context = require "ssl.context"
  local context = assert(require("ssl").newcontext {
    mode = "server", protocol = protocol or "any",
    ciphers = (ciphers or "ALL") .. ":@SECLEVEL=0", -- so that a weak certificate or protocol can be served at all
  })
  -- After the ciphers: their security level decides whether these may be loaded.
  assert(ssl_context.loadcert(context, self[name].certificate))
  assert(ssl_context.loadkey(context, self[name].key, nil))
  return context
end

--- Starts openssl s_server with a certificate.
-- @param ... further arguments of it
-- @return the process (spec.support.process), which stop "sigterm" ends; its URL
function Certificates:serve(name, ...)
  local process = require "spec.support.process".start { -- loaded here: it needs luv
    "/bin/sh", "-c", 'exec openssl s_server -accept 127.0.0.1:0 "$@" 2>/dev/null', "",
    "-cert", self[name].certificate, "-key", self[name].key, ...,
  }
  local port
  repeat port = process:read_line():match "^ACCEPT .*:(%d+)" until port
  return process, "https://localhost:" .. port
end

function Certificates:remove()
  os.execute(("rm -r '%s'"):format(self.directory))
end

return Certificates
