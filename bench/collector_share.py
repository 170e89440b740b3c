#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the collector costs one program of bench/gc, and what marks kept from cycle to cycle could
save of it at most: what is marked again was marked in the cycle before, so it is no more than that
cycle marked. With several sets of options: by turns, and the ratios.

    python3 bench/collector_share.py PROGRAM SIZE [COUNT] [--runs N]
    python3 bench/collector_share.py binary-trees 20 --set sticky=off --set sticky=on
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from statistics import median

from spanbench.arguments import Parser, check_rounds, whole_number
from spanbench.gc_measure import ROWS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CYCLE = re.compile(r"^gc \d+ @.* ms clock, [\d.]+\+([\d.]+)/([\d.]+)/0\+[\d.]+ ms cpu, "
                   r"\d+->\d+->(\d+) MB", re.MULTILINE)
COLUMNS = ("wall s", "CPU s", "assists s", "threads s", "share %", "cycles", "marked MiB", "again %",
           "peak MiB", "stop ms", "gap ms")


def parse():
    """The command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=sorted({row.program for row in ROWS}))
    parser.add_argument("size", type=whole_number(1))
    parser.add_argument("count", nargs="?", type=whole_number(0), default=0)
    parser.add_argument("--runs", type=check_rounds, default=3)
    parser.add_argument("--set", action="append", dest="sets", metavar="NAME=VALUE,...")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"), metavar="DIR")
    options = parser.parse_args()
    options.heap = os.path.join(options.build, "bench", "gc", "spanheap-gc-spanheap")
    if not os.path.exists(options.heap):
        parser.error(f"{options.heap} is not built")
    return options


def run(options, settings):
    """One run: a value for each column."""
    command = [options.heap, options.program, str(options.size), str(options.count)]
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as trace:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=told, stderr=trace,
                                 env=dict(os.environ, SPANHEAP=f"gctrace=1,{settings}".rstrip(",")))
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        told.seek(0)
        trace.seek(0)
        if status != 0:
            last = trace.read().strip().splitlines()[-1:]
            code = os.waitstatus_to_exitcode(status)
            raise SystemExit(": ".join([f"{options.heap} ended with {code}", *last]))
        says = json.loads(told.read())
        cycles = [tuple(map(float, found)) for found in CYCLE.findall(trace.read())]
    cpu = usage.ru_utime + usage.ru_stime
    assists, threads = (sum(cycle[i] for cycle in cycles) / 1e3 for i in (0, 1))
    marked = [cycle[2] for cycle in cycles]
    again = sum(map(min, marked, marked[1:]))
    return (wall, cpu, assists, threads, 100 * (assists + threads) / cpu, len(cycles), sum(marked),
            100 * again / max(sum(marked), 1), says["rss_bytes"] / 2**20, says["stop_ns"] / 1e6,
            says["gap_ns"] / 1e6)


def line(name, values):
    """A line of the table."""
    return f"{name:16}" + "".join(f"{value:11.2f}" for value in values)


def main():
    """Prints a line for each run, and ratios to the first set of options."""
    options = parse()
    sets = options.sets or [""]
    print(" " * 16 + "".join(f"{column:>11}" for column in COLUMNS))
    runs = {settings: [] for settings in sets}
    for i in range(options.runs):
        for settings in sets[i % len(sets):] + sets[:i % len(sets)]:
            runs[settings].append(run(options, settings))
            print(line(settings, runs[settings][-1]), flush=True)
    for settings in sets[1:]:
        for which in (0, 1, 8):
            each = [of[which] / base[which] for of, base in zip(runs[settings], runs[sets[0]])]
            print(f"{settings} to {sets[0]}, {COLUMNS[which]}: {median(each):.2f} "
                  f"({min(each):.2f}..{max(each):.2f})")


if __name__ == "__main__":
    main()
