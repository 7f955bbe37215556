"""Types words into a shell on a terminal, each with a tab, and checks what the shell makes of them.

usage: completions.py COMMAND [TYPED COMPLETED]... -- SHELL [ARGUMENT]...
COMMAND: loads the completions. Prints what was not completed within a time; exits with 1 if there is any.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time

SECONDS = 20
end = sys.argv.index("--")
load, words, shell = sys.argv[1], sys.argv[2:end], sys.argv[end + 1:]


def start(directory):
    child, terminal = pty.fork()
    if child == 0:
        variables = {"TERM": "xterm", "HOME": directory, "XDG_CONFIG_HOME": directory, "XDG_DATA_HOME": directory}
        os.chdir(directory)
        os.execvpe(shell[0], shell, {**os.environ, **variables})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    return terminal


def appears(terminal, text):
    """Whether the terminal shows a text, as far as it has one line for it."""
    shown, give_up = "", time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode("utf-8", "replace")
            plain = re.sub(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07", "", shown)
            if text in re.sub(r"[\r\n\b]", "", plain):
                return True
    return False


with tempfile.TemporaryDirectory() as home:
    missing = False
    for typed, completed in zip(words[::2], words[1::2]):
        terminal = start(home)
        os.write(terminal, (load + "; echo rea''dy\n").encode())
        if not appears(terminal, "ready"):
            print("not loaded")
        os.write(terminal, (typed + "\t").encode())
        if not appears(terminal, completed):
            print(typed, "is not completed to", completed)
            missing = True
        os.close(terminal)
sys.exit(missing)
