#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runner from end to end: two short rows under glibc. And what wrong words are told.

usage: smoke_test.py BUILD_DIRECTORY
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = sys.argv.pop(1)


def bench(*arguments):
    """The runner, in short repetitions."""
    command = [sys.executable, os.path.join(ROOT, "bench", "run.py"), *arguments]
    return subprocess.run([*command, "--build", BUILD, "--quick"], capture_output=True, text=True,
                          check=False)


class Smoke(unittest.TestCase):
    def test_two_rows_under_glibc_come_out_with_their_readings(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "out.json")
            run = bench("compare", "--rows", r"^(pair\.64|density\.1100)$", "--rounds", "2",
                        "--json", path, "--without", "jemalloc,mimalloc,tcmalloc,spanheap")
            self.assertEqual(run.returncode, 0, run.stderr)
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
        rows = {row["row"]: row for row in document["rows"]}
        self.assertEqual(set(rows), {"pair.64", "density.1100"})
        self.assertEqual(len(rows["pair.64"]["readings"]["glibc"]), 2)
        self.assertTrue(0.1 < rows["pair.64"]["medians"]["glibc"] < 1000)
        self.assertTrue(0.9 < rows["density.1100"]["medians"]["glibc"] < 1.5)
        self.assertIn("pair.64 [ns]", run.stdout)

    def test_a_pattern_that_matches_nothing_is_an_error(self):
        run = bench("micro", "--rows", "nosuchrow")
        self.assertEqual(run.returncode, 2)

    def test_other_programs_show_their_usage_for_wrong_words(self):
        for name, *words in (("spanheap-memory", "nosuch"), ("spanheap-memory", "--jsn"),
                             ("mutators/spanheap-bench-mutators", "x"),
                             ("mutators/spanheap-bench-mutators", "0"),
                             ("collect/spanheap-bench-collect", "x"),
                             ("collect/spanheap-bench-collect", "4", "2", "nosuch")):
            with self.subTest(name, words=words):
                run = subprocess.run([os.path.join(BUILD, "bench", name), *words],
                                     capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((run.returncode, run.stdout), (2, ""))
                self.assertIn("usage: ", run.stderr)


if __name__ == "__main__":
    unittest.main()
