# SPDX-License-Identifier: MIT
"""Records and traces on a disk that is full, or fills up: one line says so, and the file is whole as
far as it goes.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import unittest

from explain_collected_test import SUBJECT
from explain_test import COMMAND, Subject

# Waits until its record, which has room for so many bytes, grows no more.
WAITS = """import os, sys, time
path, room, code = sys.argv[1:]
last, since, end = -1, time.monotonic(), time.monotonic() + 40
while time.monotonic() < end:
    size = os.stat(path).st_size
    if size != last:
        last, since = size, time.monotonic()
    if size > int(room) - 1500 and time.monotonic() > since + 1:
        break
    time.sleep(0.05)
sys.exit(int(code))"""


def run(*words):
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False)


class FullFromTheStart(unittest.TestCase):
    def test_nothing_is_run(self):
        for option in ("--record", "--trace"):
            done = run("run", option, "/dev/full", "--", "echo", "ran")
            self.assertEqual((done.returncode, done.stdout), (125, ""))
            self.assertEqual(done.stderr, "spanheap: /dev/full: No space left on device\n")


class Limited(unittest.TestCase):
    def test_a_record_ends_at_the_limit_on_files_and_the_program_does_not(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "file.json"
            for code, expected in ((0, 125), (3, 3)):
                done = subprocess.run([COMMAND, "run", "--record", str(path), "--interval", "5", "--",
                                       sys.executable, "-c", WAITS, str(path), "8192", str(code)],
                                      timeout=60, text=True, capture_output=True, preexec_fn=limit,
                                      check=False)
                self.assertEqual(done.returncode, expected, done.stderr)
                self.assertEqual(done.stderr, f"spanheap: not all was recorded: {path}: File too large\n")
                self.assertGreater(len(json.loads(path.read_text())["moments"]), 5)


def can_mount():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder],
                              capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


@unittest.skipUnless(os.geteuid() == 0 and can_mount(), "no file system can be mounted")
class FullInBetween(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder.name], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder.name], check=True)
        self.path = pathlib.Path(folder.name) / "file.json"

    def test_a_record_is_whole_as_far_as_it_goes(self):
        for code, expected in ((0, 125), (3, 3)):
            done = run("run", "--record", self.path, "--interval", 5, "--", sys.executable, "-c",
                       WAITS, self.path, 16384, code)
            self.assertEqual(done.returncode, expected, done.stderr)
            self.assertEqual(done.stderr, "spanheap: not all was recorded: "
                                          f"{self.path}: No space left on device\n")
            self.assertGreater(len(json.loads(self.path.read_text())["moments"]), 5)
            self.path.unlink()

    def test_a_trace_says_so(self):
        with Subject(SUBJECT, "cycles") as subject:
            done = run("trace", subject.pid, "-o", self.path, "--for", 0.1)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"spanheap: {self.path}: No space left on device\n")
        json.loads(self.path.read_text())

    def test_so_does_one_of_a_run(self):
        done = run("run", "--trace", self.path, "--", SUBJECT, "once")
        if done.returncode != 0:
            self.assertEqual(done.returncode, 125)
            self.assertIn("No space left on device\n", done.stderr)
        json.loads(self.path.read_text())


if __name__ == "__main__":
    unittest.main()
