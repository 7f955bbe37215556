#!/usr/bin/env python3
"""An origin that counts the POST requests it receives, on loopback ports that the system chooses.

    origin.py CERTIFICATE KEY

Prints its ports for HTTP and for HTTPS. Responds to a POST with 202 and an operation location, and to a GET with how
often each target was posted to, as JSON. Ends when its standard input ends.
"""
import asyncio
import collections
import json
import ssl
import sys

ACCEPTED = (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"
            b"Operation-Location: /api/operations/1?api-version=2017-10-31\r\n\r\n")
posts = collections.Counter()


def content_length(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(content_length(head))
            method, target, _ = head.decode().split(" ", 2)
            if method == "POST":
                posts[target] += 1
                writer.write(ACCEPTED)
            else:
                body = json.dumps(posts).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[1:3])
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024, ssl=tls) for tls in (None, context)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
