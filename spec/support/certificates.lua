-- Certificates for servers of specs: an authority, what it signed well, and what must not be trusted.
-- They are made by openssl in a temporary directory.
--
--   local certificates = Certificates.make()
--   certificates.ca_file                     -- trust for the client under test
--   certificates:server "good"               -- a context for Connection:start_tls (LuaSec)
--   certificates.good.certificate, .key      -- files
--   certificates:remove()

local Certificates = {}

local SAN = "subjectAltName=DNS:localhost,IP:127.0.0.1"

-- Each is signed by the authority `by`, or by itself.
local KINDS = {
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

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- The shell commands that make one certificate.
local function commands_for(name, kind)
  local key = kind.key or "ec -pkeyopt ec_paramgen_curve:P-256"
  local request = ("openssl req -newkey %s -nodes -keyout %s.key -subj '%s' -%s"):format(
    key, name, "/CN=" .. (kind.subject or "spec " .. name), kind.digest or "sha256")
  if kind.by == "itself" then
    return { ("%s -x509 -days 2 -addext '%s' -out %s.pem"):format(request, kind.san, name) }
  end
  local authority = kind.by or "authority"
  return {
    ("%s -out %s.csr"):format(request, name),
    ("echo '%s' > %s.ext"):format(kind.san, name),
    ("openssl ca -batch -notext -config ca.cnf -cert %s.pem -keyfile %s.key -md %s -extfile %s.ext %s "
      .. "-in %s.csr -out %s.pem"):format(authority, authority, kind.digest or "sha256", name,
        kind.from and ("-startdate %s -enddate %s"):format(kind.from, kind.to) or "", name, name),
  }
end

local function authority(name)
  return ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout %s.key -out %s.pem "
    .. "-subj '/CN=spec %s' -addext keyUsage=keyCertSign"):format(name, name, name)
end

local function run(self, commands)
  local script = self.directory .. "/make.sh"
  write(script, ("set -e\ncd '%s'\n%s\n"):format(self.directory, table.concat(commands, "\n")))
  if not os.execute(("sh '%s' > '%s/log' 2>&1"):format(script, self.directory)) then
    os.execute(("cat '%s/log' >&2"):format(self.directory))
    error("cannot make certificates")
  end
end

--- Makes the authorities; a certificate is made when it is first asked for.
function Certificates.make()
  local shell = io.popen("mktemp -d")
  local directory = shell:read("l")
  shell:close()
  local self = setmetatable({ directory = directory, ca_file = directory .. "/authority.pem" }, Certificates)
  write(directory .. "/ca.cnf", SETTINGS:format(directory, directory))
  write(directory .. "/index.txt", "")
  run(self, { authority "authority", authority "stranger" })
  return self
end

function Certificates:__index(name)
  local kind = KINDS[name]
  if kind then
    run(self, commands_for(name, kind))
    self[name] = {
      certificate = ("%s/%s.pem"):format(self.directory, name), key = ("%s/%s.key"):format(self.directory, name),
    }
  end
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
