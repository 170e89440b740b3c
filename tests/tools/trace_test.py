# SPDX-License-Identifier: MIT
"""`spanheap trace` and `run --trace`: they tell of the cycles what gctrace and explain tell.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

from explain_collected_test import SUBJECT
from explain_test import COMMAND, SUBJECT as HEAP_SUBJECT, Subject, look, spanheap

LINE = re.compile(r"gc (\d+) @([\d.]+)s (\d+)%: ([\d.]+)\+([\d.]+)\+([\d.]+) ms clock, "
                  r"([\d.]+)\+([\d.]+)/([\d.]+)/([\d.]+)\+([\d.]+) ms cpu, "
                  r"(\d+)->(\d+)->(\d+) MB, (\d+) MB goal, (?P<stacks>\d+) MB stacks, (?P<globals>\d+) MB globals, (?P<processors>\d+) P"
                  r"(?P<forced> \(forced\))?$")

PACE = re.compile(r"pacer: (\d+)% CPU \(25 exp\.\) for (\d+)\+(\d+) B scanned in (\d+) B -> (\d+) B "
                  r"\(goal (\d+), cons/mark \d+\.\d{3}\)$")


class Traced(unittest.TestCase):
    """One program, seen three ways."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        with open(folder / "stderr", "w") as stderr:
            with Subject(SUBJECT, "quiet", str(folder / "report.json"), options="gctrace=1",
                         stderr=stderr) as subject:
                cls.done = spanheap("trace", subject.pid, "-o", folder / "trace.json", "--for", 0.05)
                cls.seen = look("--stop", subject.pid)["collected"]
        cls.text = (folder / "stderr").read_text()
        cls.lines = [LINE.match(line) for line in cls.text.splitlines() if line.startswith("gc ")]
        cls.events = json.loads((folder / "trace.json").read_text())["traceEvents"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def named(self, name):
        return [event for event in self.events if event["name"] == name]

    def close(self, milliseconds, microseconds):
        """Lines give two digits and drop the rest."""
        exact = microseconds / 1000
        self.assertLessEqual(float(milliseconds), exact + 1e-9)
        self.assertGreaterEqual(float(milliseconds), exact - max(0.1 * exact, 0.001))

    def test_lines_are_in_gos_shape(self):
        self.assertNotIn(None, self.lines, self.text)
        self.assertEqual([int(line[1]) for line in self.lines],
                         list(range(1, len(self.lines) + 1)))
        self.assertTrue(self.lines[-1]["forced"])  # the subject asked for the last one

    def test_all_three_count_the_same_cycles(self):
        cycles = [event for event in self.events if event["name"].startswith("cycle ")]
        self.assertEqual(len(cycles), len(self.lines))
        self.assertEqual([event["args"]["number"] for event in cycles],
                         [int(line[1]) for line in self.lines])
        self.assertEqual(self.seen["cycles"], len(self.lines))
        self.assertEqual(self.seen["forced_cycles"], sum(line["forced"] is not None for line in self.lines))

    def test_stops_and_marks_take_as_long_as_the_lines_say(self):
        first, marks = self.named("stop before marking"), self.named("mark")
        last = self.named("stop after marking")
        self.assertEqual(len(first), len(self.lines))
        self.assertEqual(len(first) + len(last), self.seen["stops"])
        for line, stop, mark in zip(self.lines, first, marks):
            self.close(line[4], stop["dur"])
            self.close(line[5], mark["dur"])
        self.assertAlmostEqual(marks[-1]["dur"] * 1000, self.seen["last_mark_ns"], delta=1)
        self.assertAlmostEqual(first[-1]["dur"] * 1000, self.seen["last_stop1_ns"], delta=1)
        self.assertEqual(sum(self.seen["stop_times"]), self.seen["stops"])
        buckets = [0] * 40
        for event in first + last:
            buckets[int(round(event["dur"] * 1000)).bit_length() - 1] += 1
        self.assertEqual(self.seen["stop_times"], buckets)
        longest = max(event["dur"] for event in first + last)
        self.assertAlmostEqual(longest * 1000, self.seen["stop_max_ns"], delta=1)

    def test_bytes_are_those_of_the_lines(self):
        live = [event["args"]["live_bytes"] for event in self.named("collected heap")]
        for i, line in enumerate(self.lines):
            self.assertEqual([int(line[12]), int(line[14])],
                             [live[2 * i] >> 20, live[2 * i + 1] >> 20])
        self.assertEqual(live[-1], self.seen["marked_bytes"])
        goals = [event["args"]["goal_bytes"] for event in self.named("goal")]
        # At the beginning of each cycle, and at its end the next one's.
        self.assertEqual([int(line[15]) for line in self.lines],
                         [goal >> 20 for goal in goals[::2]])
        self.assertEqual(goals[-1], self.seen["goal_bytes"])

    def test_parts_lie_within_their_cycle(self):
        for cycle, mark in zip((e for e in self.events if e["name"].startswith("cycle ")),
                               self.named("mark")):
            self.assertGreaterEqual(mark["ts"], cycle["ts"])
            self.assertLessEqual(mark["ts"] + mark["dur"], cycle["ts"] + cycle["dur"])
        self.assertGreaterEqual(len(self.named("sweep")), len(self.lines) - 1)

    def test_threads_have_names(self):
        names = {event["tid"] for event in self.named("thread_name")}
        self.assertLessEqual({event["tid"] for event in self.events if event["ph"] == "X"}, names)
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))


