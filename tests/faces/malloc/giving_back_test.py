#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole programs that free most of what they had, and what is resident then.

    giving_back_test.py LIBRARY PROGRAM   (PROGRAM: giving_back.cc)
"""
import ctypes
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import redis_server  # noqa: E402

LIBRARY, PROGRAM = sys.argv[1:3]
PR_SET_THP_DISABLE = 41


def environment(options):
    return {"PATH": os.environ["PATH"], "LD_PRELOAD": LIBRARY, "SPANHEAP": options}


def run(options, *arguments, before=None):
    return subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True,
                          timeout=100, env=environment(options), preexec_fn=before)


def without_huge_pages():
    if ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError("PR_SET_THP_DISABLE")


class GivingBack(unittest.TestCase):
    def test_pages_that_go_lazily_are_no_zeroes_and_what_malloc_trim_gives_goes_at_once(self):
        # What the heap's thread gives back, lazily, before malloc_trim comes to it stays resident.
        # It may be quick, but not each time.
        seen = []
        for _ in range(6):
            done = run("release=free", "lazily", 128)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            lazy, trimmed, resident = map(int, done.stdout.split())
            print(f"128 MiB freed: {lazy} MiB may be taken; after malloc_trim {resident} resident")
            if lazy != -1:  # this kernel tells
                self.assertGreaterEqual(lazy, 64)
            if trimmed == 1 and resident < 16:
                return
            seen.append((trimmed, resident))
        self.fail(f"what malloc_trim returned, and how many MiB were left: {seen}")

    def test_memory_had_by_any_call_goes_back(self):
        for call in ("realloc", "posix_memalign", "aligned_alloc", "new", "new_nothrow"):
            with self.subTest(call=call):
                done = run("", "by", call)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertLessEqual(int(done.stdout), 64)

    def test_a_thinned_heap_is_as_small_whatever_is_said_of_huge_pages(self):
        ways = {"auto": ("hugepages=auto", None), "off": ("hugepages=off", None),
                "none in the process": ("hugepages=auto", without_huge_pages)}
        resident = {}
        for name, (options, before) in ways.items():
            done = run(options, "sparse", before=before)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            resident[name] = int(done.stdout)
        print(f"KiB resident of 200 MB, one block of 400 kept: {resident}")
        self.assertLessEqual(max(resident.values()), 1.1 * min(resident.values()))


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@unittest.skipUnless(redis_server.IS_INSTALLED, "no redis here")
class RedisPurges(unittest.TestCase):
    FILL = "for i = 1, 200000 do redis.call('set', 'k' .. i, string.rep('x', 400)) end"
    THIN = "for i = 1, 200000 do if i % 50 ~= 0 then redis.call('del', 'k' .. i) end end"

    def test_memory_purge_gives_back_what_was_deleted(self):
        with redis_server.RedisServer(environment("background=off")) as redis:
            start = resident_kib(redis.pid)
            redis.ask("eval", self.FILL, 0)
            full = resident_kib(redis.pid)
            redis.ask("eval", self.THIN, 0)
            thinned = resident_kib(redis.pid)
            self.assertEqual(redis.ask("memory", "purge"), "OK")
            purged = resident_kib(redis.pid)
            self.assertEqual(redis.ask("dbsize"), "4000")
            print(f"redis, KiB resident: {start}, filled {full}, thinned {thinned}, purged {purged}")
            self.assertGreater(full - start, 80_000)
            # One value of 50 is left, a page each: 16 MB; keys and entries are more than 50 to a
            # page, so all pages of theirs stay: 13 MB; and the table.
            self.assertLess(purged - start, (full - start) * 0.42)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
