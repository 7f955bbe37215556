"""Connections that do what a script says, over HTTP/1.1 and HTTP/2: what fault_server.py serves.

A step is a list: a name and its arguments.

    answer status headers body     a whole answer, its length added
    head status headers            its beginning (headers: a list of pairs)
    body data, end                 the rest of it; `end` matters to HTTP/2 only
    flood data                     the same data as body, until the client has gone or ends the stream
    send data                      bytes as they are, past HTTP and HTTP/2
    pour data                      the same bytes as they are, until the client has gone
    drip data seconds              one byte after the other, so far apart
    pause seconds
    taken                          nothing, until the client has read all that was sent
    stall                          nothing more, until the client has gone
    close | cut | reset            the end of the connection: in good order (over TLS after a close_notify);
                                   with FIN alone; with RST
    headers fields                 HTTP/2: HEADERS with these fields and no others
    goaway how                     HTTP/2: GOAWAY that covers the request ("covering") or does not ("before")
    reset_stream code              HTTP/2: RST_STREAM, also after the end of a stream
"""

import select
import socket
import ssl
import struct
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

CHUNK = 65536
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
ENDLESS = ("stall", "pour", "flood", "drip")
LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/56615b67?api-version=2017-10-31"
GOOD = {
    "POST": [["answer", 202, [["Location", LOCATION]], ""]],
    "GET": [["answer", 200, [["Content-Type", "application/json"]], '{"status":"running"}']],
}


class Ended(Exception):
    """The script, or the client, has ended the connection."""


def to_bytes(text):
    return text.encode("latin-1")  # a byte is a character of the script


def unread_bytes(ours, theirs):
    """How many bytes the kernel holds for the client at `theirs`: what it was sent and did not read.

    https://man7.org/linux/man-pages/man7/sock_diag.7.html
    """
    any_cookie = 0xffffffff
    identity = struct.pack("!HH16s16s", theirs[1], ours[1], socket.inet_aton(theirs[0]), socket.inet_aton(ours[0]))
    identity += struct.pack("=III", 0, any_cookie, any_cookie)
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xffffffff) + identity
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as link:
        link.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, 1, 1, 0) + request)
        reply = link.recv(CHUNK)
    if struct.unpack_from("=H", reply, 4)[0] != SOCK_DIAG_BY_FAMILY:
        return 0  # there is no such socket any more
    return struct.unpack_from("=I", reply, 16 + 56)[0]


class Connection:
    """What HTTP/1.1 and HTTP/2 have in common: the ends of a connection, and its raw bytes."""

    def __init__(self, listener, sock, number):
        self.listener = listener
        self.sock = sock
        self.number = number
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
        self.flush()

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

    def flush(self):
        pass

    def do_send(self, data):
        self.flush()
        self.sock.sendall(to_bytes(data))

    def do_pour(self, data):
        self.flush()
        while True:
            self.sock.sendall(to_bytes(data))

    def do_drip(self, data, seconds):
        self.flush()
        for byte in to_bytes(data):
            self.sock.sendall(bytes([byte]))
            time.sleep(seconds)

    def do_pause(self, seconds):
        self.flush()
        time.sleep(seconds)

    def do_taken(self):
        self.flush()
        while unread_bytes(self.sock.getsockname(), self.sock.getpeername()) > 0:
            time.sleep(0.001)

    def do_stall(self):
        self.flush()
        while True:
            self.receive()

    def do_close(self):
        self.flush()
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.setblocking(False)
            try:
                self.sock.unwrap()
            except OSError:
                pass  # the client's close_notify is not waited for
        raise Ended

    def do_cut(self):
        self.flush()
        raise Ended

    def do_reset(self):
        self.flush()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended


class Http1(Connection):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.buffer = b""

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

    def do_answer(self, status, headers, body):
        length = [] if status in (204, 304) else [["Content-Length", str(len(body))]]
        self.do_head(status, headers + length)
        self.do_body(body)

    def do_head(self, status, headers):
        lines = [f"HTTP/1.1 {status} Status"] + [f"{name}: {value}" for name, value in headers]
        self.do_send("\r\n".join(lines) + "\r\n\r\n")

    def do_body(self, data):
        self.do_send(data)

    def do_end(self):
        pass

    def do_flood(self, data):
        self.do_pour(data)


class Http2(Connection):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        # What a server must not send has to pass here.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False,
            validate_inbound_headers=False))
        self.stream = 0

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def serve(self):
        if self.listener.unread:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self.h2.initiate_connection()
        self.flush()
        requests = {}
        while True:
            events = self.h2.receive_data(self.receive())
            for event in events:
                if isinstance(event, h2.events.RequestReceived):
                    requests[event.stream_id] = {name.decode(): value.decode() for name, value in event.headers}
                    if self.listener.unread:
                        self.answer_stream(event.stream_id, requests[event.stream_id])
                elif isinstance(event, h2.events.StreamEnded) and not self.listener.unread:
                    self.answer_stream(event.stream_id, requests[event.stream_id])
            self.flush()

    def answer_stream(self, stream, headers):
        self.stream = stream
        self.respond(headers[":method"], headers[":path"], headers)

    def do_headers(self, fields):
        self.h2.send_headers(self.stream, [tuple(field) for field in fields])

    def do_answer(self, status, headers, body):
        self.do_head(status, headers + [["content-length", str(len(body))]])
        if body:
            self.do_body(body)
        self.do_end()

    def do_head(self, status, headers):
        fields = [(":status", str(status))] + [(name.lower(), value) for name, value in headers]
        self.h2.send_headers(self.stream, fields)

    def do_body(self, data):
        data = to_bytes(data)
        size = self.h2.max_outbound_frame_size
        for start in range(0, len(data), size):
            if start > 0:
                self.flush()
            self.h2.send_data(self.stream, data[start:start + size])

    def do_end(self):
        self.h2.end_stream(self.stream)

    def do_flood(self, data):
        while True:
            self.do_body(data)
            self.flush()
            while self.sock.pending() or select.select([self.sock], [], [], 0)[0]:
                for event in self.h2.receive_data(self.receive()):
                    if isinstance(event, h2.events.StreamReset):
                        return  # the client has had enough

    # h2 takes a connection with GOAWAY, and a stream with RST_STREAM, for closed: past it.

    def do_goaway(self, how):
        last = self.stream if how == "covering" else max(0, self.stream - 2)
        self.send_frame(7, 0, struct.pack(">II", last, h2.errors.ErrorCodes.NO_ERROR))

    def do_reset_stream(self, code):
        self.send_frame(3, self.stream, struct.pack(">I", h2.errors.ErrorCodes[code]))

    def send_frame(self, kind, stream, payload):
        head = struct.pack(">I", len(payload))[1:] + bytes([kind, 0]) + struct.pack(">I", stream)
        self.sock.sendall(self.h2.data_to_send() + head + payload)
