#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions on the fast path of functions of a shared library, from their disassembly.

usage: fast_path.py LIBRARY SYMBOL=BUDGET...     prints each path; exit 1 above a budget

The fast path runs from the entry to `ret` with every conditional branch not taken: that is how the
compiler lays out what is marked likely. A call on the way, or a jump out of the function, means that
there is no fast path of that shape, which is an error too. `endbr64` counts: it is executed.
"""

import re
import subprocess
import sys
from dataclasses import dataclass

EXPORTED = re.compile(  # a line of `objdump -T` about a defined function
    r"^(?P<start>[0-9a-f]+) .*\bi?DF (?!\*UND)\S+\s+(?P<size>[0-9a-f]+)\s.*?(?P<name>\S+)$")
TARGET = re.compile(r"^([0-9a-f]+)\b")
PREFIXES = {"notrack", "bnd", "lock", "rep", "repz", "repnz", "data16", "cs", "ds"}


class NoFastPath(Exception):
    """The way from the entry with no branch taken does not end in a plain return."""


@dataclass(frozen=True)
class Instruction:
    """One line of the listing."""

    address: int
    mnemonic: str
    operands: str

    @property
    def target(self):
        """The address of a direct jump, else None."""
        found = TARGET.match(self.operands)
        return int(found[1], 16) if found else None


def parse_line(line):
    """The instruction on a line of `objdump -d --no-show-raw-insn`, or None."""
    address, colon, text = line.partition(":")
    words = text.split()
    if not colon or not words or not re.fullmatch(r"\s*[0-9a-f]+", address):
        return None
    while len(words) > 1 and words[0] in PREFIXES:
        words = words[1:]
    return Instruction(int(address, 16), words[0], " ".join(words[1:]))


def parse(listing):
    """Instructions in the order of their addresses."""
    return [found for found in map(parse_line, listing.splitlines()) if found]


def walk(instructions):
    """The instructions executed when no conditional branch is taken."""
    index_of = {each.address: i for i, each in enumerate(instructions)}
    path, index = [], 0
    while True:
        if index >= len(instructions):
            raise NoFastPath("it runs past the end of the function")
        at = instructions[index]
        path.append(at)
        if len(path) > 1000:
            raise NoFastPath("it does not return within 1000 instructions")
        if at.mnemonic in ("ret", "retq"):
            return path
        if at.mnemonic.startswith(("call", "ud2", "int3", "hlt")):
            raise NoFastPath(f"it meets `{at.mnemonic} {at.operands}` at {at.address:x}")
        if at.mnemonic in ("jmp", "jmpq"):
            if at.target not in index_of:
                raise NoFastPath(f"it leaves by `jmp {at.operands}` at {at.address:x}")
            index = index_of[at.target]
        else:
            index += 1


def symbol_range(library, symbol):
    """Start and end of an exported function; LookupError if there is none."""
    table = subprocess.run(["objdump", "-T", library], capture_output=True, text=True, check=True)
    for line in table.stdout.splitlines():
        found = EXPORTED.match(line)
        if found and found["name"] == symbol:
            start = int(found["start"], 16)
            return start, start + int(found["size"], 16)
    raise LookupError(f"{library} exports no function {symbol}")


def fast_path(library, symbol):
    """The instructions of the fast path of one exported function."""
    start, end = symbol_range(library, symbol)
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}",
         f"--stop-address={end:#x}", library], capture_output=True, text=True, check=True)
    return walk(parse(listing.stdout))


def main(library, *budgets):
    """Prints each path and its length."""
    failed = False
    for symbol, _, budget in (each.partition("=") for each in budgets):
        try:
            path = fast_path(library, symbol)
        except (NoFastPath, LookupError) as error:
            print(f"{symbol}: no fast path: {error}")
            failed = True
            continue
        print(f"{symbol}: {len(path)} instructions (budget {budget})")
        for each in path:
            print(f"  {each.address:8x}  {each.mnemonic:8} {each.operands}")
        failed = failed or len(path) > int(budget)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
