#!/usr/bin/env python3
"""The servers that the checks talk to, on loopback ports that the system chooses.

    server.py DIRECTORY

Starts nginx (plain, and with TLS), which is quick; canaries, which are nginx with certificates that
must not be trusted; and a raw server for what nginx does not do wrong by itself. Each notes the requests that reach
it in a line "server client-request-id method status length-of-body": in DIRECTORY/requests, the canaries in
DIRECTORY/canaries, even those of which only a byte came. Writes shell assignments with their URLs to DIRECTORY/server.env once all listen. Ends,
and ends nginx, at SIGTERM or when its standard input does, so that nothing outlives a check.

The offer's name in a request says what the answer is (401 for one that does not bear the token, whole):

    nginx  vm       202; Location tells the connection and the request on it: .../operations/<c>-<r>
           other    202; Operation-Location, relative, and an id of the request tell the same
           inside   202; its body tells an operation
           missing  404 with a JSON body
           bad      400 with a JSON body
           broken   500
           moved    302 to another host
           throttled  429, to come back at once
           dropped  the connection is closed without an answer
           failing, running  an operation that ended failed, or that runs
           notified  an operation that tells which addresses were notified
    raw    stall    no answer, ever
           reset    the connection is reset once the request was read
           headers  the answer ends within its headers
           body     the answer ends within its body
           garbage  what is no HTTP
           early    the connection is closed before the request's body was read
           once     202, and the connection is closed without a word
           echo     202 with the request's body within its own; it comes in parts
           echo_error  400 with the request's body in its message

The token service of nginx grants GRANTED_TOKEN, and refuses the tenant "nobody"; that of the raw server refuses all,
with the request's body in its message.
"""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

# Of the token service: as long as those of Microsoft Entra.
GRANTED_TOKEN = "".join("granted-token-%04d." % i for i in range(80))

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    log_format request '$server_port $http_x_ms_client_request_id $request_method $status $content_length';
    log_format canary '$server_port $request';
    access_log {directory}/requests request;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/json;
    # Connections end only where a check wants them to.
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    # The token service is asked without one.
    map "$uri $http_authorization" $authorized {{
        "~ Bearer token-of-the-checks$" 1;
        "~ Bearer granted-token-[^ ]*0079\\.$" 1;
        "~/oauth2/token $" 1;
        "~/identity $" 1;
        default 0;
    }}
    # `return` responds before the body of a POST was read: the server behind this one responds once it came.
    upstream behind {{ server unix:{directory}/behind; keepalive 16; keepalive_requests 100000000; }}
    server {{
        listen unix:{directory}/behind;
        access_log off;
        location / {{ return 202; }}
        location ~ /offers/moved/ {{ return 302 https://example.com/; }}
        location ~ /offers/throttled/ {{ add_header Retry-After 0 always; return 429; }}
        location ~ /offers/inside/ {{
            return 202 '{{"Location":"/api/publishers/p/offers/vm/operations/1-1?api-version=2017-10-31"}}';
        }}
        location ~ /status$ {{ return 200 '{{"status":"Canceled"}}'; }}
        location ~ /submissions/ {{
            return 200 '[{{"id":"7","submissionState":"running","version":636576975611768314}},{{"id":"8"}}]';
        }}
        location ~ /nobody/oauth2/token$ {{ return 400 '{{"error":"invalid_client","error_description":"nobody"}}'; }}
        location ~ /(oauth2/token|identity)$ {{ return 200 '{{"token_type":"Bearer","access_token":"{granted}","expires_in":"3600"}}'; }}
        location ~ /offers/missing/ {{ return 404 '{{"error":{{"code":"NotFound","message":"no such offer"}}}}'; }}
        location ~ /offers/bad/ {{ return 400 '{{"error":{{"code":"BadRequest","message":"not running"}}}}'; }}
        location ~ /offers/broken/ {{ return 500 '<html>broken</html>'; }}
    }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {directory}/certificate.pem;
        ssl_certificate_key {directory}/certificate.key;
        if ($authorized = 0) {{ return 401; }}
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            add_header Location
                /api/publishers/p/offers/vm/operations/$connection-$connection_requests?api-version=2017-10-31 always;
        }}
        location ~ /offers/inside/ {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
        location ~ /offers/other/ {{
            add_header Operation-Location
                ../vm/operations/$connection-$connection_requests?api-version=2017-10-31 always;
            add_header x-ms-request-id $connection always;
            return 202 '{{}}';
        }}
        location ~ /offers/notified/operations/ {{
            return 200 '[{{"id":"1","status":"canceled","notificationEmails":"jondoe@contoso.com,jane@contoso.com"}}]';
        }}
        location ~ /offers/failing/operations/ {{ return 200 '{{"status":"failed","error":{{"message":"no"}}}}'; }}
        location ~ /offers/running/operations/ {{ return 200 '{{"status":"running"}}'; }}
        location ~ /operations/ {{ return 200 '[{{"id":"1","status":"canceled","number":636576975611768314}}]'; }}
        location ~ /offers/dropped/ {{ return 444; }}
    }}
{canaries}
}}
"""

CANARY = """
    server {{
        listen 127.0.0.1:{port} ssl;
        access_log {directory}/canaries canary;
        ssl_certificate {directory}/{name}.pem;
        ssl_certificate_key {directory}/{name}.key;
        location / {{ return 202; }}
    }}
