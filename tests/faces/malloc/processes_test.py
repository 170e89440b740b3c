#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What processes do with the library around them: options, reports at exit, C++ that comes late,
the embedded flavour in python.

usage: processes_test.py LIBSPANHEAP.SO LIBSPANHEAP_EMBED.SO LATE_CXX LATE_CXX_PLUGIN.SO OWN_MALLOC
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

SHARED, EMBED, LATE_CXX, PLUGIN, OWN_MALLOC = map(os.path.abspath, sys.argv[1:6])


def preloaded(*command, spanheap=None, **options):
    environment = dict(os.environ, LD_PRELOAD=SHARED)
    environment.pop("SPANHEAP", None)
    if spanheap is not None:
        environment["SPANHEAP"] = spanheap
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60,
                          **options)


class Options(unittest.TestCase):
    def test_an_unknown_name_is_one_line_and_no_harm(self):
        done = preloaded("bash", "-c", "echo works", spanheap="speed=11,verify=2")
        self.assertEqual((done.returncode, done.stdout), (0, "works\n"))
        self.assertRegex(done.stderr, r"\Aspanheap\[\d+\]: SPANHEAP: no such option: speed=11\n\Z")

    def test_each_verify_level_runs_a_program(self):
        for level in range(4):
            done = preloaded("bash", "-c", "for i in {1..2000}; do a[i]=$i; done; echo ${#a[@]}",
                             spanheap=f"verify={level}")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "2000\n", ""), level)


class AtExit(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "report.json"

    def tearDown(self):
        self.folder.cleanup()

    def test_text_goes_to_stderr(self):
        done = preloaded("/bin/true", spanheap="stats=exit")
        self.assertEqual(done.returncode, 0)
        for word in ("live", "released", "metadata", "in thread caches"):
            self.assertIn(word, done.stderr)

    def test_json_adds_up(self):
        done = preloaded("bash", "-c", "a=$(seq 1 10000); exit 7", spanheap=f"stats_json={self.path}")
        self.assertEqual((done.returncode, done.stderr), (7, ""))
        report = json.loads(self.path.read_text())
        parts = ("live_bytes", "free_in_spans_bytes", "thread_cache_bytes", "free_pages_bytes",
                 "released_bytes", "metadata_bytes", "page_cache_bytes", "central_cache_bytes",
                 "collected_bytes")
        self.assertEqual(sum(report[part] for part in parts), report["mapped_bytes"])
        self.assertGreater(report["live_bytes"], 0)

    def test_only_the_named_process_writes(self):
        done = preloaded("/bin/true", spanheap=f"stats=exit,stats_json={self.path},stats_pid=1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse(self.path.exists())

    def test_a_file_that_cannot_be_written_is_one_line(self):
        done = preloaded("/bin/true", spanheap="stats_json=/no/such/folder/file")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"\Aspanheap\[\d+\]: .*/no/such/folder/file\n\Z")


class LateCxx(unittest.TestCase):
    def test_c_plus_plus_loaded_by_a_c_program_throws_and_catches(self):
        done = preloaded(LATE_CXX, PLUGIN)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_without_any_c_plus_plus_the_process_ends_with_a_line(self):
        done = preloaded(LATE_CXX)
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertRegex(done.stderr, r"\Aspanheap\[\d+\]: operator new\(\d+\): out of memory.*\n\Z")


class OwnMalloc(unittest.TestCase):
    def test_names_that_the_programs_malloc_lacks_call_it(self):
        done = preloaded(OWN_MALLOC)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


EMBEDDED = """
import ctypes, json, sys, threading
sh = ctypes.CDLL(sys.argv[1])
libc = ctypes.CDLL(None)
for name in ("sh_malloc", "sh_calloc", "sh_realloc", "sh_aligned_alloc"):
    getattr(sh, name).restype = ctypes.c_void_p
libc.malloc.restype = sh.sh_verify.restype = sh.sh_stats_json.restype = ctypes.c_size_t
sh.sh_version.restype = ctypes.c_char_p
size, pointer = ctypes.c_size_t, ctypes.c_void_p

def churn():
    blocks = [sh.sh_malloc(size(n % 5000 + 1)) for n in range(3000)]
    for i, block in enumerate(blocks):
        ctypes.memset(block, i & 255, i % 5000 + 1)
        blocks[i] = sh.sh_realloc(pointer(block), size(i % 7000 + 1))
    for block in blocks:
        sh.sh_free(pointer(block))

churn()
threads = [threading.Thread(target=churn) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
kept = sh.sh_calloc(size(10), size(100))
assert ctypes.string_at(kept, 1000) == bytes(1000)
assert sh.sh_owns(pointer(kept)) == 1
foreign = libc.malloc(size(100))
assert sh.sh_owns(pointer(foreign)) == (1 if sys.argv[2] == "one heap" else 0)
assert sh.sh_aligned_alloc(size(4096), size(10)) % 4096 == 0
assert sh.sh_aligned_alloc(size(48), size(10)) is None
assert sh.sh_verify() >= 2
text = ctypes.create_string_buffer(100000)
assert sh.sh_stats_json(text, size(100000)) == len(text.value)
assert json.loads(text.value)["mapped_bytes"] > 0
short = ctypes.create_string_buffer(10)
assert sh.sh_stats_json(short, size(10)) > 10 and len(short.value) == 9
assert sh.sh_set(b"verify", b"2") == 0 and sh.sh_set(b"verify", b"9") == -1
value = ctypes.create_string_buffer(16)
assert sh.sh_get(b"verify", value, size(16)) == 0 and value.value == b"2"
assert sh.sh_version().count(b".") == 2
print("good")
"""


class Embedded(unittest.TestCase):
    def run_python(self, heaps, **environment):
        done = subprocess.run([sys.executable, "-c", EMBEDDED, EMBED, heaps], capture_output=True,
                              text=True, timeout=60, env=dict(os.environ, **environment))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "good\n", ""))

    def test_python_loads_it_beside_its_own_malloc(self):
        self.run_python("two heaps")

    def test_python_loads_it_beside_the_preloaded_heap(self):
        self.run_python("one heap", LD_PRELOAD=SHARED)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
