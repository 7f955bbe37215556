"""Mutants of csrc/: built, then tried by stages of specs and checks, the quick and telling ones first."""

import glob
import os
import shutil
import sys

import mutations_c
from tree import Tree

FIRST = ["spec/core", "spec/unit/client/cancel_spec.lua", "spec/unit/retry_spec.lua", "spec/unit/wait/wait_spec.lua", "spec/unit/auth/auth_spec.lua",
         "spec/unit/init_spec.lua", "spec/unit/error_spec.lua"]
SECOND = ["spec/faults"]
# What tells nothing about csrc/, or only how it was built.
ASIDE = ["spec/project/doc_spec.lua", "spec/unit/client/hardening_spec.lua", "spec/project/man_spec.lua"]
# The checks whose subject the specs cannot see: leaks, memory running out, descriptors, collections. They build for
# themselves.
WITHOUT_WARNINGS = {"MAKEFLAGS": "WARNINGS=-w"}
CHECKS = [
    ("memory", ["torture/checks/sweep", "6"], {}),
    ("calls", ["torture/checks/sweep", "1", "calls"], {}),
    ("sanitizers", ["torture/checks/sanitize", "spec/core"], {}),
    ("collections", ["torture/checks/sanitize", "spec/core"], {"COLLECT_EVERY": "10 100"}),
]


class CTree(Tree):
    SOURCES = ["csrc/*.c"]

    of_file = staticmethod(mutations_c.of_file)

    def prepare(self):
        for poller in "poll", "epoll":
            if not self.make(poller, f"build/{poller}"):
                sys.exit("the tree does not build")

    def make(self, poller, build):
        # Without -g, so that equal code is equal bytes; a mutation may earn a warning.
        return self.run(["make", "-s", "all", f"POLLER={poller}", f"BUILD={build}", "CFLAGS=-O2", "WARNINGS=-w"], 120)

    def stages(self, mutation=None):
        specs = ["busted", "--no-keep-going"]
        poller = poller_of(mutation) if mutation else None
        if poller != "epoll":
            build = {"BUILD": "build/mutant" if mutation else "build/poll"}
            yield "core and faults with poll", [*specs, "spec/core", *SECOND], build
            yield "calls with poll", ["torture/checks/sweep", "1", "calls"], {"POLLER": "poll", **WITHOUT_WARNINGS}
        if poller != "poll":
            build = {"BUILD": "build/mutant" if mutation else "build/epoll"}
            known = set(FIRST + SECOND + ASIDE)
            rest = [path for path in sorted(glob.glob("spec/unit/**/*_spec.lua", root_dir=self.path, recursive=True))
                    if path not in known]
            yield "first specs", [*specs, *FIRST], build
            yield "faults", [*specs, *SECOND], build
            yield "other specs", [*specs, *rest, "spec/loop"], build
            for name, command, environment in CHECKS:
                yield name, command, {**environment, **WITHOUT_WARNINGS}

    def build(self, mutation, original):
        poller, name = poller_of(mutation), object_of(mutation)
        base, build = os.path.join(self.path, "build", poller), os.path.join(self.path, "build", "mutant")
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(os.path.join(base, "obj"), os.path.join(build, "obj"))
        if not self.make(poller, "build/mutant"):
            return "invalid"
        with open(os.path.join(base, "obj", name), "rb") as one, open(os.path.join(build, "obj", name), "rb") as two:
            return "same" if one.read() == two.read() else None

    def clean(self, mutation):
        for stale in glob.glob(f"build/**/obj/{object_of(mutation)}", root_dir=self.path, recursive=True):
            if not stale.startswith(("build/epoll/", "build/poll/")):
                os.remove(os.path.join(self.path, stale))


def poller_of(mutation):
    """Which of the module's builds the mutation concerns."""
    return "poll" if mutation.file.endswith("poller_poll.c") else "epoll"


def object_of(mutation):
    return os.path.basename(mutation.file)[:-2] + ".o"
