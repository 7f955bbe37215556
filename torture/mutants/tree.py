"""A copy of the tree, in which one mutant after another is tried."""

import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Tree:
    """A layer (layer_c.py, layer_lua.py) says what its mutants are and which stages of specs and checks try them."""

    SOURCES = ()  # patterns of the files that are changed
    LEFT_OUT = ()  # those of them that hold nothing to change
    PATIENCE, GRACE = 4, 20  # a stage may take so many times its time without a mutation, and so many seconds on top

    def __init__(self, place):
        self.path = place
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(ROOT, place, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
        os.mkdir(os.path.join(place, "build"))
        self.prepare()

    def prepare(self):
        """Builds what the stages need."""
        raise NotImplementedError

    def stages(self, mutation=None):
        """Yields (name, command, environment) in the order in which they are tried on a mutant; all, for none."""
        raise NotImplementedError

    def build(self, mutation, original):
        """Builds the mutant; returns why it is none, "invalid" or "same", or None."""
        raise NotImplementedError

    def clean(self, mutation):
        """Removes what checks built of the mutant."""

    def run(self, command, seconds, **environment):
        """Whether the command ends well; None if not within so many seconds. Whatever it started ends with it."""
        with open(os.path.join(self.path, "build", "output"), "w") as output:
            process = subprocess.Popen(command, cwd=self.path, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       start_new_session=True, env={**os.environ, "PWD": self.path, **environment})
            try:
                return process.wait(seconds) == 0
            except subprocess.TimeoutExpired:
                return None
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()

    def measure(self):
        """How long each stage takes without a mutation; all have to pass, a second time if a busy machine wants it."""
        self.usual = {}
        for name, command, environment in self.stages():
            started = time.monotonic()
            if not self.run(command, 600, **environment) and not self.run(command, 600, **environment):
                sys.exit(f"{name} fails without a mutation: see {self.path}/build/output")
            self.usual[name] = time.monotonic() - started

    def fails(self, stage, command, environment):
        """Whether the stage fails, twice: a spec that a busy machine lets fail kills no mutant."""
        seconds = self.PATIENCE * self.usual[stage] + self.GRACE
        for _ in range(2):
            ended = self.run(command, seconds, **environment)
            if ended is None:
                return True
            if ended:
                return False
        return True

    def try_mutant(self, mutation):
        """What became of the mutant: "invalid", "same", "killed by" what, or "survived"."""
        source = os.path.join(self.path, mutation.file)
        with open(source) as file:
            original = file.read()
        times = os.stat(source)
        try:
            with open(source, "w") as file:
                file.write(mutation.apply(original))
            none = self.build(mutation, original)
            if none:
                return none
            for stage, command, environment in self.stages(mutation):
                if self.fails(stage, command, environment):
                    return f"killed by {stage}"
            return "survived"
        finally:
            with open(source, "w") as file:
                file.write(original)
            os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
            self.clean(mutation)
