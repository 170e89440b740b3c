#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the instructions that warm malloc and free execute to their budgets.

usage: executed.py COUNTER LIBRARY SIZE,SIZE...=MALLOC+FREE...
exit 77: a process may not trace its child here
"""

import os
import subprocess
import sys

CANNOT_TRACE = 77


def count(counter, library, sizes):
    """(size, instructions in malloc, in free) of each size; exits if the counter does not count."""
    run = subprocess.run([counter, *sizes], env={**os.environ, "LD_PRELOAD": library},
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(f"{counter}: exit {run.returncode} {run.stderr}")
        sys.exit(run.returncode)
    counts = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert len(counts) == len(sizes)
    return counts


def is_within(counter, library, budget):
    """Prints a line per size; whether all of this budget's are within it."""
    sizes, most = budget.split("=")
    most_in_malloc, most_in_free = map(int, most.split("+"))
    counts = count(counter, library, sizes.split(","))
    for size, in_malloc, in_free in counts:
        print(f"{size:8} B  malloc {in_malloc:4} of {most_in_malloc}  free {in_free:4} of {most_in_free}")
    return all(in_malloc <= most_in_malloc and in_free <= most_in_free
               for _, in_malloc, in_free in counts)


def main(counter, library, *budgets):
    """0 if everything is within its budget."""
    within = [is_within(counter, library, budget) for budget in budgets]
    return 0 if within and all(within) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
