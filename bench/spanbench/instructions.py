# SPDX-License-Identifier: MIT
"""How many instructions each allocator executes for a warm malloc and free, by single-stepping."""

import os
import subprocess

from spanbench.report import table

PROGRAM = "spanheap-instructions"
SIZES = (16, 64, 1024, 4096, 32768, 262144, 1048576)
TIME_LIMIT_SECONDS = 60


def count(directory, peer):
    """{size: (malloc, free)}, empty where a process may not trace its child or the run fails."""
    command = [os.path.join(directory, PROGRAM), *map(str, SIZES)]
    try:
        run = subprocess.run(command, env=peer.environment(), capture_output=True, text=True,
                             check=False, timeout=TIME_LIMIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return parse(run.stdout) if run.returncode == 0 else {}


def parse(text):
    """The program's output, one line per size."""
    rows = (tuple(map(int, line.split())) for line in text.splitlines())
    return {size: (in_malloc, in_free) for size, in_malloc, in_free in rows}


def markdown(counts):
    """A table of `malloc+free` per peer and size."""
    names = [name for name, found in counts.items() if found]
    if not names:
        return ""
    lines = [[str(size)] + ["{}+{}".format(*counts[name][size]) for name in names]
             for size in SIZES]
    return "Instructions of a warm malloc + free:\n\n" + table(["bytes", *names], lines) + "\n"
