# SPDX-License-Identifier: MIT
"""`spanheap explain` and `top` on programs that run, are stopped, or left a core file.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import redis_server  # noqa: E402
import schema  # noqa: E402

COMMAND = os.environ["SPANHEAP_COMMAND"]
FIXTURES = pathlib.Path(os.environ["SPANHEAP_FIXTURES"])
SUBJECT = str(FIXTURES / "heap_subject")
LOCKS_A_MEBIBYTE = """import ctypes, mmap, resource, time
resource.setrlimit(resource.RLIMIT_MEMLOCK,
                   (4 << 20, resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]))
m = mmap.mmap(-1, 1 << 20)
c = ctypes.CDLL(None)
assert c.mlock(ctypes.byref(ctypes.c_char.from_buffer(m)), ctypes.c_size_t(1 << 20)) == 0
print("ready", flush=True)
time.sleep(600)"""


def spanheap(*words):
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False)


def look(*words):
    done = spanheap("explain", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sound_look(pid):
    """A look at a running heap that contradicts itself in a twentieth of it at most. A look that
    loses the processor half way sees two moments of the heap: on a busy machine not each is sound."""
    end = time.monotonic() + 60
    while True:
        seen = look(pid)
        if seen["unreconciled_bytes"] * 20 <= seen["mapped_bytes"] or time.monotonic() > end:
            return seen


def mapped(seen):
    return {key: row["mapped_bytes"] for key, row in seen["categories"].items()}


def categories_of(report):
    return [key for key in schema.load("spanheap-look")["properties"]["categories"]["required"]
            if key in report]


def as_reported(seen, report):
    """The categories as the heap's own report parts them, which may be coarser."""
    bytes_of = mapped(seen)
    if "central_cache_bytes" not in report:
        central = bytes_of.pop("central_cache_bytes")
        bytes_of["thread_cache_bytes"] += seen["shelf"]["bytes"]
        bytes_of["free_pages_bytes"] += central - seen["shelf"]["bytes"]
        bytes_of["released_bytes"] -= seen["hole_bytes"]
        bytes_of["free_in_spans_bytes"] += seen["hole_bytes"]
    return {key: value for key, value in bytes_of.items() if key in report}


def resident_sum(seen):
    return (sum(row["resident_bytes"] for row in seen["categories"].values())
            + seen["heap_rest_bytes"] + sum(row["resident_bytes"] for row in seen["others"]))


def status_bytes(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) << 10
    raise KeyError(key)


