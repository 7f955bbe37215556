"""Mutants of lua/cpp/: each file of specs that runs the changed line is a stage. Those named after the changed file come
first, then the quick ones."""

import concurrent.futures
import glob
import os
import subprocess
import sys

import mutations_lua
from tree import Tree

# Files whose specs have other names: what is tried first for them.
SUBJECTS = {
    "client": ["cancel", "offers", "types/results"],
    "dispatch": ["loop/", "host"],
    "environment": ["module"],
    "init": ["module"],
    "queue": ["batch"],
    "redact": ["secrets", "error", "log"],
    "status": ["wait", "offers", "progress"],
}
# What tells nothing about lua/cpp/ (how the module was built, and the manual's form), or no more than a quicker file:
# the same over TLS, and a session with the pauses of a person.
ASIDE = ["spec/unit/client/hardening_spec.lua", "spec/project/man_spec.lua", "spec/faults/responses_https_spec.lua",
         "spec/project/session_spec.lua"]


class LuaTree(Tree):
    SOURCES = ["lua/cpp/**/*.lua"]
    LEFT_OUT = ["lua/cpp/types/", "lua/cpp/version.lua"]
    GRACE = 10

    of_file = staticmethod(mutations_lua.of_file)

    def prepare(self):
        if not (self.run(["make", "-s", "all", "examples", "BUILD=build/epoll"], 240)
                and self.run(["make", "-s", "all", "POLLER=poll", "BUILD=build/poll"], 240)):
            sys.exit("the tree does not build")
        os.symlink("epoll/cpp", os.path.join(self.path, "build", "cpp"))  # where programs of the specs look

    def measure(self):
        super().measure()
        headers = subprocess.run(["pkg-config", "--cflags", "lua5.4"], capture_output=True, text=True, check=True).stdout
        counter = os.path.join(self.path, "build", "lines.so")
        if not self.run(["cc", "-O2", "-shared", "-fPIC", "-D_GNU_SOURCE", *headers.split(), "-o", counter,
                         "torture/coverage/lines.c"], 60):
            sys.exit("the counter of lines does not build")
        initial = f"package.loadlib('{counter}', 'luaopen_lines')()"

        def lines_of(stage):
            path, (runner, *_), environment = stage
            directory = os.path.join(self.path, "build", "lines", path)
            os.makedirs(directory)
            # To the end: specs that measure time may fail with the counter.
            self.run([runner, path], 600, LINES_DIRECTORY=directory, LUA_INIT_5_4=initial, **environment)
            lines = set()
            for process in glob.glob(directory + "/*"):
                with open(process) as file:
                    lines.update(file.read().split())
            return path, lines

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            stages = [stage for stage in self.stages("epoll", "build/epoll") if not stage[0].endswith("with poll")]
            self.lines = dict(pool.map(lines_of, stages))

    def share(self, measured):
        super().share(measured)
        self.lines = measured.lines

    def stages(self, variant, build, mutation=None):
        paths = [path for path in sorted(glob.glob("spec/**/*_spec.lua", root_dir=self.path, recursive=True))
                 if path not in ASIDE]
        if mutation:
            near = subjects(mutation.file)
            line = f"{mutation.file}:{mutation.line}"
            # The counter knows no line that has no instructions, as in the middle of an expression.
            paths = [path for path in paths if line in self.lines[path]] or paths
            paths.sort(key=lambda path: (not any(word in path for word in near), self.usual[variant, path]))
        for path in paths:
            yield path, ["busted", "--no-keep-going", path], {"BUILD": build}
        # A loop has other work where the core has no descriptor to watch.
        if not mutation or "/loop/" in mutation.file:
            for path in glob.glob("spec/loop/*_spec.lua", root_dir=self.path):
                yield f"{path} with poll", ["busted", "--no-keep-going", path], {"BUILD": "build/poll"}

    def build(self, mutation, original):
        before, after = compiled(original), compiled(mutation.apply(original))
        return "invalid" if after is None else "same" if after == before else "build/epoll"


def subjects(file):
    """What the names of those specs hold that are about a file."""
    path = file.removeprefix("lua/cpp/").removesuffix(".lua")
    name = os.path.basename(path)
    if path.startswith(("command/", "loop/")):
        return [path + "_spec", os.path.dirname(path) + "/"]
    return [f"/{name}_", f"/{name}/", *SUBJECTS.get(name, [])]


def compiled(text):
    """The code of Lua without what helps to debug it; or None."""
    program = "local chunk = load(io.read 'a', '=') io.write(chunk and string.dump(chunk, true) or '')"
    return subprocess.run([os.environ.get("LUA", "lua5.4"), "-e", program], input=text.encode(), capture_output=True,
                          check=True).stdout or None