"""

# What must not be trusted, although two of them are in CA_FILE.
CANARIES = ("wrong_host", "unknown_authority", "expired")


def listen():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


AUTHORITY = """
[ca]
default_ca = itself
[itself]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
unique_subject = no
policy = any
default_md = sha256
[any]
commonName = supplied
"""


def make_certificate(directory, name, names, *dates):
    """A certificate that signs itself. `openssl ca` makes it, because no other command takes dates in the past in
    every version."""
    path = directory + "/" + name
    with open(path + ".names", "w") as file:
        file.write("subjectAltName=" + names)
    for command in (
            ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=" + name, "-keyout", path + ".key", "-out", path + ".csr"],
            ["openssl", "ca", "-batch", "-notext", "-selfsign", "-config", directory + "/ca.cnf", "-keyfile", path + ".key",
             *(dates or ("-days", "2")), "-extfile", path + ".names", "-in", path + ".csr", "-out", path + ".pem"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(directory):
    with open(directory + "/ca.cnf", "w") as file:
        file.write(AUTHORITY.format(directory=directory))
    open(directory + "/index.txt", "w").close()
    make_certificate(directory, "certificate", "DNS:localhost,DNS:harness.test,IP:127.0.0.1")
    make_certificate(directory, "wrong_host", "DNS:contoso.example,IP:192.0.2.1")
    make_certificate(directory, "unknown_authority", "DNS:localhost,IP:127.0.0.1")
    make_certificate(directory, "expired", "DNS:localhost,IP:127.0.0.1",
                     "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    with open(directory + "/trusted.pem", "w") as trusted:
        for name in ("certificate", "wrong_host", "expired"):
            with open("%s/%s.pem" % (directory, name)) as file:
                trusted.write(file.read())


def start_nginx(directory):
    """nginx takes over listening sockets, as it does when its program is replaced: no port is ever
    guessed, and it can be connected to before it runs."""
    listeners = {name: listen() for name in ("plain", "tls") + CANARIES}
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    canaries = "".join(CANARY.format(directory=directory, name=name, port=ports[name]) for name in CANARIES)
    with open(directory + "/nginx.conf", "w") as file:
        file.write(CONFIGURATION.format(directory=directory, canaries=canaries, granted=GRANTED_TOKEN, **ports))
    make_certificates(directory)
    descriptors = tuple(listener.fileno() for listener in listeners.values())
    process = subprocess.Popen(
        ["nginx", "-e", directory + "/nginx.log", "-p", directory, "-c", directory + "/nginx.conf"],
        stdin=subprocess.DEVNULL, pass_fds=descriptors,
        env=dict(os.environ, NGINX="".join("%d;" % descriptor for descriptor in descriptors)))
    return process, ports


def note(directory, head):
    """As nginx does: the id of the request and its method."""
    lines = head.decode("latin-1").split("\r\n")
    identifier = [line.split(":", 1)[1].strip() for line in lines[1:]
                  if line.lower().startswith("x-ms-client-request-id:")]
    with open(directory + "/requests", "a") as file:
        file.write("raw %s %s -\n" % (identifier[0] if identifier else "-", lines[0].split(" ")[0]))


def read_request(directory, connection):
    """The offer's name ("token" of the token service) and the request's body; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    note(directory, head)
    target = head.split(b" ")[1]
    offer = "token" if target.endswith(b"/oauth2/token") else target.split(b"/offers/")[-1].split(b"/")[0].decode()
    if offer == "early":
        return offer, b""
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return None
        body += part
    return offer, body


