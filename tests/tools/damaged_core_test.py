# SPDX-License-Identifier: MIT
"""Looks into core files with wrong bytes in them: whatever they say, the command neither crashes nor
hangs, and says at most one line.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects;
DAMAGES is how many times (default: 150 for each subject).
"""

import mmap
import os
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import tempfile
import unittest

from explain_test import COMMAND, FIXTURES, Subject

DAMAGES = int(os.environ.get("DAMAGES", "150"))
LONGEST_S = 20
MOST_BYTES = 8 << 30  # of address space
ENTRY = struct.Struct("<24sQIHH")
ADDRESS, POINTER = 1, 8


class Core:
    """A core file whose bytes can be changed, by the addresses of the process."""

    def __init__(self, path):
        self.path = path
        with open(path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)
        table, = struct.unpack_from("<Q", self.bytes, 32)
        count, = struct.unpack_from("<H", self.bytes, 56)
        self.headers = (0, table + 56 * count + 4096)
        self.segments = []
        for i in range(count):
            kind, _, offset, start, _, size = struct.unpack_from("<IIQQQQ", self.bytes, table + 56 * i)
            if kind == 1:
                self.segments.append((start, start + size, offset))

    def place(self, address):
        """Where it is in the file; None: nowhere."""
        for start, end, offset in self.segments:
            if start <= address < end:
                return offset + address - start
        return None

    def number(self, address):
        at = self.place(address)
        return struct.unpack_from("<Q", self.bytes, at)[0] if at is not None else 0

    def root_entries(self):
        """(place, name, kind, address or number, size) of each."""
        at = self.bytes.find(b"spanheap root 1\0")
        while at >= 0:
            form, size, count, _, address = struct.unpack_from("<IIIIQ", self.bytes, at + 16)
            table = self.place(address)
            if form == 1 and size == ENTRY.size and table is not None:
                for i in range(count):
                    name, where, size, _, kind = ENTRY.unpack_from(self.bytes, table + i * ENTRY.size)
                    yield table + i * ENTRY.size, name.rstrip(b"\0").decode(), kind, where, size
                return
            at = self.bytes.find(b"spanheap root 1\0", at + 1)


def places_of(core):
    """Stretches of the file by what lies in them."""
    entries, variables, tables = [], [], []
    for place, _, kind, where, size in core.root_entries():
        entries.append((place, place + ENTRY.size))
        at = core.place(where) if kind == ADDRESS else None
        if at is None:
            continue
        variables.append((at, at + max(size, 1)))
        table = core.place(core.number(where)) if size == POINTER else None
        if table is not None:
            tables.append((table, min(table + 2048, len(core.bytes))))
    return [entries, variables, tables, [core.headers]]


def damage(core, kinds, chance):
    """Writes wrong bytes; returns what undoes it."""
    undo = []
    kind = chance.choice(kinds)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        start, end = chance.choice(kind)
        at = chance.randrange(start, end)
        undo.append((at, core.bytes[at]))
        core.bytes[at] = chance.choice([0, 255, core.bytes[at] ^ 1 << chance.randrange(8),
                                        chance.randrange(256)])
    return undo


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


@unittest.skipUnless(shutil.which("gcore"), "gcore of gdb is not installed")
class Damaged(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def look(self, words, undo):
        try:
            done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, timeout=LONGEST_S,
                                  preexec_fn=limit_memory, check=False)
        except subprocess.TimeoutExpired:
            self.fail(f"{words} hangs: {undo}")
        self.assertIn(done.returncode, (0, 1), (words, undo, done.stderr))
        self.assertEqual(done.stderr.count(b"\n"), done.returncode, (words, undo, done.stderr))
        return done

    def survives(self, subject):
        with Subject(str(FIXTURES / subject), "quiet", str(self.folder / "report")) as process:
            subprocess.run(["gcore", "-o", str(self.folder / "core"), str(process.pid)], check=True,
                           capture_output=True, timeout=120)
            core = Core(self.folder / f"core.{process.pid}")
        chance = random.Random(1)
        kinds = places_of(core)
        self.assertGreater(len(kinds[0]), 100)
        self.assertGreater(len(kinds[2]), 5)
        refused = 0
        for i in range(DAMAGES):
            undo = damage(core, kinds, chance)
            words = ("explain", core.path)
            if i % 10 == 1:
                words = ("trace", core.path, "-o", os.devnull)
            elif i % 10 == 2:
                words = ("view", core.path, "-o", os.devnull)
            refused += self.look(words, undo).returncode
            for at, byte in reversed(undo):
                core.bytes[at] = byte
        self.assertGreater(refused, 0)
        self.assertEqual(self.look(("explain", core.path), []).returncode, 0)

    def test_a_core_of_blocks(self):
        self.survives("heap_subject")

    def test_a_core_of_collected_objects(self):
        self.survives("collected_subject")

    def test_what_is_wrong_is_said(self):
        with Subject(str(FIXTURES / "heap_subject"), "quiet", str(self.folder / "report")) as process:
            subprocess.run(["gcore", "-o", str(self.folder / "core"), str(process.pid)], check=True,
                           capture_output=True, timeout=120)
            core = Core(self.folder / f"core.{process.pid}")
        for place, name, *_ in core.root_entries():
            if name == "chunk.pages":
                struct.pack_into("<Q", core.bytes, place + 24, 1 << 40)
        done = self.look(("explain", core.path), [])
        self.assertRegex(done.stderr.decode(), r'the heap of .* is damaged: "chunk.pages" is \d+\n$')


if __name__ == "__main__":
    unittest.main()
