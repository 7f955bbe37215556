"""Mutants of lua/cpp/: each file of specs that runs the changed line is a stage, the quick ones first."""

import glob
import os
import subprocess
import sys

import mutations_lua
from tree import Tree

# What tells nothing about lua/cpp/ (how the module was built, and the manual's form), or no more than a quicker file:
# the same over TLS, and a session with the pauses of a person.
ASIDE = ["spec/unit/client/hardening_spec.lua", "spec/project/man_spec.lua", "spec/faults/responses_https_spec.lua",
         "spec/project/session_spec.lua"]
# Builds the counter of lines.
COUNTER = "cc -O2 -shared -fPIC -D_GNU_SOURCE $(pkg-config --cflags lua5.4) -o build/lines.so torture/coverage/lines.c"


class LuaTree(Tree):
    SOURCES = ["lua/cpp/**/*.lua"]
    LEFT_OUT = ["lua/cpp/types/", "lua/cpp/version.lua"]
    GRACE = 10

    of_file = staticmethod(mutations_lua.of_file)

    def prepare(self):
        if not (self.run(["make", "-s", "all", "examples"], 240)
                and self.run(["make", "-s", "all", "POLLER=poll", "BUILD=build/poll"], 240)
                and self.run(["sh", "-c", COUNTER], 60)):
            sys.exit("the tree does not build")

    def measure(self):
        super().measure()
        self.lines = {path: self.lines_of(path, command) for path, command, _ in self.stages()}

    def lines_of(self, path, command):
        """The lines that a stage runs: "file:line"."""
        directory = os.path.join(self.path, "build", "lines", path)
        os.makedirs(directory)
        # To the end: specs that measure time may fail with the counter.
        self.run(["busted", command[-1]], 600, LINES_DIRECTORY=directory,
                 LUA_INIT_5_4=f"package.loadlib('{self.path}/build/lines.so', 'luaopen_lines')()")
        lines = set()
        for process in glob.glob(directory + "/*"):
            with open(process) as file:
                lines.update(file.read().split())
        return lines

    def stages(self, mutation=None):
        paths = [path for path in sorted(glob.glob("spec/**/*_spec.lua", root_dir=self.path, recursive=True))
                 if path not in ASIDE]
        if mutation:
            line = f"{mutation.file}:{mutation.line}"
            # The counter knows no line that has no instructions, as in the middle of an expression.
            paths = [path for path in paths if line in self.lines[path]] or paths
            paths.sort(key=self.usual.get)
        for path in paths:
            yield path, ["busted", "--no-keep-going", path], {}
        # A loop has other work where the core has no descriptor to watch.
        if not mutation or "/loop/" in mutation.file:
            for path in glob.glob("spec/loop/*_spec.lua", root_dir=self.path):
                yield f"{path} with poll", ["busted", "--no-keep-going", path], {"BUILD": "build/poll"}

    def build(self, mutation, original):
        before, after = compiled(original), compiled(mutation.apply(original))
        return "invalid" if after is None else "same" if after == before else None


def compiled(text):
    """The code of Lua without what helps to debug it; or None."""
    program = "local chunk = load(io.read 'a', '=') io.write(chunk and string.dump(chunk, true) or '')"
    return subprocess.run([os.environ.get("LUA", "lua5.4"), "-e", program], input=text.encode(), capture_output=True,
                          check=True).stdout or None
