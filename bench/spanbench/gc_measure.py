# SPDX-License-Identifier: MIT
"""Runs the programs of bench/gc under each heap, interleaved; what each run cost and told.

Time and processor time are the kernel's (wait4); the rest the program tells.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from spanbench.measure import rotation

TIME_LIMIT_SECONDS = 240


@dataclass(frozen=True)
class Row:
    """A program with its sizes. `mib`: memory it uses, touched once before each run."""

    name: str
    program: str
    size: int
    count: int = 0
    quick: tuple = (0, 0)  # size and count under --quick
    mib: int = 0


ROWS = (
    Row("binary-trees", "binary-trees", 20, quick=(14, 0), mib=160),
    Row("gcbench", "gcbench", 20, quick=(14, 0), mib=200),
    Row("alloc-bytes", "alloc-bytes", 50_000_000, quick=(1_000_000, 0)),
    Row("alloc-scanned", "alloc-scanned", 50_000_000, quick=(1_000_000, 0)),
    Row("threads-trees", "threads-trees", 16, 2000, quick=(12, 100)),
    Row("graph-256m", "graph", 2 << 20, 10_000_000, quick=(20_000, 100_000), mib=600),
    Row("graph-1g", "graph", 8 << 20, 40_000_000, quick=(40_000, 200_000), mib=2300),
    Row("message-ring", "message-ring", 200_000, 1_000_000, quick=(2000, 20_000), mib=400),
    Row("list-storm", "list-storm", 1_000_000, 50_000, quick=(10_000, 500), mib=64),
    Row("wide-arrays", "wide-arrays", 65_536, 2000, quick=(4096, 200), mib=32),
    Row("small-maps", "small-maps", 10_000, 500_000, quick=(500, 5000), mib=32),
    Row("no-heap", "no-heap", 1 << 23, 300_000_000, quick=(4096, 100_000), mib=64),
)

# name in a reading -> (column of the table, divided by)
COLUMNS = {
    "wall_s": ("wall s", 1),
    "cpu_s": ("CPU s", 1),
    "rss_bytes": ("peak MiB", 2**20),
    "cycles": ("cycles", 1),
    "stop_ns": ("longest stop ms", 1e6),
    "gap_ns": ("longest gap ms", 1e6),
    "unstolen_gap_ns": ("of these unstolen", 1e6),
    "long_gaps": ("gaps > 1 ms", 1),
    "item_ns": ("ns an item", 1),
}


@dataclass
class Results:
    """readings[row name][heap name]: a list of dictionaries by round; failures[(row, heap)]."""

    readings: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)


class Stopped(Exception):
    """A run that gives no reading."""


def run_once(command, limit=TIME_LIMIT_SECONDS):
    """One run's reading; raises Stopped."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        status, usage = _wait(child, start + limit)
        wall = time.monotonic() - start
        out.seek(0)
        errors.seek(0)
        if status != 0:
            raise Stopped(f"ended with {status}: {errors.read().strip()[-200:]}")
        told = json.loads(out.read().splitlines()[-1])
    return {**told, "wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime,
            "faults": usage.ru_minflt,
            "item_ns": told["run_ns"] / max(told["items"], 1)}


def _wait(child, deadline):
    """wait4 with a limit."""
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid != 0:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode, usage
        if time.monotonic() > deadline:
            child.kill()
            child.wait()
            raise Stopped("did not end in time")
        time.sleep(0.002)


class Measurer:
    """All rounds of all rows; the checksums of a row must agree."""

    def __init__(self, rounds, quick, warm, log=sys.stderr):
        self.results = Results()
        self._rounds = rounds
        self._quick = quick
        self._warm = warm  # command that touches so many MiB, or None
        self._log = log
        self._sums = {}

    def run(self, rows, heaps):
        """Returns the results."""
        for number in range(self._rounds):
            for row in rows:
                print(f"round {number + 1}/{self._rounds}  {row.name}", file=self._log, flush=True)
                for heap in rotation(heaps, number):
                    if (row.name, heap.name) not in self.results.failures:
                        self._measure(row, heap)
        return self.results

    def _measure(self, row, heap):
        size, count = self._quick_of(row)
        if self._warm and row.mib and not self._quick:
            subprocess.run([*self._warm, str(row.mib)], check=False)
        try:
            reading = run_once([heap.program, row.program, str(size), str(count)])
            expected = self._sums.setdefault(row.name, reading["checksum"])
            if reading["checksum"] != expected:
                raise Stopped(f"checksum {reading['checksum']} where another heap has {expected}")
        except (Stopped, ValueError, IndexError, KeyError, OSError) as error:
            self.results.failures[(row.name, heap.name)] = str(error)
            print(f"{row.name} under {heap.name}: {error}", file=self._log)
            return
        by_heap = self.results.readings.setdefault(row.name, {})
        by_heap.setdefault(heap.name, []).append(reading)

    def _quick_of(self, row):
        return row.quick if self._quick else (row.size, row.count)
