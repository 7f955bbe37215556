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
# The checks whose subject the specs cannot see: leaks, memory running out, descriptors, forks.
CHECKS = [["sweep", "6"], ["life"], ["sweep", "1", "calls"], ["sanitize", "spec/core"]]


class CTree(Tree):
    SOURCES = ["csrc/*.c"]

    of_file = staticmethod(mutations_c.of_file)

    def prepare(self):
        for poller in self.variants():
            if not self.make(poller, f"build/{poller}"):
                sys.exit("the tree does not build")

    def make(self, poller, build):
        # Without -g, so that equal code is equal bytes; a mutation may earn a warning.
        return self.run(["make", "-s", "all", f"POLLER={poller}", f"BUILD={build}", "CFLAGS=-O2", "WARNINGS=-w"], 120)

    def variants(self):
        return ["poll", "epoll"]

    def variant(self, mutation):
        return "poll" if mutation.file.endswith("poller_poll.c") else "epoll"

    def stages(self, variant, build, mutation=None):
        """The checks build for themselves."""
        specs = ["busted", "--no-keep-going"]
        if variant == "poll":
            yield "core and faults", [*specs, "spec/core", *SECOND], {"BUILD": build}
            yield "calls", ["torture/checks/sweep", "1", "calls"], {"MAKEFLAGS": "WARNINGS=-w", "POLLER": "poll"}
            return
        known = set(FIRST + SECOND + ASIDE)
        rest = [path for path in sorted(glob.glob("spec/unit/**/*_spec.lua", root_dir=self.path, recursive=True))
                if path not in known]
        yield "first specs", [*specs, *FIRST], {"BUILD": build}
        yield "faults", [*specs, *SECOND], {"BUILD": build}
        yield "other specs", [*specs, *rest, "spec/loop"], {"BUILD": build}
        for check, *words in CHECKS:
            yield " ".join([check, *words]), [f"torture/checks/{check}", *words], {"MAKEFLAGS": "WARNINGS=-w"}

    def build(self, mutation, original):
        poller, name = self.variant(mutation), object_of(mutation)
        base, build = os.path.join(self.path, "build", poller), os.path.join(self.path, "build", "mutant")
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(os.path.join(base, "obj"), os.path.join(build, "obj"))
        if not self.make(poller, "build/mutant"):
            return "invalid"
        with open(os.path.join(base, "obj", name), "rb") as one, open(os.path.join(build, "obj", name), "rb") as two:
            return "same" if one.read() == two.read() else "build/mutant"

    def clean(self, mutation):
        for stale in glob.glob(f"build/**/obj/{object_of(mutation)}", root_dir=self.path, recursive=True):
            if not stale.startswith(("build/epoll/", "build/poll/")):
                os.remove(os.path.join(self.path, stale))


def object_of(mutation):
    return os.path.basename(mutation.file)[:-2] + ".o"