class Paced(unittest.TestCase):
    def test_a_line_of_the_pacer_follows_each_cycles_line(self):
        done = subprocess.run([COMMAND, "run", "--set", "gctrace=2", "--", SUBJECT, "once"],
                              check=True, timeout=60, text=True, stderr=subprocess.PIPE)
        lines = done.stderr.splitlines()
        self.assertGreaterEqual(len(lines), 6)
        for line, pace in zip(lines[::2], lines[1::2]):
            cycle, paced = LINE.match(line), PACE.match(pace)
            self.assertTrue(cycle and paced, line + pace)
            self.assertEqual([int(cycle[i]) for i in (12, 13, 15)],
                             [int(paced[i]) >> 20 for i in (4, 5, 6)])
            self.assertGreater(int(paced[2]) + int(paced[3]), 0)


class Stacks(unittest.TestCase):
    def test_what_a_deep_stack_holds_is_not_counted_among_the_globals(self):
        done = subprocess.run([COMMAND, "run", "--set", "gctrace=1", "--", SUBJECT, "deep"],
                              check=True, timeout=60, text=True, stderr=subprocess.PIPE)
        cycle = LINE.match(done.stderr.splitlines()[-1])
        self.assertTrue(cycle, done.stderr)
        self.assertIn(int(cycle["stacks"]), (4, 5))
        self.assertEqual(int(cycle["globals"]), 0)


class Running(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "trace.json"

    def test_a_run_leaves_its_events(self):
        subprocess.run([COMMAND, "run", "--trace", str(self.path), "--", SUBJECT, "once"],
                       check=True, timeout=60)
        events = json.loads(self.path.read_text())["traceEvents"]
        self.assertIn("mark", {event["name"] for event in events})

    def test_what_was_written_over_before_it_began_is_not_missed(self):
        with Subject(SUBJECT, "cycles") as subject:
            done = spanheap("trace", subject.pid, "-o", self.path, "--for", 0.05)
        events = json.loads(self.path.read_text())["traceEvents"]
        self.assertNotIn("cycle 1", {event["name"] for event in events})
        self.assertIn("cycle 500", {event["name"] for event in events})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_programs_end_is_the_traces(self):
        with Subject(SUBJECT, "cycles") as subject:
            tracing = subprocess.Popen([COMMAND, "trace", str(subject.pid), "-o", str(self.path)],
                                       stderr=subprocess.PIPE, text=True)
            end = time.monotonic() + 60
            while time.monotonic() < end and not (self.path.exists()
                                                  and self.path.stat().st_size > 1000):
                time.sleep(0.01)
        _, said = tracing.communicate(timeout=60)
        self.assertEqual((tracing.returncode, said), (0, ""))
        self.assertGreater(len(json.loads(self.path.read_text())["traceEvents"]), 10)

    def test_a_program_without_collected_objects_has_none(self):
        script = "import time; print('ready', flush=True); time.sleep(60)"
        with Subject(sys.executable, "-c", script) as subject:
            done = spanheap("trace", subject.pid, "-o", self.path, "--for", 0.05)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has made no collected objects", done.stderr)
        self.assertFalse(self.path.exists())

    def test_an_earlier_trace_is_left_where_there_is_nothing_to_write(self):
        self.path.write_text("kept")
        with Subject(HEAP_SUBJECT, "busy") as subject:
            spanheap("trace", subject.pid, "-o", self.path, "--for", 0.05)
        self.assertEqual(self.path.read_text(), "kept")

    def test_a_file_that_cannot_be_written_is_told_at_once(self):
        for path in (self.path.parent, self.path / "file"):
            with Subject(HEAP_SUBJECT, "busy") as subject:
                done = spanheap("trace", subject.pid, "-o", path)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
            self.assertIn(str(path), done.stderr)


if __name__ == "__main__":
    unittest.main()
