# SPDX-License-Identifier: MIT
"""A workload: one real program, its input, how it is run once, and what its output is.

Every run happens in the same folder, emptied before, so that paths in outputs are equal. The
outputs are moved aside afterwards and compared byte for byte; nothing in them is normalised.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

from . import measure

INPUTS = pathlib.Path(__file__).resolve().parent / "inputs"
# A run of a second or two that takes longer than this hangs.
TIMEOUT = 120


@contextlib.contextmanager
def started(command, **options):
    """A process with a session of its own; whatever is left of it is killed at the end."""
    process = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Workload:
    """What programs have in common. Subclasses say command(), and prepare() what they need."""

    name = ""
    # A library to preload for the baseline: only where a program is not linked to glibc's malloc.
    baseline_preload = None
    environment = {}
    # Files of a run that must be equal between allocators, relative to self.work.
    outputs = ["stdout", "stderr"]

    def __init__(self, folder, root):
        self.folder = pathlib.Path(folder) / self.name  # inputs, made once
        self.work = self.folder / "work"  # a run's own folder
        self.root = pathlib.Path(root)  # of this project
        self.folder.mkdir(parents=True)

    def prepare(self):
        """Makes the inputs in self.folder."""

    def before_run(self):
        """Puts into self.work what a run changes. Not measured."""

    def command(self):
        """The words of the program."""
        raise NotImplementedError

    def stdin(self):
        """A file to read from."""
        return os.devnull

    def run(self, wrap):
        """One run of wrap(command), the measured command; returns its exit code."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self.before_run()
        with open(self.stdin(), "rb") as source, open(self.work / "stdout", "wb") as out, \
                open(self.work / "stderr", "wb") as err:
            with started(wrap(self.command()), stdin=source, stdout=out, stderr=err,
                         cwd=self.work, env=self.clean_environment()) as process:
                return self.wait(process)

    def wait(self, process):
        try:
            return process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            raise measure.RunFailed(f"hangs: no end after {TIMEOUT} s") from None

    def clean_environment(self):
        return measure.clean_environment(self.folder, self.environment)

    def wall(self, cost):
        """Seconds that count as this run's wall time."""
        return cost.wall