def await_sleep(pid, library=""):
    """Returns once the process has loaded the library and sleeps."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "S" and library in pathlib.Path(f"/proc/{pid}/maps").read_text():
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} does not sleep")


class Subject:
    """A program on the heap, up to the moment it says that it is ready. Its heap gives nothing back
    while nobody calls it, so that two looks see the same."""

    def __init__(self, *words, options="", stderr=None, stdin=None):
        environment = {**os.environ, "SPANHEAP": f"background=off,{options}"}
        self.launcher = subprocess.Popen([COMMAND, "run", "--", *words], stdout=subprocess.PIPE,
                                         stderr=stderr, stdin=stdin, text=True, env=environment)
        assert self.launcher.stdout.readline() == "ready\n"
        children = f"/proc/{self.launcher.pid}/task/{self.launcher.pid}/children"
        self.pid = int(pathlib.Path(children).read_text().split()[0])

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        os.kill(self.pid, signal.SIGKILL)
        self.launcher.communicate()


class Quiet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.report_path = pathlib.Path(cls.folder.name) / "report.json"
        cls.subject = Subject(SUBJECT, "quiet", str(cls.report_path))

    @classmethod
    def tearDownClass(cls):
        cls.subject.__exit__()
        cls.folder.cleanup()

    def test_says_the_same_as_the_heap_itself_to_the_byte(self):
        report = json.loads(self.report_path.read_text())
        seen = look(self.subject.pid)
        self.assertEqual(seen["mapped_bytes"], report["mapped_bytes"])
        self.assertEqual(as_reported(seen, report), {key: report[key] for key in categories_of(report)})
        self.assertEqual(seen["rounding_waste_bytes"], report["rounding_waste_bytes"])
        self.assertGreater(seen["rounding_waste_bytes"], 0)
        scavenger = seen["scavenger"]
        self.assertGreaterEqual(scavenger["peak_bytes"], scavenger["in_use_bytes"])
        self.assertGreaterEqual(scavenger["goal_bytes"], scavenger["peak_bytes"])
        self.assertEqual(scavenger["thread"], "none")
        self.assertEqual(scavenger["spent_ns"], report["scavenger_ns"])
        for cause in ("background", "eager", "limit", "forced"):
            key = f"released_{cause}_bytes"
            self.assertEqual(scavenger[key], report[key])
        by_kernel = status_bytes(self.subject.pid, "VmRSS")
        self.assertLess(abs(report["process_resident_bytes"] - by_kernel), by_kernel / 100)
        classes = {row["block_bytes"]: row for row in seen["classes"]}
        for row in report["classes"]:
            other = classes.get(row["block_bytes"], {})
            for key in ("live_blocks", "cached_blocks", "free_blocks", "spans",
                        "rounding_waste_bytes"):
                self.assertEqual(other.get(key, 0), row[key], (row["block_bytes"], key))

    def test_adds_up_to_what_is_mapped_and_resident(self):
        seen = look(self.subject.pid)
        self.assertEqual(seen["unreconciled_bytes"], 0)
        self.assertEqual(sum(mapped(seen).values()), seen["mapped_bytes"])
        self.assertEqual(resident_sum(seen), seen["process_resident_bytes"])
        self.assertLess(seen["heap_rest_bytes"], seen["process_resident_bytes"] / 100)
        by_kernel = status_bytes(self.subject.pid, "VmRSS")
        self.assertLess(abs(resident_sum(seen) - by_kernel), by_kernel / 100)

    def test_is_as_the_schema_says(self):
        for words in ((), ("--stop",)):
            schema.check(self, look(*words, self.subject.pid), "spanheap-look")

    def test_finds_stacks_and_threads(self):
        seen = look(self.subject.pid)
        self.assertEqual(sum(not row["is_shared"] for row in seen["threads"]), 4)
        threads = {int(task.name) for task in pathlib.Path(f"/proc/{self.subject.pid}/task").iterdir()}
        self.assertEqual({row["id"] for row in seen["threads"] if not row["is_shared"]}, threads)
        stacks = {row["label"]: row for row in seen["others"]}["stacks"]
        self.assertGreater(stacks["mapped_bytes"], 3 << 20)

    def test_text_has_every_category_and_the_sums(self):
        text = spanheap("explain", self.subject.pid).stdout
        for words in ("live", "free in spans", "in thread caches", "released", "metadata",
                      "the heap (sum)", "stacks", "the process (sum)", "unreconciled"):
            self.assertIn(words, text)

    def test_spans_of_one_class(self):
        done = spanheap("explain", "--class", 512, self.subject.pid)
        lines = done.stdout.splitlines()
        spans = {row["block_bytes"]: row for row in look(self.subject.pid)["classes"]}[512]["spans"]
        self.assertEqual(len(lines), spans + 2)
        shares = [float(line.split("%")[0].split()[-1]) for line in lines[2:]]
        self.assertEqual(shares, sorted(shares))
        done = spanheap("explain", "--class", 513, self.subject.pid)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))

    @unittest.skipUnless(shutil.which("gcore"), "gcore of gdb is not installed")
    def test_a_core_file_tells_the_same_as_the_process(self):
        before = look("--stop", self.subject.pid)
        path = pathlib.Path(self.folder.name) / "core"
        subprocess.run(["gcore", "-o", str(path), str(self.subject.pid)], check=True,
                       capture_output=True, timeout=120)
        core = f"{path}.{self.subject.pid}"
        self.assertLess(os.path.getsize(core), 1 << 30)  # address space is not in it
        seen = look(core)
        schema.check(self, seen, "spanheap-look")
        self.assertEqual((seen["kind"], seen["unreconciled_bytes"]), ("core", 0))
        self.assertEqual(mapped(seen), mapped(before))
        self.assertEqual(seen["live_blocks"], before["live_blocks"])
        cut = pathlib.Path(self.folder.name) / "cut"
        with open(core, "rb") as whole:
            cut.write_bytes(whole.read(1 << 20))
        done = spanheap("explain", cut)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cut short", done.stderr)

    @unittest.skipUnless(shutil.which("gcore"), "gcore of gdb is not installed")
    def test_a_core_file_of_another_build_of_the_library_is_refused(self):
        library = pathlib.Path(self.folder.name) / "libspanheap.so.1"
        shutil.copy(os.environ["SPANHEAP_LIBRARY"], library)
        original = library.read_bytes()
        with mock.patch.dict(os.environ, SPANHEAP_LIBRARY=str(library)):
            subject = Subject(SUBJECT, "quiet", os.devnull)
        with subject:
            path = pathlib.Path(self.folder.name) / "core.other"
            subprocess.run(["gcore", "-o", str(path), str(subject.pid)], check=True,
                           capture_output=True, timeout=120)
        core = f"{path}.{subject.pid}"
        self.assertEqual(look(core)["unreconciled_bytes"], 0)
        note = original.index(b"GNU\0", original.index(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"))
        other = bytearray(original)
        other[note + 4] ^= 1
        library.unlink()
        library.write_bytes(other)
        done = spanheap("explain", core)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^spanheap: /.*libspanheap.so.1 is not the file that the "
                                      r"process had mapped: its build id is \w+, not \w+\n$")
        library.unlink()
        self.assertIn("leaves out what is in", spanheap("explain", core).stderr)
        library.write_bytes(original)
        self.assertEqual(look(core)["unreconciled_bytes"], 0)

    def test_goes_on_as_if_nothing_had_been(self):
        await_sleep(self.subject.pid)
        self.assertEqual(status_bytes(self.subject.pid, "TracerPid"), 0)


class Busy(unittest.TestCase):
    def test_stopped_it_adds_up_to_the_byte(self):
        with Subject(SUBJECT, "busy") as subject:
            for _ in range(10):
                seen = look("--stop", subject.pid)
                self.assertEqual(seen["kind"], "stopped")
                self.assertEqual(seen["unreconciled_bytes"], 0)
                self.assertEqual(sum(mapped(seen).values()), seen["mapped_bytes"])

    def test_running_it_adds_up_within_bounds(self):
        # The aim is one percent; threads that do nothing but churn a small heap in the optimised
        # library have been seen to make it 1.5.
        with Subject(SUBJECT, "busy") as subject:
            for _ in range(5):
                seen = sound_look(subject.pid)
                self.assertLessEqual(seen["unreconciled_bytes"] * 20, seen["mapped_bytes"])
                for row in seen["categories"].values():
                    self.assertLessEqual(row["low_bytes"], row["mapped_bytes"])
                    self.assertLessEqual(row["mapped_bytes"], row["high_bytes"])

    def test_the_limit_is_shown_as_it_was_set(self):
        with Subject(SUBJECT, "busy", options="memlimit=1000M") as subject:
            limits = look(subject.pid)["limits"]
            self.assertEqual(limits["limit_bytes"], 1000 << 20)
            self.assertLess(limits["target_bytes"], 1000 << 20)
            self.assertIn("soft 1000", spanheap("explain", subject.pid).stdout)

    def test_locked_memory_is_named_with_its_limit(self):
        words = ["python3", "-S", "-c", LOCKS_A_MEBIBYTE]
        with Subject(*words) as subject:
            self.assertEqual(look(subject.pid)["locked"],
                             {"bytes": 1 << 20, "limit_bytes": 4 << 20})
            self.assertRegex(spanheap("explain", subject.pid).stdout,
                             r"locked +1\.0 MiB  of addresses, limit 4\.0 MiB: ")
        with Subject(SUBJECT, "busy") as subject:
            self.assertEqual(look(subject.pid)["locked"]["bytes"], 0)
            self.assertNotIn("  locked  ", spanheap("explain", subject.pid).stdout)

    def test_watching_shows_it_again_and_ends_on_interrupt(self):
        with Subject(SUBJECT, "busy") as subject:
            top = subprocess.Popen([COMMAND, "top", "--every", "0.1", str(subject.pid)],
                                   stdout=subprocess.PIPE, text=True)
            views = 0
            while views < 3:
                views += top.stdout.readline().startswith("spanheap: memory of")
            top.send_signal(signal.SIGINT)
            top.communicate(timeout=30)
            self.assertEqual(top.returncode, 0)

    def test_a_name_does_not_reach_the_terminal_as_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "a\x1b[2J\nb\x9b"
            shutil.copy(SUBJECT, program)
            with Subject(str(program), "busy") as subject:
                text = spanheap("explain", subject.pid).stdout
                refusal = spanheap("explain", "--class", 513, subject.pid).stderr
            self.assertIn("memory of a\\x1b[2J\\x0ab\\xc2\\x9b (process", text)
            self.assertFalse(set(text + refusal) & {"\x1b", "\x9b"})
            self.assertEqual(refusal.count("\n"), 1)

    def watch_one_become(self, words, line):
        """Watches a program that becomes another one; returns what was said, once `line` was."""
        script = "import os, sys; print('ready', flush=True); input(); os.execvp(sys.argv[1], sys.argv[1:])"
        with Subject(sys.executable, "-c", script, *words, stdin=subprocess.PIPE) as subject:
            with tempfile.TemporaryFile("w+") as errors:
                top = subprocess.Popen([COMMAND, "top", "--every", "0.1", str(subject.pid)],
                                       stdout=subprocess.PIPE, stderr=errors, text=True)
                seen = [top.stdout.readline()]
                subject.launcher.stdin.write("\n")
                subject.launcher.stdin.flush()
                while top.poll() is None and seen[-1] != "" and not line(seen[-1]):
                    seen.append(top.stdout.readline())
                top.send_signal(signal.SIGINT)
                top.communicate(timeout=30)
                errors.seek(0)
                return top.returncode, "".join(seen), errors.read()

    def test_a_program_that_becomes_another_one_is_watched_on(self):
        code, seen, errors = self.watch_one_become(
            [SUBJECT, "busy"], lambda line: line.startswith("spanheap: memory of heap_subject"))
        self.assertEqual(code, 0, errors)
        self.assertNotRegex(seen, "unreconciled .*100.00 %")
        self.assertNotRegex(seen, r"the heap \(sum\) +0 B")
        self.assertRegex(errors, r"^spanheap: heap_subject \(process \d+\) is another program now\n$")

    def test_one_that_leaves_the_heap_is_not_watched_on(self):
        code, seen, errors = self.watch_one_become(["env", "-i", "/bin/sleep", "60"],
                                                   lambda line: False)
        self.assertEqual(code, 1, errors)
        self.assertNotRegex(seen, r"the heap \(sum\) +0 B")
        self.assertRegex(errors, r"sleep \(process \d+\) does not run on spanheap\n$")

    def test_python_adds_up_to_its_resident_size(self):
        script = "x = [str(i) * 9 for i in range(200000)]; print('ready', flush=True); import time; time.sleep(99)"
        with Subject(sys.executable, "-c", script) as subject:
            seen = look(subject.pid)
            self.assertEqual(seen["unreconciled_bytes"], 0)
            by_kernel = status_bytes(subject.pid, "VmRSS")
            self.assertLess(abs(resident_sum(seen) - by_kernel), by_kernel / 100)


class Headless(unittest.TestCase):
    def test_a_process_whose_first_thread_has_ended_is_seen(self):
        with Subject(SUBJECT, "headless") as subject:
            for words in ((), ("--stop",)):
                seen = look(*words, subject.pid)
                self.assertEqual((seen["process"], seen["unreconciled_bytes"]), (subject.pid, 0))
                self.assertEqual(resident_sum(seen), seen["process_resident_bytes"])
                self.assertGreater(seen["process_resident_bytes"], 5 << 20)
                self.assertGreater(mapped(seen)["live_bytes"], 5 << 20)
                self.assertEqual(sum(not row["is_shared"] for row in seen["threads"]), 3)


@unittest.skipUnless(redis_server.IS_INSTALLED, "no redis here")
class Redis(unittest.TestCase):
    LOAD = ["-q", "-t", "set,lpush,hset", "-r", "50000", "-n", "100000", "-d", "300", "-l"]

    def test_adds_up_under_load_and_when_it_is_quiet(self):
        environment = {**os.environ, "LD_PRELOAD": os.environ["SPANHEAP_LIBRARY"]}
        with redis_server.RedisServer(environment) as redis:
            load = subprocess.Popen(["redis-benchmark", "-s", redis.socket, *self.LOAD],
                                    stdout=subprocess.DEVNULL)
            try:
                self.look_under(load, redis)
            finally:
                load.kill()
                load.wait()
            # The server has still to end what it does for the clients; its heap gives back.
            end = time.monotonic() + 60
            is_quiet = False
            while not is_quiet and time.monotonic() < end:
                time.sleep(1)
                seen = look(redis.pid)
                by_kernel = status_bytes(redis.pid, "VmRSS")
                is_quiet = (seen["unreconciled_bytes"] == 0
                            and abs(resident_sum(seen) - by_kernel) < by_kernel / 100)
            self.assertTrue(is_quiet, (seen, by_kernel))
            self.assertGreater(mapped(seen)["live_bytes"], 10 << 20)

    def look_under(self, load, redis):
        """Five times, and until there is something to see."""
        live, end = [], time.monotonic() + 60
        while len(live) < 5 or (live[-1] <= 10 << 20 and time.monotonic() < end):
            time.sleep(0.3)
            seen = sound_look(redis.pid)
            self.assertIsNone(load.poll())
            self.assertLessEqual(seen["unreconciled_bytes"] * 20, seen["mapped_bytes"])
            live.append(mapped(seen)["live_bytes"])


class Refusals(unittest.TestCase):
    def refused(self, *words):
        done = spanheap("explain", *words)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertTrue(done.stderr.startswith("spanheap: "))
        self.assertEqual(done.stderr.count("\n"), 1)
        return done.stderr

    def test_no_such_process(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assertIn("there is no process", self.refused(gone.pid))

    def test_neither_process_nor_core(self):
        self.assertIn("neither a process id nor a file", self.refused("/no/such/core"))
        self.assertIn("nor a core file", self.refused(COMMAND))
        self.assertIn("nor a core file", self.refused("/etc/passwd"))

    def test_a_program_on_another_heap(self):
        with subprocess.Popen(["sleep", "60"]) as other:
            await_sleep(other.pid)
            self.assertIn("does not run on spanheap", self.refused(other.pid))
            other.kill()

    def test_another_version_is_named(self):
        library = str(FIXTURES / "libother_version.so")
        with subprocess.Popen(["sleep", "60"], env={"LD_PRELOAD": library}) as other:
            await_sleep(other.pid, library)
            line = self.refused(other.pid)
            self.assertRegex(line, r'other version: .* libspanheap 9\.9\.9.* does not tell "')
            other.kill()

    def test_a_core_file_cannot_be_watched(self):
        done = spanheap("top", "/etc/passwd")
        self.assertEqual(done.returncode, 1)

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_another_users_process_names_both(self):
        def become_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        with Subject(SUBJECT, "quiet") as subject:
            done = subprocess.run([COMMAND, "explain", str(subject.pid)], capture_output=True,
                                  text=True, preexec_fn=become_nobody, check=False)
            if "denied" in done.stderr:
                self.skipTest("that user cannot execute the command")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "runs as user 0, this command as user 65534")
        with tempfile.NamedTemporaryFile() as secret:
            done = subprocess.run([COMMAND, "explain", secret.name], capture_output=True, text=True,
                                  preexec_fn=become_nobody, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "^spanheap: /.*: Permission denied\n$")


if __name__ == "__main__":
    unittest.main()
