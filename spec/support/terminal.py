"""Runs a program on a terminal of a given size, types standard input, and writes what the terminal gets to standard output.

usage: terminal.py COLUMNS ROWS [COLUMNS-LATER] -- PROGRAM [ARGUMENT]...
COLUMNS-LATER: the terminal's width from the first "%" on. Exits with the status of the program.
"""
import fcntl
import os
import pty
import struct
import sys
import termios


def resize(descriptor, columns, rows):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


end = sys.argv.index("--")
sizes = [int(word) for word in sys.argv[1:end]]
child, terminal = pty.fork()
if child == 0:
    resize(0, sizes[0], sizes[1])
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
os.write(terminal, os.read(0, 4096) + b"\4")  # Ctrl-D
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
    if len(sizes) > 2 and b"%" in data:
        resize(terminal, sizes.pop(), sizes[1])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
