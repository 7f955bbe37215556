"""Connections that do what a script says, over HTTP/1.1: what fault_server.py serves.

A step is a list: a name and its arguments.

    answer status headers body     a whole answer, its length added
    head status headers            its beginning (headers: a list of pairs)
    body data                      the rest of it
    send data                      bytes as they are
    pour data                      the same bytes as they are, until the client has gone
    drip data seconds              one byte after the other, so far apart
    stall                          nothing more, until the client has gone
    close | cut | reset            the end of the connection: in good order (over TLS after a close_notify);
                                   with FIN alone; with RST
"""

import socket
import ssl
import struct
import time

CHUNK = 65536
ENDLESS = ("stall", "pour", "drip")
LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/56615b67?api-version=2017-10-31"
GOOD = {
    "POST": [["answer", 202, [["Location", LOCATION]], ""]],
    "GET": [["answer", 200, [["Content-Type", "application/json"]], '{"status":"running"}']],
}


class Ended(Exception):
    """The script, or the client, has ended the connection."""


def to_bytes(text):
    return text.encode("latin-1")  # a byte is a character of the script


class Connection:
    """One connection of a client, and the requests on it."""

    def __init__(self, listener, sock, number):
        self.listener = listener
        self.sock = sock
        self.number = number
        self.buffer = b""
        self.count = 0
        self.busy = True  # until the script is done, or goes on until the client leaves

    def receive(self):
        data = self.sock.recv(CHUNK)
        if not data:
            raise Ended
        self.listener.count_bytes(len(data))
        return data

    def run(self, steps):
        for name, *arguments in steps:
            if name in ENDLESS:
                self.busy = False
            getattr(self, "do_" + name)(*arguments)

    def serve(self):
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.buffer += self.receive()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            while len(self.buffer) < length:
                self.buffer += self.receive()
            self.buffer = self.buffer[length:]
            self.respond(method, target, headers)

    def respond(self, method, target, headers):
        self.busy = True
        self.count += 1
        listener = self.listener
        kept = listener.kept and self.count == 1 and not listener.healed
        good = bool(kept or listener.healed or listener.idle_steps)
        listener.note(self, method, target, headers.get("authorization"), good)
        self.run(GOOD[method] if good else listener.steps)
        if kept and listener.idle_steps and self.number == 1:
            listener.idle.wait()
            self.run(listener.idle_steps)
        self.busy = False

    def do_answer(self, status, headers, body):
        length = [] if status in (204, 304) else [["Content-Length", str(len(body))]]
        self.do_head(status, headers + length)
        self.do_body(body)

    def do_head(self, status, headers):
        lines = [f"HTTP/1.1 {status} Status"] + [f"{name}: {value}" for name, value in headers]
        self.do_send("\r\n".join(lines) + "\r\n\r\n")

    def do_body(self, data):
        self.do_send(data)

    def do_send(self, data):
        self.sock.sendall(to_bytes(data))

    def do_pour(self, data):
        while True:
            self.sock.sendall(to_bytes(data))

    def do_drip(self, data, seconds):
        for byte in to_bytes(data):
            self.sock.sendall(bytes([byte]))
            time.sleep(seconds)

    def do_stall(self):
        while True:
            self.receive()

    def do_close(self):
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.setblocking(False)
            try:
                self.sock.unwrap()
            except OSError:
                pass  # the client's close_notify is not waited for
        raise Ended

    def do_cut(self):
        raise Ended

    def do_reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended
