#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each program of bench/gc in small, under each heap it was built for: all come to the same sum.

usage: gc_smoke_test.py BUILD_DIRECTORY
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = sys.argv.pop(1)
sys.path.insert(0, os.path.join(ROOT, "bench"))

from spanbench import gc_heaps, gc_measure  # noqa: E402

# Program, size, count. A program that bench/gc has and this table has not is a failure.
SMALL = {
    "binary-trees": (8, 0),
    "alloc-bytes": (20_000, 0),
    "alloc-scanned": (20_000, 0),
    "threads-trees": (8, 10),
    "gcbench": (6, 0),
    "graph": (500, 5000),
    "message-ring": (100, 1000),
    "list-storm": (1000, 20),
    "wide-arrays": (512, 40),
    "small-maps": (50, 200),
    "no-heap": (1024, 1000),
}


class Programs(unittest.TestCase):
    def test_every_program_comes_to_the_same_sum_under_every_heap(self):
        heaps = gc_heaps.find_compiled(BUILD)
        self.assertLessEqual({"malloc", "spanheap"}, {heap.name for heap in heaps})
        for program, (size, count) in SMALL.items():
            with self.subTest(program=program):
                readings = {heap.name: gc_measure.run_once(
                    [heap.program, program, str(size), str(count)], limit=60) for heap in heaps}
                self.assertEqual(len({r["checksum"] for r in readings.values()}), 1, readings)
                self.assertGreater(readings["spanheap"]["items"], 0)

    def test_every_row_is_tried_here(self):
        self.assertEqual({row.program for row in gc_measure.ROWS}, set(SMALL))

    def test_an_unknown_program_is_an_error(self):
        for heap in gc_heaps.find_compiled(BUILD):
            run = subprocess.run([heap.program, "nosuch", "1"], capture_output=True, check=False)
            self.assertEqual(run.returncode, 2)


class Runner(unittest.TestCase):
    def test_a_row_comes_out_with_its_readings_and_ratios(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "out.json")
            plot = os.path.join(directory, "out.svg")
            run = subprocess.run(
                [sys.executable, os.path.join(ROOT, "bench", "run.py"), "gc", "--quick", "--rows",
                 "^binary-trees$", "--heaps", "^(malloc|spanheap)$", "--rounds", "2", "--build",
                 BUILD, "--json", path, "--plot", plot],
                capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(path, encoding="utf-8") as file:
                readings = json.load(file)["readings"]["binary-trees"]
            drawn = {text.text for text in ElementTree.parse(plot).iterfind(".//{*}text")}
        self.assertEqual({name: len(each) for name, each in readings.items()},
                         {"malloc": 2, "spanheap": 2})
        self.assertGreater(readings["spanheap"][0]["rss_bytes"], 1 << 20)
        self.assertIn("spanheap to it: wall", run.stdout)
        self.assertLessEqual({"binary-trees", "malloc", "spanheap", "1.00"}, drawn)


if __name__ == "__main__":
    unittest.main()
