#!/usr/bin/env python3
"""The servers that the checks talk to, on loopback ports that the system chooses.

    server.py DIRECTORY

Starts nginx (plain, and TLS with HTTP/2), which is quick, and a raw server for what nginx does not do
wrong by itself. Writes shell assignments with their URLs to DIRECTORY/server.env once all listen. Ends,
and ends nginx, at SIGTERM or when its standard input does, so that nothing outlives a check.

The offer's name in a request says what the answer is:

    nginx  vm       202; Location tells the connection and the request on it: .../operations/<c>-<r>
           missing  404 with a JSON body
           bad      400 with a JSON body
           broken   500
           dropped  the connection is closed without an answer
    raw    stall    no answer, ever
           reset    the connection is reset once the request was read
           headers  the answer ends within its headers
           body     the answer ends within its body
           garbage  what is no HTTP
           foreign  202 with a Location at another port
           early    the connection is closed before the request's body was read
           once     202, and the connection is closed without a word
"""
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/json;
    # Connections end only where a check wants them to.
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    # Without a body that is read, an HTTP/2 answer ends in a reset of its stream: so the answers to a
    # POST come from a server behind this one.
    upstream behind {{ server unix:{directory}/behind; keepalive 16; keepalive_requests 100000000; }}
    server {{
        listen unix:{directory}/behind;
        location / {{ return 202; }}
        location ~ /offers/missing/ {{ return 404 '{{"error":{{"code":"NotFound","message":"no such offer"}}}}'; }}
        location ~ /offers/bad/ {{ return 400 '{{"error":{{"code":"BadRequest","message":"not running"}}}}'; }}
        location ~ /offers/broken/ {{ return 500 '<html>broken</html>'; }}
    }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl http2;
        ssl_certificate {directory}/certificate.pem;
        ssl_certificate_key {directory}/key.pem;
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            add_header Location
                /api/publishers/p/offers/vm/operations/$connection-$connection_requests?api-version=2017-10-31 always;
        }}
        location ~ /operations/ {{ return 200 '[{{"id":"1","status":"canceled","number":636576975611768314}}]'; }}
        location ~ /offers/dropped/ {{ return 444; }}
    }}
}}
"""


def listen():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def make_certificate(directory):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", directory + "/key.pem", "-out", directory + "/certificate.pem"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_nginx(directory):
    """nginx takes over listening sockets, as it does when its program is replaced: no port is ever
    guessed, and it can be connected to before it runs."""
    plain, tls = listen(), listen()
    with open(directory + "/nginx.conf", "w") as file:
        file.write(CONFIGURATION.format(directory=directory, plain=plain.getsockname()[1],
                                        tls=tls.getsockname()[1]))
    make_certificate(directory)
    descriptors = (plain.fileno(), tls.fileno())
    process = subprocess.Popen(
        ["nginx", "-e", directory + "/nginx.log", "-p", directory, "-c", directory + "/nginx.conf"],
        stdin=subprocess.DEVNULL, pass_fds=descriptors,
        env=dict(os.environ, NGINX="".join("%d;" % descriptor for descriptor in descriptors)))
    return process, plain.getsockname()[1], tls.getsockname()[1]


def read_request(connection):
    """The offer's name, or None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    offer = head.split(b" ")[1].split(b"/offers/")[-1].split(b"/")[0].decode()
    if offer == "early":
        return offer
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
    return offer


def answer(connection, offer):
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
    elif offer == "foreign":
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: http://127.0.0.1:1/api/x\r\nContent-Length: 0\r\n\r\n")
        return True
    elif offer == "once":
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: /api/x\r\nContent-Length: 0\r\n\r\n")
    return False


def serve(connection):
    with connection:
        try:
            while (offer := read_request(connection)) is not None and answer(connection, offer):
                pass
        except OSError:
            pass


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def main():
    directory = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    raw, refused = listen(), listen()
    refused_port = refused.getsockname()[1]
    refused.close()
    nginx, plain, tls = start_nginx(directory)
    threading.Thread(target=accept, args=(raw,), daemon=True).start()
    with open(directory + "/server.env.new", "w") as file:
        file.write("PLAIN_URL=http://127.0.0.1:%d\nTLS_URL=https://localhost:%d\nRAW_URL=http://127.0.0.1:%d\n"
                   "REFUSED_URL=http://127.0.0.1:%d\nCA_FILE=%s/certificate.pem\n"
                   % (plain, tls, raw.getsockname()[1], refused_port, directory))
    os.rename(directory + "/server.env.new", directory + "/server.env")
    try:
        sys.stdin.read()
    finally:
        nginx.terminate()
        nginx.wait()


if __name__ == "__main__":
    main()
