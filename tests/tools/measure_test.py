# SPDX-License-Identifier: MIT
"""spanheap-measure: does it say what a program cost, and nothing of its own?

Environment: SPANHEAP_MEASURE is the program.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ["SPANHEAP_MEASURE"]


class Measure(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.result = pathlib.Path(folder.name, "result.json")

    def run_measured(self, *command, options=()):
        done = subprocess.run([PROGRAM, "--result", self.result, *options, "--", *command],
                              capture_output=True, text=True, check=False)
        return done, json.loads(self.result.read_text())

    def test_peak_memory_is_the_programs_own(self):
        _, small = self.run_measured("/bin/true", options=["--touch", "200"])
        self.assertLess(small["peak_rss_kib"], 5000)
        _, large = self.run_measured(sys.executable, "-c", "x = bytearray(b'1') * 50_000_000")
        self.assertGreater(large["peak_rss_kib"], 50_000_000 / 1024)

    def test_times_are_those_of_the_whole_tree(self):
        loop = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.2: pass"
        _, cost = self.run_measured("sh", "-c", f"'{sys.executable}' -c '{loop}'; true")
        cpu = cost["user_us"] + cost["system_us"]
        self.assertGreaterEqual(cpu, 200_000)
        self.assertGreaterEqual(cost["wall_ns"], 200_000_000)

    def test_exit_codes_and_signals(self):
        done, cost = self.run_measured("sh", "-c", "exit 7")
        self.assertEqual((done.returncode, cost["exit_code"]), (7, 7))
        done, cost = self.run_measured("sh", "-c", "kill -9 $$")
        self.assertEqual((done.returncode, cost["exit_code"]), (137, 137))
        done, cost = self.run_measured("/nonexistent")
        self.assertEqual((done.returncode, cost["exit_code"]), (127, 127))

    def test_variables_reach_the_program(self):
        done, _ = self.run_measured("sh", "-c", 'echo "$ONE $TWO"',
                                    options=["--env", "ONE=1", "--env", "TWO=2"])
        self.assertEqual(done.stdout, "1 2\n")

    def test_mistakes_are_refused(self):
        for words in ([], ["--result", self.result], ["--bogus", "1", "--", "true"]):
            done = subprocess.run([PROGRAM, *words], capture_output=True, check=False)
            self.assertEqual(done.returncode, 125)


if __name__ == "__main__":
    unittest.main()
