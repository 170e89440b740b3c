#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks each restartable store of programs and libraries: what the compiler made of it.

usage: store_ranges.py FILE...     exit 1 at the first range of another shape, or without a range

A thread that is stopped in a range is sent back to its start, so nothing in it may have had an
effect but its last instruction, and nothing it reads may have changed:

    cmpl $0, flag      jne out                                         mov value, (slot)
    cmpl $2, flag      jne out      cmpq $0, (slot)      jne out       mov value, (slot)
    cmpl $3, flag      jne out      cmpb $0, note        je out        mov value, (slot)
"""

import re
import struct
import subprocess
import sys

from fast_path import parse

SECTION = re.compile(r"^\s*\[\s*\d+\]\s+sh_gc_stores\s+\S+\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)")


class WrongRange(Exception):
    """A range that may not be restarted."""


def ranges_of(path):
    """The [start, end) of each range the file records. An entry is two distances from itself."""
    lines = subprocess.run(["readelf", "-SW", path], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    found = next(filter(None, map(SECTION.match, lines)), None)
    if found is None:
        return []
    address, offset, size = (int(text, 16) for text in found.groups())
    with open(path, "rb") as file:
        file.seek(offset)
        words = struct.unpack(f"<{size // 4}i", file.read(size))
    at = [address + 4 * i + word for i, word in enumerate(words)]
    return sorted(set(zip(at[::2], at[1::2])))


def instructions_in(path, start, end):
    """The instructions of a range."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}",
         f"--stop-address={end:#x}", path], check=True, capture_output=True, text=True).stdout
    return parse(listing)


def check(instructions, start, end):
    """Raises WrongRange unless this is tests, each with a branch out, and a store of one word."""
    shown = "; ".join(f"{each.mnemonic} {each.operands}" for each in instructions)
    if len(instructions) not in (3, 5):
        raise WrongRange(f"neither three instructions nor five: {shown}")
    tests, branches, store = instructions[:-1:2], instructions[1:-1:2], instructions[-1]
    wanted = r"\$0x0," if len(tests) == 1 else r"(\$0x[23]|%\w+),"  # a register without optimisation
    if tests[0].mnemonic not in ("cmpl", "cmp") or not re.match(wanted, tests[0].operands):
        raise WrongRange(f"does not begin with the test: {shown}")
    is_of_note = len(tests) == 2 and tests[1].mnemonic == "cmpb"
    out = ["jne", "je"] if is_of_note else ["jne", "jne"]
    if any(each.mnemonic != jump or start <= (each.target or 0) < end
           for each, jump in zip(branches, out)):
        raise WrongRange(f"does not branch out: {shown}")
    # To memory: the last operand has a bracket, or is an address relative to the instruction.
    to = re.split(r",(?![^(]*\))", store.operands.split("#")[0].strip())[-1]
    if store.mnemonic not in ("mov", "movq") or "(" not in to:
        raise WrongRange(f"does not end with the store: {shown}")
    if is_of_note:
        if not tests[1].operands.startswith("$0x0,"):
            raise WrongRange(f"does not look at the note: {shown}")
    elif len(tests) == 2 and (tests[1].mnemonic != "cmpq" or tests[1].operands != f"$0x0,{to}"):
        raise WrongRange(f"does not look at the slot: {shown}")


def main(paths):
    """Each file in turn."""
    for path in paths:
        ranges = ranges_of(path)
        if not ranges:
            print(f"{path}: no restartable store", file=sys.stderr)
            return 1
        for start, end in ranges:
            try:
                check(instructions_in(path, start, end), start, end)
            except WrongRange as wrong:
                print(f"{path}: {start:#x}: {wrong}", file=sys.stderr)
                return 1
        print(f"{path}: {len(ranges)} restartable stores")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
