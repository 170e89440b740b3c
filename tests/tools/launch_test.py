# SPDX-License-Identifier: MIT
"""`spanheap run` as a user meets it: exit codes, signals, job control, proof, reports.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

COMMAND = os.environ["SPANHEAP_COMMAND"]
FIXTURES = pathlib.Path(os.environ["SPANHEAP_FIXTURES"])
SUBJECT = str(FIXTURES / "subject")
LYING = {"SPANHEAP_LIBRARY": str(FIXTURES / "liblying_library.so")}


def run(*words, variables=None, **options):
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(variables or {})}, check=False, **options)


def one_line(text):
    """True for exactly one line that begins as every message of the command does."""
    return text.startswith("spanheap: ") and text.count("\n") == 1 and text.endswith("\n")


class Usage(unittest.TestCase):
    def test_version_is_printed(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^spanheap \d+\.\d+\.\d+\n$")

    def test_help_names_every_option(self):
        text = run("run", "--help").stdout
        for option in ("--stats", "--json", "--set", "--check", "--force"):
            self.assertIn(option, text)

    def test_mistakes_are_one_line_and_code_2(self):
        for words in ([], ["run"], ["run", "--"], ["run", "--bogus"], ["fly"], ["run", "--json"],
                      ["explain"], ["explain", "--bogus", "1"], ["explain", "1", "2"],
                      ["top", "--every", "x", "1"], ["trace", "1"], ["view", "1"],
                      ["explain", "--class", "-5", "1"], ["explain", "--class", "x", "1"],
                      ["explain", "--class", "64", "--json", "1"],
                      ["top", "--json", "--class", "64", "1"], ["explain", "--every", "1", "1"],
                      ["run", "--interval", "5", "--", SUBJECT],
                      ["run", "--json", "", "true"], ["run", "--record", "", "true"],
                      ["run", "--trace", "", "true"], ["view", "1", "-o", ""],
                      ["trace", "1", "-o", ""]):
            done = run(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertTrue(one_line(done.stderr), done.stderr)

    def test_what_is_no_command_is_named(self):
        self.assertIn("fly is not a command", run("fly", "high").stderr)

    def test_what_cannot_be_looked_into_is_one_line_and_code_1(self):
        for target in ("999999999", "/no/such/core", __file__, "0", "/tmp", "9" * 30):
            for command in (["explain"], ["top"], ["view", "-o", "/dev/null"],
                            ["trace", "-o", "/dev/null"]):
                done = run(*command, target)
                self.assertEqual(done.returncode, 1, command)
                self.assertTrue(one_line(done.stderr), done.stderr)

    def test_settings_must_be_pairs(self):
        for setting in ("nonsense", "=1", "a=1,b=2", "a=b c"):
            done = run("run", "--set", setting, "--", SUBJECT, "exit", "0")
            self.assertEqual(done.returncode, 2)
            self.assertTrue(one_line(done.stderr) and setting in done.stderr, done.stderr)

    def test_a_missing_library_is_named(self):
        done = run("run", "--", SUBJECT, "exit", "0", variables={"SPANHEAP_LIBRARY": "/no/such.so"})
        self.assertEqual(done.returncode, 125)
        self.assertTrue(one_line(done.stderr) and "/no/such.so" in done.stderr, done.stderr)


class PassingThrough(unittest.TestCase):
    def test_exit_codes(self):
        for code in (0, 1, 42, 255):
            done = run("run", "--", SUBJECT, "exit", str(code))
            self.assertEqual((done.returncode, done.stderr), (code, ""))

    def test_a_program_without_collected_objects_has_its_own_threads_only(self):
        script = "import os; print(os.listdir('/proc/self/task') == [str(os.getpid())])"
        done = run("run", "--", sys.executable, "-c", script)
        self.assertEqual((done.returncode, done.stdout), (0, "True\n"))

    def test_deadly_signals_end_the_command_too(self):
        for number in (signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
            done = run("run", "--", SUBJECT, "raise", str(int(number)))
            self.assertEqual((done.returncode, done.stderr), (-number, ""))

    def test_input_and_output(self):
        text = "first\nsecond\n" * 1000
        done = run("run", "--", SUBJECT, "copy", input=text)
        self.assertEqual(done.stdout, text)

    def test_arguments_including_double_dashes_and_own_options(self):
        words = [SUBJECT, "arguments", "--stats", "--", "-x", ""]
        expected = "".join(f"[{word}]" for word in words)
        self.assertEqual(run("run", "--", *words).stdout, expected)
        self.assertEqual(run("run", *words).stdout, expected)

    def test_environment_is_changed_in_two_places_only(self):
        done = run("run", "--set", "verify=1", "--", "env", "-0",
                   variables={"LD_PRELOAD": "libm.so.6", "SPANHEAP": "verify=0"})
        seen = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
        self.assertRegex(seen.pop("LD_PRELOAD"), r"^/.*:libm\.so\.6$")
        self.assertEqual(seen.pop("SPANHEAP"), "verify=0\nverify=1")
        expected = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "SPANHEAP")}
        self.assertEqual(seen, expected)

    def test_ignored_and_blocked_signals_stay_so(self):
        script = ("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
                  "signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
                  "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1});"
                  "import os, sys; os.execv(sys.argv[1], sys.argv[1:])")
        state = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
        plain = subprocess.run([sys.executable, "-c", script, "/bin/" + state[0], *state[1:]],
                               capture_output=True, text=True, check=True)
        under = subprocess.run([sys.executable, "-c", script, COMMAND, "run", "--", *state],
                               capture_output=True, text=True, check=True)
        self.assertIn("SigIgn", under.stdout)
        self.assertEqual(under.stdout, plain.stdout)


class Signals(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen([COMMAND, "run", "--", SUBJECT, "listen"],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=os.setpgrp)
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.kill_group)
        self.assertEqual(self.process.stdout.readline(), "ready\n")

    def kill_group(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def child(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(path.read_text().split()[0])

    def state_becomes(self, pid, letters):
        """Waits until the process is in one of the states (R, S, T, ...)."""
        for _ in range(3000):
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
            if text.rsplit(")", 1)[1].split()[0] in letters:
                return True
            time.sleep(0.01)
        return False

    def test_signals_sent_to_the_command_reach_the_program(self):
        sent = [signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT,
                signal.SIGALRM, signal.SIGWINCH, signal.SIGTERM]
        for number in sent:
            self.process.send_signal(number)
            self.assertEqual(self.process.stdout.readline(), f"signal {int(number)}\n")
        self.assertEqual(self.process.wait(20), len(sent), "each exactly once")

    def test_the_program_shares_the_group_of_the_command(self):
        self.assertEqual(os.getpgid(self.child()), self.process.pid)

    def test_a_stop_stops_both_and_continues_both(self):
        child = self.child()
        os.kill(child, signal.SIGSTOP)
        self.assertTrue(self.state_becomes(self.process.pid, "T"), "the command stops as well")
        self.process.send_signal(signal.SIGCONT)
        self.assertTrue(self.state_becomes(child, "RS"), "and takes the program along")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(20), 1)

    def test_a_program_that_is_continued_by_itself_takes_the_command_along(self):
        child = self.child()
        for _ in range(3):
            os.kill(child, signal.SIGSTOP)
            self.assertTrue(self.state_becomes(self.process.pid, "T"))
            os.kill(child, signal.SIGCONT)
            self.assertTrue(self.state_becomes(self.process.pid, "RS"))
        os.kill(child, signal.SIGSTOP)
        os.kill(child, signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(20), 1)

    def test_a_program_that_is_killed_while_it_is_stopped_ends_the_command(self):
        child = self.child()
        os.kill(child, signal.SIGSTOP)
        self.assertTrue(self.state_becomes(self.process.pid, "T"))
        os.kill(child, signal.SIGKILL)
        self.assertEqual(self.process.wait(20), -signal.SIGKILL)

    def test_a_stop_signal_to_the_command_stops_the_program(self):
        child = self.child()
        self.process.send_signal(signal.SIGTSTP)
        self.assertTrue(self.state_becomes(child, "T"))
        self.assertTrue(self.state_becomes(self.process.pid, "T"))
        os.killpg(self.process.pid, signal.SIGCONT)
        self.assertTrue(self.state_becomes(child, "RS"))


class Refusals(unittest.TestCase):
    def assert_refused(self, program, *reasons):
        done = run("run", "--", str(program), "exit", "9")
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertTrue(one_line(done.stderr), done.stderr)
        for reason in reasons:
            self.assertIn(reason, done.stderr)
        forced = run("run", "--force", "--", str(program), "exit", "9")
        self.assertEqual(forced.returncode, 9, forced.stderr)
        self.assertTrue(one_line(forced.stderr), forced.stderr)

    def test_a_static_program(self):
        self.assert_refused(FIXTURES / "subject_static", "statically linked")

    def test_a_sanitized_program(self):
        self.assert_refused(FIXTURES / "subject_asan", "sanitizer", "libasan")

    def test_a_program_with_its_own_malloc(self):
        self.assert_refused(FIXTURES / "subject_own_malloc", "its own malloc")

    def test_a_script_of_a_static_interpreter(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "script")
            script.write_text(f"#!{FIXTURES / 'subject_static'} exit\n")
            script.chmod(0o755)
            done = run("run", "--", str(script))
            self.assertEqual(done.returncode, 125)
            self.assertIn("subject_static", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "only root can give a file to another user")
    def test_a_set_user_id_program(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            copy = pathlib.Path(folder, "elevated")
            copy.write_bytes(pathlib.Path(SUBJECT).read_bytes())
            os.chown(copy, 65534, 65534)
            os.chmod(copy, 0o4755)
            self.assert_refused(copy, "set-user-id")

    def test_what_is_no_program(self):
        for name, code in (("no-such-program-anywhere", 127), ("/nonexistent", 127),
                           ("/etc/passwd", 126), ("/tmp", 126)):
            done = run("run", "--", name)
            self.assertEqual(done.returncode, code)
            self.assertTrue(one_line(done.stderr) and name in done.stderr, done.stderr)

    def test_what_a_program_needs_and_is_not_there_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "script")
            script.write_bytes(b"#!/bin/sh\r\nexit 0\r\n")
            loaderless = pathlib.Path(folder, "loaderless")
            loader = re.search(rb"/lib\S*/ld-linux[^\0]*", pathlib.Path(SUBJECT).read_bytes())[0]
            missing = loader.replace(b"/lib", b"/lob")
            loaderless.write_bytes(pathlib.Path(SUBJECT).read_bytes().replace(loader, missing))
            for file, reason in ((script, "its interpreter /bin/sh\\x0d is not there: the line ends "
                                          "as on Windows, with a carriage return"),
                                 (loaderless, f"its interpreter {missing.decode()} is not there")):
                file.chmod(0o755)
                done = run("run", "--", str(file))
                self.assertEqual((done.returncode, done.stderr), (127, f"spanheap: {file}: {reason}\n"))

    def test_a_text_without_an_interpreter_is_run_by_the_shell(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder, "script")
            script.write_text("echo $0 $1; exit 4\n")
            script.chmod(0o755)
            done = run("run", "--check", "--", str(script), "word")
            self.assertEqual((done.returncode, done.stdout), (4, f"{script} word\n"))

    def test_a_file_the_kernel_refuses(self):
        with tempfile.TemporaryDirectory() as folder:
            broken = pathlib.Path(folder, "broken")
            broken.write_bytes(b"\x7fELF" + b"\0" * 100)
            broken.chmod(0o755)
            done = run("run", "--force", "--", str(broken))
            self.assertEqual(done.returncode, 126, done.stderr)


class Proof(unittest.TestCase):
    def test_a_program_that_ends_well_is_proven_by_its_report(self):
        done = run("run", "--check", "--", SUBJECT, "allocate")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(one_line(done.stderr), done.stderr)
        self.assertIn("active: yes", done.stderr)
        self.assertIn("reported from it", done.stderr)

    def test_a_program_that_says_nothing_at_its_end_is_proven_by_its_mappings(self):
        for _ in range(30):
            done = run("run", "--check", "--", SUBJECT, "_exit", "0")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("active: yes", done.stderr)
            self.assertNotIn("reported", done.stderr)

    def test_deadly_signals_pass_while_the_end_is_held(self):
        for number in (signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL):
            done = run("run", "--check", "--", SUBJECT, "raise", str(int(number)))
            self.assertEqual(done.returncode, -number)
            self.assertIn("active: ", done.stderr)

    def test_a_stop_while_the_end_is_held_stops_the_command(self):
        process = subprocess.Popen([COMMAND, "run", "--check", "--", SUBJECT, "raise",
                                    str(int(signal.SIGSTOP))],
                                   stderr=subprocess.PIPE, text=True, preexec_fn=os.setpgrp)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0)
        self.assertIn("active: yes", errors)

    def test_a_preload_that_the_linker_passed_over_is_noticed(self):
        # An ELF file, as far as the command can see; but a program, which cannot be preloaded.
        done = run("run", "--check", "--", "/bin/true",
                   variables={"SPANHEAP_LIBRARY": SUBJECT})
        self.assertEqual(done.returncode, 125)
        self.assertIn("spanheap: ", done.stderr)
        self.assertIn("the dynamic linker passed it over", done.stderr)
        self.assertNotIn("active: yes", done.stderr)


class Reports(unittest.TestCase):
    def test_the_report_of_the_heap_adds_up_and_sees_the_blocks(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "report.json")
            done = run("run", "--stats", "--json", str(path), "--", SUBJECT, "allocate")
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(path.read_text())
        parts = ["live_bytes", "free_in_spans_bytes", "thread_cache_bytes", "page_cache_bytes",
                 "free_pages_bytes", "released_bytes", "metadata_bytes",
                 "central_cache_bytes", "collected_bytes"]
        self.assertEqual(sum(report[part] for part in parts), report["mapped_bytes"])
        self.assertGreaterEqual(report["live_bytes"], 1000 * 1000)
        self.assertGreaterEqual(sum(c["live_blocks"] for c in report["classes"]
                                    if 1000 <= c["block_bytes"] <= 1152), 1000)
        for word in ("mapped (the sum)", "free in spans", "block size", "exit code 0"):
            self.assertIn(word, done.stderr)

    def test_the_users_own_report_is_written_as_well(self):
        with tempfile.TemporaryDirectory() as folder:
            own, kept = pathlib.Path(folder, "own.json"), pathlib.Path(folder, "kept.json")
            for words in (["--stats"], ["--check"], ["--json", str(kept)]):
                for variables, more in (({"SPANHEAP": f"verify=0,stats_json={own}"}, []),
                                        ({}, ["--set", f"stats_json={own}"])):
                    done = run("run", *words, *more, "--", SUBJECT, "allocate", variables=variables)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn("mapped_bytes", json.loads(own.read_text()))
                    own.unlink()
            self.assertIn("mapped_bytes", json.loads(kept.read_text()))

    def test_a_report_may_go_to_what_is_no_file(self):
        done = run("run", "--json", "/dev/stdout", "--", SUBJECT, "allocate")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("mapped_bytes", json.loads(done.stdout))
        with tempfile.TemporaryFile("w+") as file:
            subprocess.run([COMMAND, "run", "--json", "/dev/stdout", "--", SUBJECT, "arguments"],
                           stdout=file, check=True)
            file.seek(0)
            self.assertIn("[arguments]{", file.read())
        done = run("run", "--json", "/dev/full", "--", SUBJECT, "allocate")
        self.assertEqual(done.returncode, 125)
        self.assertEqual(done.stderr, "spanheap: /dev/full: No space left on device\n")

    def test_a_report_that_cannot_be_kept_is_known_before_the_run(self):
        for path in ("/no/such/folder/report.json", "/tmp"):
            done = run("run", "--json", path, "--", SUBJECT, "exit", "3")
            self.assertEqual(done.returncode, 125)
            self.assertTrue(one_line(done.stderr) and path in done.stderr, done.stderr)

    def test_only_the_program_itself_reports_not_its_children(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "report.json")
            run("run", "--json", str(path), "--", sys.executable, "-S", "-c",
                f"import subprocess, os; subprocess.run(['{SUBJECT}', 'exit', '0']);"
                f"print(os.getpid())")
            self.assertIn("mapped_bytes", json.loads(path.read_text()))
            absent = pathlib.Path(folder, "absent.json")
            done = run("run", "--json", str(absent), "--", SUBJECT, "_exit", "0")
            self.assertIn("no heap report", done.stderr)
            self.assertFalse(absent.exists())

    def test_an_end_by_signal_leaves_one_line(self):
        done = run("run", "--stats", "--", SUBJECT, "raise", str(int(signal.SIGKILL)))
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertTrue(one_line(done.stderr) and "signal 9" in done.stderr, done.stderr)

    def test_a_report_that_lies_is_a_failure(self):
        done = run("run", "--stats", "--", SUBJECT, "exit", "0", variables=LYING)
        self.assertEqual(done.returncode, 125)
        self.assertIn("does not add up", done.stderr)

    def test_a_report_cut_short_is_a_failure_unless_the_program_has_one(self):
        for code, expected in (("0", 125), ("3", 3)):
            done = run("run", "--stats", "--", SUBJECT, "exit", code,
                       variables={**LYING, "LYING_REPORT": "half"})
            self.assertEqual(done.returncode, expected)
            self.assertTrue(one_line(done.stderr) and "not whole" in done.stderr, done.stderr)

    def test_no_file_is_left_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            for words in (["exit", "0"], ["exit", "3"], ["raise", "15"], ["_exit", "0"]):
                run("run", "--check", "--", SUBJECT, *words, variables={"TMPDIR": folder})
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])


if __name__ == "__main__":
    unittest.main()
