"""Servers that misbehave as a script says, over HTTP/1.1, HTTP/1.1 with TLS, and HTTP/2 with TLS.

spec/support/fault_server.lua starts it, connects to the port that it prints, and speaks to it: one JSON
object on a line, one in return.

    {"do": "start", "transport": "http" | "https" | "http2", ...}   -> {"id": ..., "port": ...}
    {"do": "idle", "id": ...}      -> {}    see `idle` below
    {"do": "heal", "id": ...}      -> {}    from now on the listener is a good service
    {"do": "stop", "id": ...}      -> what came in: see Listener.record

It ends when its standard input does. Further keys of "start":

    certificate, key    files; and, of OpenSSL: protocol ("TLSv1", ...), ciphers
    accept              steps done with a connection before anything is read, TLS or not
    steps               what a request gets. After the last one the next request is read
    kept                the first request of each connection is answered well, the others meet `steps`
    idle                steps done after such an answer, on the first connection, when "idle" is said; all
                        requests are answered well then
    unread              HTTP/2: the steps are taken at the headers of a request, and its body has no room

A step is a list: a name and its arguments. $PORT in a text is the listener's port.

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

import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
import warnings

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

CHUNK = 65536
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
ENDLESS = ("stall", "pour", "flood", "drip")
PATIENCE = 10  # seconds for which "stop" waits for what the client left behind
LOCATION = "/api/publishers/contoso/offers/contoso-vm/operations/56615b67?api-version=2017-10-31"
GOOD = {
    "POST": [["answer", 202, [["Location", LOCATION]], ""]],
    "GET": [["answer", 200, [["Content-Type", "application/json"]], '{"status":"running"}']],
}


# Old protocols are what this is for.
warnings.simplefilter("ignore", DeprecationWarning)


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


class Listener:
    """One port and its script."""

    def __init__(self, order):
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        order = self.fill(order)
        self.kind = Http2 if order["transport"] == "http2" else Http1
        self.steps = order.get("steps") or []
        self.accept_steps = order.get("accept") or []
        self.kept = order.get("kept")
        self.idle_steps = order.get("idle")
        self.idle = threading.Event()
        self.unread = order.get("unread")
        self.healed = False
        self.stopping = False
        self.context = self.make_context(order) if order["transport"] != "http" else None
        self.good_context = self.make_context(order["good"]) if self.context else None
        # Bytes: of requests, until it is healed.
        self.record = {"connections": 0, "handshakes": 0, "bytes": 0, "requests": []}
        self.threads = []
        self.connections = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def fill(self, value):
        if isinstance(value, str):
            return value.replace("$PORT", str(self.port))
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if value == {}:
            return []  # Lua has one empty table
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        return value

    def make_context(self, order):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # So that weak certificates and old protocols can be served at all.
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(order.get("ciphers", "ALL") + ":@SECLEVEL=0")
        if "protocol" in order:
            context.minimum_version = getattr(ssl.TLSVersion, order["protocol"])
            context.maximum_version = context.minimum_version
        context.load_cert_chain(order["certificate"], order["key"])
        context.set_alpn_protocols(["h2"] if self.kind is Http2 else ["http/1.1"])
        return context

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            if self.stopping:  # this is the connection that stop() made
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.record["connections"] += 1
            connection = self.kind(self, sock, self.record["connections"])
            self.connections.append(connection)
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        healed = self.healed
        try:
            if not healed:
                Connection.run(connection, self.accept_steps)
            if self.context:
                context = self.good_context if healed else self.context
                connection.sock = context.wrap_socket(connection.sock, server_side=True)
                with self.lock:
                    self.record["handshakes"] += 1
            connection.busy = False
            connection.serve()
        except (Ended, OSError, h2.exceptions.ProtocolError):
            pass  # as the script says, or the client has gone
        finally:
            connection.sock.close()
            connection.busy = False

    def settle(self):
        """Waits until every script has come to its end, or to where it waits for the client."""
        deadline = time.monotonic() + PATIENCE
        while any(connection.busy for connection in self.connections) and time.monotonic() < deadline:
            time.sleep(0.001)

    def begin_idle(self):
        self.idle.set()
        self.settle()

    def heal(self):
        self.settle()
        self.healed = True

    def count_bytes(self, count):
        if not self.healed:
            with self.lock:
                self.record["bytes"] += count

    def note(self, connection, method, target, authorization, good):
        with self.lock:
            self.record["requests"].append({
                "connection": connection.number, "method": method, "target": target,
                "authorization": authorization, "good": bool(good)})

    def stop(self):
        """The record: all that ever came, since the client has closed and everything is read to its end."""
        self.stopping = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()
        deadline = time.monotonic() + PATIENCE
        for thread in self.threads:
            thread.join(max(0, deadline - time.monotonic()))
        self.record["hanging"] = any(thread.is_alive() for thread in self.threads)
        return self.record


def obey(listeners, order):
    if order["do"] == "start":
        identity = len(listeners) + 1
        listeners[identity] = Listener(order)
        return {"id": identity, "port": listeners[identity].port}
    listener = listeners[order["id"]]
    if order["do"] == "stop":
        listeners[order["id"]] = None
        return listener.stop()
    if order["do"] == "idle":
        listener.begin_idle()
    else:
        listener.heal()
    return {}


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    threading.Thread(target=end_with_input, daemon=True).start()
    listeners = {}
    with socket.create_server(("127.0.0.1", 0)) as entrance:
        print(entrance.getsockname()[1], flush=True)
        control = entrance.accept()[0]
    control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with control.makefile("rw", encoding="latin-1", newline="\n") as stream:
        for line in stream:
            stream.write(json.dumps(obey(listeners, json.loads(line))) + "\n")
            stream.flush()
    os._exit(0)


main()
