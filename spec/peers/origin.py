#!/usr/bin/env python3
"""An origin that counts the POST requests it receives, on a loopback port that the system chooses.

    origin.py [SECONDS]

Prints its port, then a second port that is free. Responds to a POST after SECONDS (default 0) with 202 and an
operation location, and to a GET with the number of POST requests so far. Ends when its standard input ends.
"""
import asyncio
import socket
import sys

DELAY = float(sys.argv[1]) if len(sys.argv) > 1 else 0
ACCEPTED = (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"
            b"Operation-Location: /api/operations/1?api-version=2017-10-31\r\n\r\n")
posts = 0


def content_length(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(reader, writer):
    global posts
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(content_length(head))
            if head.startswith(b"POST "):
                posts += 1
                await asyncio.sleep(DELAY)
                writer.write(ACCEPTED)
            else:
                body = b"%d" % posts
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    with socket.create_server(("127.0.0.1", 0)) as other:
        print(server.sockets[0].getsockname()[1], other.getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
