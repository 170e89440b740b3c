# SPDX-License-Identifier: MIT
"""A session: every workload under every allocator, interleaved, outputs compared on the way.

The first run of a workload, under the baseline, gives the reference output and the size of its
memory; the first run under each other allocator proves that the preload works. Then come the
rounds that count: one run under each allocator in turn, so that what the machine does meanwhile
(clock rates, neighbours) meets all of them alike. Before each run about as much memory as the
program needs is touched and dropped (see spanheap-measure).
"""

import filecmp
import pathlib
import shutil
import sys

from . import measure

ACTIVE = b"spanheap: active: yes"


class Allocator:
    """A malloc by name: the library to preload, None for the baseline."""

    def __init__(self, name, library, proof=()):
        self.name = name
        self.library = library
        self.proof = list(proof)  # words that run a command and state that the preload works


def first_difference(one, other):
    """Where two byte strings begin to differ, for a person."""
    length = min(len(one), len(other))
    at = next((i for i in range(length) if one[i] != other[i]), length)
    return f"at byte {at}: {one[at:at + 40]!r} became {other[at:at + 40]!r}"


class Session:
    """Runs workloads; costs[workload][allocator] is the list of its rounds."""

    def __init__(self, measure_program, allocators, rounds, folder):
        self.allocators = allocators
        self.baseline = allocators[0]
        self.rounds = rounds
        self.folder = pathlib.Path(folder)
        self.measurer = measure.Measurer(measure_program, folder)
        self.costs = {}
        self.failures = []

    def run(self, workload):
        """All runs of one workload. A failure is recorded and ends this workload only."""
        self.costs[workload.name] = {}
        try:
            self._run(workload)
        except measure.RunFailed as failure:
            self.failures.append(f"{workload.name}: {failure}")
            self.costs.pop(workload.name)
            _progress(f" FAILED: {failure}\n")

    def _run(self, workload):
        _progress(f"{workload.name:<13} input")
        workload.prepare()
        _progress(", first runs")
        touch = 0
        for allocator in self.allocators:
            cost = self._checked(workload, allocator, touch, is_first=True)
            touch = touch or int(cost.peak_rss * 1.5 / 1024) + 32
        costs = {allocator.name: [] for allocator in self.allocators}
        for number in range(1, self.rounds + 1):
            _progress(f"{', round' if number == 1 else ''} {number}")
            for allocator in self.allocators:
                costs[allocator.name].append(self._checked(workload, allocator, touch))
        _progress("\n")
        self.costs[workload.name] = costs

    def _checked(self, workload, allocator, touch, is_first=False):
        """One run, its exit code and its outputs checked against the reference."""
        try:
            cost = self._once(workload, allocator, touch, is_first)
            if is_first and allocator.proof:
                self._take_proof(workload)
            self._compare(workload, is_reference=is_first and allocator is self.baseline)
        except measure.RunFailed as failure:
            raise measure.RunFailed(f"under {allocator.name}: {failure}") from None
        return cost

    def _once(self, workload, allocator, touch, is_first):
        preload = allocator.library or workload.baseline_preload
        prefix = allocator.proof if is_first else []
        if prefix:
            preload = None  # what gives the proof sets it itself
        code = workload.run(
            lambda command: self.measurer.command([*prefix, *command], preload, touch))
        cost = self.measurer.cost()
        cost.wall = workload.wall(cost)
        if code != 0:
            message = (workload.work / "stderr").read_bytes()[-300:].decode(errors="replace")
            raise measure.RunFailed(f"exit code {code}: {message.strip()}")
        return cost

    @staticmethod
    def _take_proof(workload):
        """Takes the statement of `spanheap run --check` off the end of stderr."""
        path = workload.work / "stderr"
        lines = path.read_bytes().splitlines(keepends=True)
        if not lines or not lines[-1].startswith(ACTIVE):
            raise measure.RunFailed(f"the preload is not proven: {b''.join(lines)[-200:]!r}")
        path.write_bytes(b"".join(lines[:-1]))

    @staticmethod
    def _compare(workload, is_reference):
        for name in workload.outputs:
            reference = workload.folder / f"reference-{name}"
            output = workload.work / name
            if is_reference:
                shutil.copyfile(output, reference)
            elif not filecmp.cmp(reference, output, shallow=False):
                where = first_difference(reference.read_bytes(), output.read_bytes())
                raise measure.RunFailed(f"its output ({name}) is different {where}")


def _progress(text):
    sys.stderr.write(text)
    sys.stderr.flush()
