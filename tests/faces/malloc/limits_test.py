#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs near a memory limit: the options memlimit and hardlimit in bytes, and as a percentage of
what a real control group allows. The latter is left out where no group can be made.

    limits_test.py LIBRARY PROGRAM LIVE LIMIT   (PROGRAM: limited.cc; both sizes in MiB)
"""
import os
import subprocess
import sys
import unittest

LIBRARY, PROGRAM = sys.argv[1:3]
LIVE, LIMIT = int(sys.argv[3]), int(sys.argv[4])


def run(options, *arguments, group=None):
    def enter():
        if group is not None:
            with open(os.path.join(group, "cgroup.procs"), "w") as processes:
                processes.write("0")

    return subprocess.run([PROGRAM, *map(str, arguments)], text=True, capture_output=True,
                          env={"LD_PRELOAD": LIBRARY, "SPANHEAP": options}, preexec_fn=enter)


def own_group():
    """The directory of this process's memory group and the file of its limit, or None."""
    with open("/proc/self/cgroup") as lines:
        groups = dict(line.strip().split(":", 2)[1:] for line in lines)
    for controllers, path in groups.items():
        if "memory" in controllers.split(","):
            return "/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes"
    if "" in groups and os.path.exists("/sys/fs/cgroup" + groups[""] + "/memory.max"):
        return "/sys/fs/cgroup" + groups[""], "memory.max"
    return None


class Group:
    """A group of its own below this process's, removed at the end."""

    def __init__(self, mebibytes):
        found = own_group()
        if found is None:
            raise unittest.SkipTest("no memory group")
        self.path = os.path.join(found[0], f"spanheap-test-{os.getpid()}")
        try:
            os.mkdir(self.path)
            with open(os.path.join(self.path, found[1]), "w") as limit:
                limit.write(str(mebibytes << 20))
        except OSError as error:
            self.close()
            raise unittest.SkipTest(f"no group can be made: {error}")

    def close(self):
        try:
            os.rmdir(self.path)
        except OSError:
            pass


class Limits(unittest.TestCase):
    def test_a_heap_that_churns_stays_below_its_soft_limit(self):
        done = run(f"memlimit={LIMIT}M", "churn", LIVE, 4)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        print(f"{LIVE} MiB live, memlimit={LIMIT}M: {done.stdout.strip()} MiB resident at most")
        self.assertLess(int(done.stdout), LIMIT)

    def test_a_hard_limit_refuses_and_the_program_goes_on(self):
        done = run(f"hardlimit={LIMIT}M", "grow", LIMIT * 600 // 512)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(int(done.stdout), LIMIT * 95 // 100)
        self.assertLessEqual(int(done.stdout), LIMIT)
        self.assertEqual(done.stderr.count("hardlimit: refused"), 1, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_a_percentage_is_of_the_groups_limit(self):
        group = Group(LIMIT * 8 // 7)
        try:
            done = run("memlimit=87%", "churn", LIVE, 4, group=group.path)
            self.assertEqual((done.returncode, done.stderr), (0, ""), "in time, so nothing is killed")
            self.assertLess(int(done.stdout), LIMIT)
            done = run("hardlimit=50%", "grow", LIMIT, group=group.path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLessEqual(int(done.stdout), LIMIT * 4 // 7)
            self.assertGreaterEqual(int(done.stdout), LIMIT // 2)
        finally:
            group.close()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
