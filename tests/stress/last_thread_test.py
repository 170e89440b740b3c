#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A process ends with the last of its own threads, whatever threads the heap has: as libc would end
it, with status 0 and after the exit handlers. Each scene of last_thread runs with malloc as it is,
and on the preloaded heap.

usage: last_thread_test.py LAST_THREAD LIBSPANHEAP.SO
"""

import os
import subprocess
import sys
import unittest

PROGRAM, SHARED = [os.path.abspath(path) for path in sys.argv[1:3]]
PATIENCE_S = 100


class LastThread(unittest.TestCase):
    def check(self, scene, said="", code=0, ways=(None, SHARED)):
        for way in ways:
            with self.subTest(preloaded=way is not None):
                environment = dict(os.environ)
                if way is not None:
                    environment["LD_PRELOAD"] = way
                try:
                    done = subprocess.run([PROGRAM, scene], capture_output=True, text=True,
                                          env=environment, timeout=PATIENCE_S)
                except subprocess.TimeoutExpired:
                    self.fail(f"{scene}: no end after {PATIENCE_S} s")
                self.assertEqual((done.stdout, done.stderr, done.returncode), (said, "", code))

    def test_of_libc_alone(self):
        self.check("none", LAST + ENDS)

    def test_that_collects(self):
        self.check("collected", LAST + ENDS)

    def test_beside_a_first_one_that_the_heap_does_not_know(self):
        self.check("unknown", LAST + ENDS)

    def test_that_the_heap_does_not_know(self):
        self.check("sleeper", LAST + ENDS)

    def test_of_a_chain(self):
        self.check("chain", LAST + ENDS)

    def test_beside_all_threads_that_the_heap_has(self):
        self.check("many", LAST + ENDS)

    def test_of_a_finalizer(self):
        self.check("finalizers", "finalizer\nthread of the finalizer\n" + ENDS)

    def test_handlers_have_the_heap_a_stack_and_signals(self):
        self.check("handlers", LAST + "handler of much\n" + ENDS)

    def test_a_handler_has_the_last_word(self):
        self.check("status", LAST, 7)

    def test_of_a_child(self):
        self.check("fork", LAST + ENDS + ENDS)

    def test_of_a_child_that_has_a_finalizers_thread(self):
        self.check("fork_in_finalizer", ENDS + ENDS)

    def test_of_a_child_of_which_nobody_told_the_heap(self):
        # libc counts its parent's threads, and leaves its end to the system.
        self.check("bare_fork", LAST * 2 + ENDS)


LAST = "last thread\n"
ENDS = "handler\ndestructor\n"

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
