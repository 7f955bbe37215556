"""Prints, as HTML, what a terminal shows of `cpp-portal wait`, half-way and at the end.

usage: terminal.py SCENARIO     a scenario of the portal emulator: it is what the command waits for

The command is that of this tree. Its output is that of a run on a terminal, against an emulator at ten times the speed.
"""
import html
import itertools
import json
import os
import re
import subprocess
import sys

COLUMNS, ROWS = 84, 20
WAIT = "wait --interval 0.5 contoso contoso-vm contoso-app".split()
LUA = os.environ.get("LUA", "lua5.4")
TREE = "lua/?.lua;lua/?/init.lua;emulator/?.lua;emulator/?/init.lua;"


class Screen:
    """What the sequences that the command uses do to a terminal."""

    def __init__(self):
        self.lines, self.row, self.column, self.style = [[]], 0, 0, ""

    def put(self, character):
        line = self.lines[self.row]
        line.extend([(" ", "")] * (self.column + 1 - len(line)))
        line[self.column] = (character, self.style)
        self.column += 1

    def newline(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def control(self, number, letter):
        if letter == "A":
            self.row -= int(number or 1)
        elif letter == "J":
            del self.lines[self.row + 1:], self.lines[self.row][self.column:]
        elif letter == "m":
            self.style = "" if number in ("", "0") else "terminal-" + number
        else:
            raise ValueError("a sequence that this terminal does not know: " + letter)

    def html(self):
        lines = []
        for line in self.lines:
            parts = []
            for style, cells in itertools.groupby(line, lambda cell: cell[1]):
                text = html.escape("".join(character for character, _ in cells))
                parts.append('<span class="%s">%s</span>' % (style, text) if style else text)
            lines.append("".join(parts).rstrip())
        return "\n".join(lines).rstrip()


def screens(output):
    """The screens of a run: each before the command erases what it has drawn, and the last one."""
    screen, shown, drawn = Screen(), [], ""
    for number, letter, character in re.findall(r"\x1b\[([\d;]*)([A-Za-z])|(.)", output, re.DOTALL):
        if letter == "J":
            shown.append(drawn)
        if letter:
            screen.control(number, letter)
        elif character == "\r":
            drawn, screen.column = screen.html(), 0
        elif character == "\n":
            screen.newline()
        else:
            screen.put(character)
    return shown + [screen.html()]


def run(scenario):
    """What the terminal gets."""
    environment = dict(os.environ, LUA_PATH_5_4=TREE + os.environ.get("LUA_PATH_5_4", ";"),
                       LUA_CPATH_5_4=os.environ.get("BUILD", "build") + "/?.so;" + os.environ.get("LUA_CPATH_5_4", ";"))
    for name in ("LUA_PATH", "LUA_CPATH", "NO_COLOR"):
        environment.pop(name, None)
    ready, write_end = os.pipe()
    emulator = subprocess.Popen(
        [LUA, "bin/cpp-portal", "emulate", "--watch-stdin", "--speed", "10", "--scenario", scenario,
         "--ready", "/dev/fd/%d" % write_end], stdin=subprocess.PIPE, pass_fds=[write_end], env=environment)
    os.close(write_end)
    try:
        with open(ready) as told:
            line = told.readline() or sys.exit("the portal emulator did not start; it needs: make deps")
        environment.update(CPP_BASE_URL=json.loads(line)["url"], AZURE_TOKEN="emulator-token", TERM="xterm")
        return subprocess.run(
            [sys.executable, "spec/support/terminal.py", str(COLUMNS), str(ROWS), "--", LUA, "bin/cpp-portal"] + WAIT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, env=environment).stdout.decode()
    finally:
        emulator.stdin.close()
        emulator.wait()


def main():
    shown = screens(run(sys.argv[1]))
    prompt = "$ cpp-portal " + " ".join(WAIT) + "\n"
    for text in (shown[len(shown) // 2], shown[-1]):
        print('<pre class="terminal">%s%s</pre>' % (html.escape(prompt), text))


main()
