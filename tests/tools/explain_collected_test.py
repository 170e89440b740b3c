# SPDX-License-Identifier: MIT
"""`spanheap explain` on programs with a collected heap.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects.
"""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import schema
from explain_test import FIXTURES, Subject, as_reported, categories_of, look, mapped, resident_sum, \
    spanheap

SUBJECT = str(FIXTURES / "collected_subject")
# What goes on by itself in a heap at rest.
MOVING = {"stops", "stop_times", "stop_total_ns", "stop_max_ns", "background_ns"}


class Quiet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.report_path = pathlib.Path(cls.folder.name) / "report.json"
        cls.subject = Subject(SUBJECT, "quiet", str(cls.report_path))
        cls.report = json.loads(cls.report_path.read_text())

    @classmethod
    def tearDownClass(cls):
        cls.subject.__exit__()
        cls.folder.cleanup()

    def rows(self, seen):
        return {(row["block_bytes"], row["has_pointers"]): row for row in seen["classes"]}

    def test_says_the_same_as_the_heap_itself_to_the_byte(self):
        seen = look("--stop", self.subject.pid)
        self.assertEqual(seen["unreconciled_bytes"], 0)
        self.assertEqual(seen["mapped_bytes"], self.report["mapped_bytes"])
        self.assertEqual(as_reported(seen, self.report),
                         {key: self.report[key] for key in categories_of(self.report)})
        ours, theirs = self.rows(seen["collected"]), self.rows(self.report["collected"])
        self.assertEqual(set(ours), set(theirs))
        self.assertGreater(len(ours), 20)
        for key, row in theirs.items():
            self.assertEqual({name: ours[key][name] for name in row}, row, key)

    def test_the_figures_are_those_of_the_report(self):
        seen = look("--stop", self.subject.pid)["collected"]
        for key, value in self.report["collected"].items():
            if key != "classes" and key not in MOVING:
                self.assertEqual(seen[key], value, key)
        self.assertGreater(seen["marked_bytes"], 1 << 20)
        self.assertGreater(seen["goal_bytes"], seen["trigger_bytes"])

    def test_objects_and_tails_are_the_category(self):
        seen = look("--stop", self.subject.pid)
        rows = seen["collected"]["classes"]
        self.assertEqual(sum(row["span_bytes"] for row in rows), mapped(seen)["collected_bytes"])
        for row in rows:
            slots = sum(row[key] for key in ("live_objects", "dead_objects", "cached_objects",
                                             "free_objects"))
            self.assertLessEqual(slots * row["block_bytes"], row["span_bytes"])
            self.assertEqual(sum(row["spans_by_use"]), row["spans"])
        self.assertEqual({row["has_pointers"] for row in rows}, {0, 1})
        self.assertIn(0, {row["block_bytes"] for row in rows})  # large objects

    def test_adds_up_to_what_is_resident(self):
        seen = look("--stop", self.subject.pid)
        self.assertEqual(resident_sum(seen), seen["process_resident_bytes"])
        self.assertLess(seen["heap_rest_bytes"], seen["process_resident_bytes"] / 100)
        self.assertGreater(seen["categories"]["collected_bytes"]["resident_bytes"], 1 << 20)

    def test_is_as_the_schema_says(self):
        for words in ((), ("--stop",)):
            schema.check(self, look(*words, self.subject.pid), "spanheap-look")

    def test_text_tells_of_the_cycle(self):
        text = spanheap("explain", self.subject.pid).stdout
        for words in ("the collected heap", "after the last mark", "the next cycle begins at",
                      "to mark, stops of", "object size", "large"):
            self.assertIn(words, text)

    def test_spans_of_one_size(self):
        rows = [row for row in look("--stop", self.subject.pid)["collected"]["classes"]
                if row["block_bytes"] == 64]
        text = spanheap("explain", "--stop", "--class", 64, self.subject.pid).stdout
        objects = text[text.index("64-byte collected objects"):].splitlines()[2:]
        cells = [line.split() for line in objects]
        self.assertEqual(len(cells), sum(row["spans"] for row in rows))
        for column, key in ((5, ("live_objects", "cached_objects")), (6, ("dead_objects",)),
                            (7, ("free_objects",))):
            self.assertEqual(sum(int(cell[column]) for cell in cells),
                             sum(row[each] for row in rows for each in key), key)
        self.assertEqual([int(cell[5]) for cell in cells], sorted(int(cell[5]) for cell in cells))

    @unittest.skipUnless(shutil.which("gcore"), "gcore of gdb is not installed")
    def test_a_core_file_tells_the_same(self):
        before = look("--stop", self.subject.pid)["collected"]
        path = pathlib.Path(self.folder.name) / "core"
        subprocess.run(["gcore", "-o", str(path), str(self.subject.pid)], check=True,
                       capture_output=True, timeout=120)
        seen = look(f"{path}.{self.subject.pid}")
        self.assertEqual(seen["unreconciled_bytes"], 0)
        for row in before["classes"] + seen["collected"]["classes"]:
            row["resident_bytes"] = 0  # not known of a core file
        self.assertEqual(seen["collected"], before)


class Busy(unittest.TestCase):
    def test_stopped_it_adds_up_to_the_byte(self):
        with Subject(SUBJECT, "busy") as subject:
            for _ in range(10):
                seen = look("--stop", subject.pid)
                self.assertEqual(seen["unreconciled_bytes"], 0)
                self.assertEqual(sum(mapped(seen).values()), seen["mapped_bytes"])

    def test_cycles_go_on(self):
        with Subject(SUBJECT, "busy") as subject:
            first = look(subject.pid)["collected"]
            for _ in range(100):
                now = look(subject.pid)["collected"]
                if now["cycles"] > first["cycles"]:
                    break
            self.assertGreater(now["cycles"], first["cycles"])
            self.assertGreater(now["allocated_bytes"], first["allocated_bytes"])


if __name__ == "__main__":
    unittest.main()
