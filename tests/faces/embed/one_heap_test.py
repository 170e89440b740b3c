#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several copies of spanheap in one process: one heap, or what docs/embedding.md says.

usage: one_heap_test.py LIBSPANHEAP.SO LIBSPANHEAP_EMBED.SO PLUGIN.SO OTHER_VERSION.SO ONE_HEAP
                        ONE_HEAP_STATIC
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SHARED, EMBED, PLUGIN, OTHER, PROGRAM, STATIC = [os.path.abspath(path) for path in sys.argv[1:7]]


class OneHeap(unittest.TestCase):
    """Copies of one file are different libraries to the dynamic linker."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def copy(self, path, name):
        return shutil.copy(path, self.folder / name)

    def expect_one(self, program, *libraries, **environment):
        done = subprocess.run([program, *libraries], capture_output=True, text=True, timeout=100,
                              env=dict(os.environ, **environment))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "good\n", ""))

    def plugins(self):
        return self.copy(PLUGIN, "first.so"), self.copy(PLUGIN, "second.so")

    def test_two_plugins_and_the_shared_library_have_one_heap(self):
        self.expect_one(PROGRAM, *self.plugins(), EMBED)

    def test_they_use_the_preloaded_heap(self):
        self.expect_one(PROGRAM, *self.plugins(), EMBED, LD_PRELOAD=SHARED)

    def test_they_use_the_heap_that_is_linked_into_the_program(self):
        self.expect_one(STATIC, *self.plugins(), EMBED)


STRANGER = """
import ctypes, sys
sh = ctypes.CDLL(sys.argv[1])
sh.sh_malloc.restype = ctypes.c_void_p
block = ctypes.c_void_p(sh.sh_malloc(ctypes.c_size_t(100)))
assert sh.sh_owns(block) == 1
sh.sh_free(block)
assert sh.sh_gc_attach() == -1 and sh.sh_gc_attach() == -1
print("good")
"""


class OtherVersion(unittest.TestCase):
    def test_it_keeps_its_own_heap_and_starts_no_collector(self):
        done = subprocess.run([sys.executable, "-c", STRANGER, EMBED], capture_output=True, text=True,
                              timeout=60, env=dict(os.environ, LD_PRELOAD=OTHER))
        self.assertEqual((done.returncode, done.stdout), (0, "good\n"))
        self.assertRegex(done.stderr, r"\Aspanheap\[\d+\]: no collected heap: .*another version.*\n\Z")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
