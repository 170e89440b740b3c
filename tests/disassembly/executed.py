#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the instructions that warm malloc and free execute to their budgets.

usage: executed.py COUNTER LIBRARY MALLOC FREE    exit 77: a process may not trace its child here
"""

import os
import subprocess
import sys

SIZES = ("16", "64", "256", "1024", "4096", "32768")
CANNOT_TRACE = 77


def main(counter, library, *budgets):
    """Prints a line per size; 0 if all are within the budgets."""
    most_in_malloc, most_in_free = map(int, budgets)
    run = subprocess.run([counter, *SIZES], env={**os.environ, "LD_PRELOAD": library},
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(f"{counter}: exit {run.returncode} {run.stderr}")
        return run.returncode
    counts = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    for size, in_malloc, in_free in counts:
        print(f"{size:8} B  malloc {in_malloc:4} of {most_in_malloc}  free {in_free:4} of {most_in_free}")
    within = all(in_malloc <= most_in_malloc and in_free <= most_in_free
                 for _, in_malloc, in_free in counts)
    return 0 if within and len(counts) == len(SIZES) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
