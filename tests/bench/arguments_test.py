#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Wrong command lines of the runners are refused in one line, before anything is measured."""

import argparse
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "bench"))

from spanbench import arguments, gc, gc_heaps  # noqa: E402


def say(*words):
    """Exit code and stderr of a script of the repository."""
    done = subprocess.run([sys.executable, os.path.join(ROOT, words[0]), *words[1:]],
                          capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


class Rounds(unittest.TestCase):
    def test_are_whole_numbers_from_one_on(self):
        self.assertEqual(arguments.check_rounds("12"), 12)
        for wrong in ("0", "-1", "1.5", "x", "", "²", " 1"):
            with self.assertRaises(argparse.ArgumentTypeError):
                arguments.check_rounds(wrong)


class Outputs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def refuses(self, *paths):
        parser = mock.Mock()
        arguments.check_outputs(parser, *paths)
        return [call.args[0] for call in parser.error.call_args_list]

    def test_are_left_as_they_are(self):
        there = os.path.join(self.folder, "there")
        with open(there, "w", encoding="utf-8") as file:
            file.write("kept")
        self.assertEqual(self.refuses(None, "", there, os.path.join(self.folder, "new")), [])
        with open(there, encoding="utf-8") as file:
            self.assertEqual(file.read(), "kept")
        self.assertEqual(os.listdir(self.folder), ["there"])

    def test_need_a_folder_and_are_none(self):
        [no_folder] = self.refuses(os.path.join(self.folder, "no", "file"))
        self.assertIn("there is no folder", no_folder)
        [a_folder] = self.refuses(self.folder)
        self.assertIn("is a folder", a_folder)

    def test_may_be_written(self):
        with mock.patch("os.access", return_value=False):
            [refused] = self.refuses(os.path.join(self.folder, "file"))
        self.assertIn("may not be written", refused)


class Runners(unittest.TestCase):
    def test_refuse_in_one_line(self):
        bad_file = ("--json", os.path.join("no", "such", "folder", "file"))
        share = ("bench/collector_share.py", "binary-trees")
        for words in (("bench/run.py", "micro", *bad_file),
                      ("bench/run.py", "micro", "--md", bad_file[1]),
                      ("bench/run.py", "micro", "--rounds", "0"),
                      ("bench/run.py", "gc", *bad_file),
                      ("bench/run.py", "gc", "--plot", bad_file[1]),
                      ("bench/run.py", "gc", "--rounds", "x"),
                      ("bench/run.py", "gc", "--rows", "("),
                      ("bench/run.py", "gc", "--heaps", "("),
                      ("bench/huge_pages.py", *bad_file),
                      ("scripts/run_programs.py", *bad_file),
                      ("scripts/run_programs.py", "--rounds", "0"),
                      ("bench/collector_share.py", "no-such-program", "10"),
                      (*share, "ten"), (*share, "0"), (*share, "10", "-1"),
                      (*share, "10", "--runs", "0"),
                      (*share, "10", "--build", "no/such/folder")):
            with self.subTest(words):
                code, said = say(*words)
                self.assertEqual(code, 2, said)
                self.assertEqual(len(said.splitlines()), 1, said)


class GoHeap(unittest.TestCase):
    """Go's programs are built only if somebody wants them."""

    def chosen(self, pattern):
        with mock.patch.object(gc, "newest_go", return_value=("/bin/go", "1.26.8")), \
                mock.patch.object(gc, "build_go",
                                  return_value=(gc_heaps.Heap("go1.26", "p"), None)) as build:
            heaps = gc.choose_heaps(gc.parse(["--heaps", pattern, "--build", "/no/such/folder"]))
        return [heap.name for heap in heaps], build.called

    def test_is_built_where_its_name_matches(self):
        self.assertEqual(self.chosen("go|spanheap"), (["go1.26"], True))
        self.assertEqual(self.chosen("."), (["go1.26"], True))
        self.assertEqual(self.chosen("^spanheap$"), ([], False))


if __name__ == "__main__":
    unittest.main()