def send_parts(connection, status, content):
    """A response whose body comes in parts, so that what receives it has to grow."""
    text = json.dumps(content).encode()
    head = ("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(text))).encode()
    connection.sendall(head + b"Location: /api/publishers/p/offers/vm/operations/1-1?api-version=2017-10-31\r\n\r\n")
    for start in range(0, len(text), 150):
        connection.sendall(text[start:start + 150])


def answer(connection, offer, body):
    """Whether the connection goes on."""
    if offer == "stall":
        connection.recv(1)  # returns when the client has gone
    elif offer == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif offer == "headers":
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: /api/op")
    elif offer == "body":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":")
    elif offer == "garbage":
        connection.sendall(b"220 mail.invalid ESMTP\r\n")
    elif offer == "echo":
        send_parts(connection, "202 Accepted", {"notificationEmails": body.decode()})
        return True
    elif offer == "echo_error":
        send_parts(connection, "400 Bad Request", {"error": {"code": "BadRequest", "message": body.decode()}})
        return True
    elif offer == "token":
        send_parts(connection, "400 Bad Request", {"error": "invalid_client", "error_description": body.decode()})
        return True
    elif offer == "once":
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: /api/x\r\nContent-Length: 0\r\n\r\n")
    return False


def serve(directory, connection):
    with connection:
        try:
            while (request := read_request(directory, connection)) is not None and answer(connection, *request):
                pass
        except OSError:
            pass


def accept(directory, listener):
    while True:
        threading.Thread(target=serve, args=(directory, listener.accept()[0]), daemon=True).start()


def main():
    directory = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    raw, refused = listen(), listen()
    refused_port = refused.getsockname()[1]
    refused.close()
    nginx, ports = start_nginx(directory)
    threading.Thread(target=accept, args=(directory, raw), daemon=True).start()
    with open(directory + "/server.env.new", "w") as file:
        file.write("CA_FILE=%s/trusted.pem\n" % directory)
        file.write("GRANTED_TOKEN=%s\n" % GRANTED_TOKEN)
        file.write("PLAIN_URL=http://127.0.0.1:%d\n" % ports["plain"])
        file.write("RAW_URL=http://127.0.0.1:%d\n" % raw.getsockname()[1])
        file.write("REFUSED_URL=http://127.0.0.1:%d\n" % refused_port)
        file.write("TLS_URL=https://localhost:%d\n" % ports["tls"])
        file.write("LOOKUP_URL=https://harness.test:%d\n" % ports["tls"])
        for name in CANARIES:
            file.write("%s_URL=https://localhost:%d\n" % (name.upper(), ports[name]))
    os.rename(directory + "/server.env.new", directory + "/server.env")
    try:
        sys.stdin.read()
    finally:
        nginx.terminate()
        nginx.wait()


if __name__ == "__main__":
    main()
