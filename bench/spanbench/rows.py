# SPDX-License-Identifier: MIT
"""The benchmark programs and their rows, as the programs themselves list them."""

import os
import re
import subprocess
from dataclasses import dataclass

PROGRAMS = ("spanheap-micro", "spanheap-programs", "spanheap-startup")


@dataclass(frozen=True)
class Row:
    """One line of the table; fields as bench/harness/row.h describes them."""

    name: str
    program: str
    kind: str  # time, density, memory, startup
    unit: str
    threads: int
    heavy_mib: int
    has_ceiling: bool


def parse_list(program, text):
    """The rows in the output of `program --list`."""
    rows = []
    for line in text.splitlines():
        name, kind, unit, threads, heavy_mib, has_ceiling = line.split("\t")
        rows.append(Row(name, program, kind, unit, int(threads), int(heavy_mib),
                        has_ceiling == "1"))
    return rows


def load(directory, pattern):
    """Rows whose name matches, of all programs; FileNotFoundError names what is not built."""
    rows = []
    for name in PROGRAMS:
        program = os.path.join(directory, name)
        listing = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        rows += parse_list(program, listing.stdout)
    return [row for row in rows if re.search(pattern, row.name)]
