"""An HTTP/2 server that misbehaves as its arguments say. For specs; needs python3-h2.

    h2server.py CERTIFICATE KEY BEHAVIOUR

It prints its port, then one line for each request: the number of its connection, its stream's id and
its method. It ends when its standard input does.

Behaviours, of the first request on each connection unless said otherwise:
  answer            200 and a body
  kept-BEHAVIOUR    the first request of a connection is answered, the second meets the behaviour
  goaway-before     GOAWAY with a last stream id below the request's: not processed
  goaway-after      GOAWAY that covers the request, then no answer and the end of the connection
  goaway-answer     GOAWAY that covers the request, then its answer
  refused           RST_STREAM REFUSED_STREAM: not processed
  internal          RST_STREAM INTERNAL_ERROR
  reset-complete    the whole answer, then RST_STREAM NO_ERROR
  reset-whole-body  headers and a whole body without END_STREAM, then RST_STREAM NO_ERROR
  never-ends        headers and a whole body without END_STREAM, and nothing more
  reset-cut         headers and half of the body, then RST_STREAM NO_ERROR
  reset-at-once     the same, all in one piece
  reset-headers     RST_STREAM NO_ERROR and no answer
  cancel-complete   the whole answer, then RST_STREAM CANCEL
  unread            lets no body come in, and answers at once: 202, then RST_STREAM NO_ERROR
  close             the end of the connection, without an answer
"""

import os
import socket
import ssl
import sys
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

BODY = b'{"status":"running"}'
NO_ERROR = h2.errors.ErrorCodes.NO_ERROR
HEADERS = [(":status", "200"), ("content-type", "application/json")]


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(connection, stream):
    connection.send_headers(stream, HEADERS + [("content-length", str(len(BODY)))])
    connection.send_data(stream, BODY, end_stream=True)


def reset(connection, stream, code):
    """RST_STREAM, also on a stream that h2 takes for closed."""
    try:
        connection.reset_stream(stream, code)
    except h2.exceptions.StreamClosedError:
        frame = b"\x00\x00\x04\x03\x00" + stream.to_bytes(4, "big") + int(code).to_bytes(4, "big")
        connection._data_to_send += frame


def reset_later(connection, sock, stream):
    """RST_STREAM in a packet of its own, when the client has read what came before."""
    sock.sendall(connection.data_to_send())
    time.sleep(0.03)
    reset(connection, stream, NO_ERROR)


def behave(connection, sock, stream, behaviour):
    """Returns whether the connection goes on."""
    if behaviour == "answer":
        answer(connection, stream)
    elif behaviour == "goaway-before":
        connection.close_connection(NO_ERROR, last_stream_id=stream - 2 if stream > 1 else 0)
        return False
    elif behaviour == "goaway-after":
        connection.close_connection(NO_ERROR, last_stream_id=stream)
        return False
    elif behaviour == "goaway-answer":
        answer(connection, stream)
        data = connection.data_to_send()
        connection.close_connection(NO_ERROR, last_stream_id=stream)
        connection._data_to_send = bytearray(connection.data_to_send() + data)
        return False
    elif behaviour == "refused":
        reset(connection, stream, h2.errors.ErrorCodes.REFUSED_STREAM)
    elif behaviour == "internal":
        reset(connection, stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
    elif behaviour == "reset-complete":
        answer(connection, stream)
        reset(connection, stream, NO_ERROR)
    elif behaviour == "cancel-complete":
        answer(connection, stream)
        reset(connection, stream, h2.errors.ErrorCodes.CANCEL)
    elif behaviour == "reset-whole-body":
        connection.send_headers(stream, HEADERS + [("content-length", str(len(BODY)))])
        connection.send_data(stream, BODY)
        reset_later(connection, sock, stream)
    elif behaviour == "never-ends":
        connection.send_headers(stream, HEADERS + [("content-length", str(len(BODY)))])
        connection.send_data(stream, BODY)
    elif behaviour == "reset-cut":
        connection.send_headers(stream, HEADERS)
        connection.send_data(stream, BODY[:10])
        reset_later(connection, sock, stream)
    elif behaviour == "reset-at-once":
        connection.send_headers(stream, HEADERS)
        connection.send_data(stream, BODY[:10])
        reset(connection, stream, NO_ERROR)
    elif behaviour == "reset-headers":
        reset(connection, stream, NO_ERROR)
    elif behaviour == "unread":
        connection.send_headers(stream, [(":status", "202"), ("content-length", "0")], end_stream=True)
        reset(connection, stream, NO_ERROR)
    elif behaviour == "close":
        return False
    else:
        raise ValueError(behaviour)
    return True


def serve(sock, number, behaviour):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    if behaviour == "unread":
        connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    connection.initiate_connection()
    sock.sendall(connection.data_to_send())
    count = 0
    going = True
    while going:
        data = sock.recv(65536)
        if not data:
            break
        methods = {}
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                methods[event.stream_id] = dict(event.headers)[b":method"].decode()
                count += 1
                say(f"{number} {event.stream_id} {methods[event.stream_id]}")
                if behaviour == "unread":
                    behave(connection, sock, event.stream_id, behaviour)
            if isinstance(event, h2.events.StreamEnded) and going and behaviour != "unread":
                what = behaviour
                if what.startswith("kept-"):
                    what = "answer" if count == 1 else what[5:]
                going = behave(connection, sock, event.stream_id, what)
        sock.sendall(connection.data_to_send())
    sock.close()


def accept(listener, context, behaviour):
    number = 0
    while True:
        plain, _ = listener.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1

        def run(plain=plain, number=number):
            try:
                serve(context.wrap_socket(plain, server_side=True), number, behaviour)
            except (OSError, h2.exceptions.ProtocolError):
                plain.close()  # the client has gone

        threading.Thread(target=run, daemon=True).start()


def main():
    certificate, key, behaviour = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    say(str(listener.getsockname()[1]))
    threading.Thread(target=accept, args=(listener, context, behaviour), daemon=True).start()
    sys.stdin.buffer.read()  # until whoever started this ends
    os._exit(0)


main()
