"""Servers that misbehave as a script says, over HTTP/1.1, plain and with TLS.

spec/support/fault_server.lua starts it, connects to the port that it prints, and speaks to it: one JSON
object on a line, one in return.

    {"do": "start", "transport": "http" | "https", ...}   -> {"id": ..., "port": ...}
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

The steps are those of fault_connections.py. $PORT in a text is the listener's port.
"""

import functools
import json
import os
import socket
import ssl
import sys
import threading
import time
import warnings

sys.dont_write_bytecode = True  # of the following, next to it
from fault_connections import Connection, Ended  # noqa: E402

PATIENCE = 10  # seconds for which "stop" waits for what the client left behind
# Old protocols are what this is for.
warnings.simplefilter("ignore", DeprecationWarning)


@functools.cache
def make_context(certificate, key, protocol, ciphers):
    """A server's TLS settings: most listeners have the same."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # So that weak certificates and old protocols can be served at all.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    if protocol:
        context.minimum_version = getattr(ssl.TLSVersion, protocol)
        context.maximum_version = context.minimum_version
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Listener:
    """One port and its script."""

    def __init__(self, order):
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        order = self.fill(order)
        self.steps = order.get("steps") or []
        self.accept_steps = order.get("accept") or []
        self.kept = order.get("kept")
        self.idle_steps = order.get("idle")
        self.idle = threading.Event()
        self.healed = False
        self.stopping = False
        self.context = self.context_for(order) if order["transport"] != "http" else None
        self.good_context = self.context_for(order["good"]) if self.context else None
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

    def context_for(self, order):
        return make_context(order["certificate"], order["key"], order.get("protocol"), order.get("ciphers", "ALL"))

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            if self.stopping:  # this is the connection that stop() made
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.record["connections"] += 1
            connection = Connection(self, sock, self.record["connections"])
            self.connections.append(connection)
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        healed = self.healed
        try:
            if not healed:
                connection.run(self.accept_steps)
            if self.context:
                context = self.good_context if healed else self.context
                connection.sock = context.wrap_socket(connection.sock, server_side=True)
                with self.lock:
                    self.record["handshakes"] += 1
            connection.busy = False
            connection.serve()
        except (Ended, OSError):
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
