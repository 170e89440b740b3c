# SPDX-License-Identifier: MIT
"""`spanheap run --record` and `spanheap view`: the files they write.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects.
"""

import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import zlib

import schema
from explain_collected_test import MOVING, SUBJECT as COLLECTED_SUBJECT
from explain_test import COMMAND, SUBJECT, Subject, look, spanheap

# Reaches 20 MB, falls back, and says so. Each size stays until it is in the record.
SCRIPT = """
import sys, time
def moments():
    with open(sys.argv[1], 'rb') as record:
        return record.read().count(b'time_ms')
for size in (5, 20, 1):
    blocks = [bytes(1000) for _ in range(size * 1000)]
    seen = moments()
    while moments() < seen + 3:
        time.sleep(0.02)
print('ready', flush=True)
time.sleep(60)
"""


def parts_of(page):
    """The JSON and the unpacked map of a page."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
    packed = re.search(r'<script type="text/plain" id="map-data">(.*?)</script>', page, re.S)[1]
    return json.loads(data), zlib.decompress(base64.b64decode(packed)) if packed else b""


def record_at(path):
    """A record that may be growing: at each moment it is whole, but reading it takes more than one
    call, and it may grow in between."""
    for _ in range(9):
        try:
            return json.loads(path.read_text())
        except json.JSONDecodeError:
            continue
    return json.loads(path.read_text())


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def view(self, *words):
        path = self.folder / "page.html"
        done = spanheap("view", *words, "-o", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return path.read_text()


class Recording(InFolder):
    def start(self, *words):
        self.path = self.folder / "run.json"
        return subprocess.Popen([COMMAND, "run", "--record", str(self.path), "--interval", "20",
                                 *words, "--", sys.executable, "-c", SCRIPT, str(self.path)],
                                stdout=subprocess.PIPE, text=True,
                                env={**os.environ, "PYTHONMALLOC": "malloc"})

    def test_a_killed_program_leaves_a_whole_record(self):
        process = self.start()
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.assertGreater(len(record_at(self.path)["moments"]), 2)  # while it runs
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        record = json.loads(self.path.read_text())
        schema.check(self, record, "spanheap-record")
        live = [moment["live_bytes"] for moment in record["moments"]]
        self.assertGreater(max(live), 20_000_000)
        self.assertLess(live[-1], 10_000_000)
        times = [moment["time_ms"] for moment in record["moments"]]
        self.assertEqual(times, sorted(times))
        data, _ = parts_of(self.view(self.path))
        self.assertEqual(data["record"], record)

    def test_a_killed_recorder_leaves_a_whole_record(self):
        process = self.start()
        self.assertEqual(process.stdout.readline(), "ready\n")
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        child = int(pathlib.Path(children).read_text().split()[0])
        process.kill()
        process.wait()
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
        schema.check(self, json.loads(self.path.read_text()), "spanheap-record")

    def test_says_why_there_is_nothing(self):
        path = self.folder / "run.json"
        done = spanheap("run", "--record", path, "--force", "--",
                        os.environ["SPANHEAP_FIXTURES"] + "/subject_static", "exit", "0")
        self.assertIn("nothing was recorded:", done.stderr)
        self.assertEqual(json.loads(path.read_text())["moments"], [])

    def test_a_record_that_cannot_be_written_is_one_line(self):
        done = spanheap("run", "--record", "/no/such/folder/run.json", "--", "true")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (125, 1))


class Page(InFolder):
    def test_the_map_holds_what_the_look_counts(self):
        with Subject(SUBJECT, "quiet") as subject:
            data, packed = parts_of(self.view(subject.pid))
        head, seen = data["map"], data["look"]
        n = head["items"]
        column = lambda at, size: [int.from_bytes(packed[i:i + size], sys.byteorder)
                                   for i in range(at, at + n * size, size)]
        pages, live, cached = column(0, 4), column(4 * n, 2), column(6 * n, 2)
        states = packed[8 * n:9 * n]
        classes = packed[9 * n:10 * n]
        small = [i for i in range(n) if states[i] == 3]
        by_class = {}
        for i in small:
            row = by_class.setdefault(head["classes"][classes[i]][0], [0, 0, 0])
            for k, value in enumerate((1, live[i], cached[i])):
                row[k] += value
        expected = {row["block_bytes"]: [row["spans"], row["live_blocks"], row["cached_blocks"]]
                    for row in seen["classes"] if row["class"] < head["first_run_class"]}
        self.assertEqual(by_class, expected)
        released = sum(pages[i] for i in range(n) if states[i] == 0) * head["page_size"]
        self.assertEqual(released + seen["hole_bytes"],
                         seen["categories"]["released_bytes"]["mapped_bytes"])
        grown = len(head["chunks"]) * head["chunk_pages"]
        self.assertEqual(sum(pages), grown)
        slots = head["slot_bytes"]
        self.assertEqual(len(packed), 10 * n + grown + slots)
        # Live and cached bits of the spans that are neither empty nor wholly live.
        bits = sum(live[i] + cached[i] for i in small
                   if cached[i] or 0 < live[i] < head["classes"][classes[i]][2])
        self.assertEqual(sum(byte.bit_count() for byte in packed[-slots:]), bits)

    def test_tells_of_a_collecting_program_what_explain_does(self):
        with Subject(COLLECTED_SUBJECT, "quiet", self.folder / "report.json") as subject:
            data, packed = parts_of(self.view("--stop", subject.pid))
            seen = look("--stop", subject.pid)["collected"]
        drawn = data["look"]["collected"]
        self.assertEqual({key: value for key, value in drawn.items() if key not in MOVING},
                         {key: value for key, value in seen.items() if key not in MOVING})
        self.assertGreater(seen["cycles"], 0)
        head = data["map"]
        n = head["items"]
        numbers = lambda at: [int.from_bytes(packed[i:i + 2], sys.byteorder)
                              for i in range(at, at + 2 * n, 2)]
        live, dead, states, kinds = numbers(4 * n), numbers(6 * n), packed[8 * n:], packed[9 * n:]
        by_kind = {}
        for i in range(n):
            if states[i] != 9:
                continue
            size, _, _, has_pointers = head["kinds"][kinds[i]]
            row = by_kind.setdefault((size, has_pointers), [0, 0, 0])
            for k, value in enumerate((1, live[i], dead[i])):
                row[k] += value
        # The map draws slots that threads have claimed like objects.
        self.assertEqual(by_kind, {(row["block_bytes"], row["has_pointers"]):
                                   [row["spans"], row["live_objects"] + row["cached_objects"],
                                    row["dead_objects"]] for row in seen["classes"]})

    def test_asks_the_network_for_nothing(self):
        with Subject(SUBJECT, "quiet") as subject:
            page = self.view("--stop", subject.pid)
        self.assertIn("default-src 'none'", page)  # browsers see to it
        addresses = set(re.findall(r"https?://[^'\"\s)]+", page))
        self.assertEqual(addresses, {"http://www.w3.org/2000/svg"})  # a name
        for word in ("fetch(", "XMLHttpRequest", "import(", " src=", "@import"):
            self.assertNotIn(word, page)

    def test_mistakes_are_one_line(self):
        broken = self.folder / "broken.json"
        broken.write_text('{"format": ')
        other = self.folder / "other.json"
        other.write_text('{"format": "spanheap-record", "version": 9}')
        foreign = self.folder / "foreign.json"
        foreign.write_text('{"format": 7, "version": "1"}')
        text = self.folder / "text.json"
        text.write_text('{"format": "spanheap-record", "version": "one"}')
        for path, words in ((broken, "not whole"), (other, "other version"), (text, "other version"),
                            (foreign, "no record of a run"),
                            ("/no/such", "neither a process id nor a file")):
            done = spanheap("view", path, "-o", self.folder / "page.html")
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
