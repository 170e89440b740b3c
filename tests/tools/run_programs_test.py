# SPDX-License-Identifier: MIT
"""The arithmetic and the tables of scripts/programs, and what a session makes of bad programs.

Environment: SPANHEAP_MEASURE is spanheap-measure.
"""

import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from programs import figures, measure, summary, table  # noqa: E402
from programs.redis import chunks, commands, encode  # noqa: E402
from programs.session import Allocator, Session, first_difference  # noqa: E402
from programs.workload import Workload  # noqa: E402


class Figures(unittest.TestCase):
    def test_median_takes_the_middle_or_halves_the_middle_two(self):
        self.assertEqual(figures.median([5, 1, 3]), 3)
        self.assertEqual(figures.median([4, 1, 3, 2]), 2.5)
        with self.assertRaises(ValueError):
            figures.median([])

    def test_spread_is_half_the_distance_of_the_quartiles(self):
        self.assertEqual(figures.quartiles([1, 2, 3, 4, 5]), (1.5, 4.5))
        self.assertEqual(figures.spread([1, 2, 3, 4, 5]), 1.5)
        self.assertEqual(figures.spread([7]), 0)

    def test_one_wild_run_moves_neither_median_nor_quartiles_far(self):
        self.assertEqual(figures.median([1, 1, 1, 1, 100]), 1)
        self.assertEqual(figures.quartiles([1, 1, 1, 1, 1, 1, 100]), (1, 1))

    def test_geometric_mean_of_inverse_ratios_is_one(self):
        self.assertAlmostEqual(figures.geometric_mean([0.5, 2]), 1)
        self.assertAlmostEqual(figures.geometric_mean([0.9, 0.9]), 0.9)
        for bad in ([], [1, 0], [-1]):
            with self.assertRaises(ValueError):
                figures.geometric_mean(bad)

    def test_ratios_are_taken_within_a_pair(self):
        # The machine became slower half way: pairs do not notice.
        slow_later = figures.Comparison(ours=[0.8, 0.8, 1.6, 1.6], baseline=[1, 1, 2, 2])
        self.assertAlmostEqual(slow_later.ratio, 0.8)
        self.assertAlmostEqual(slow_later.spread, 0)
        with self.assertRaises(ValueError):
            figures.Comparison([1, 2], [1])


class Tables(unittest.TestCase):
    def test_columns_line_up(self):
        text = table.format_table(["name", "n"], [["a", 1], ["long name", 1000]])
        self.assertEqual(text.splitlines(), ["name          n", "---------  ----",
                                             "a             1", "long name  1000"])

    def test_units(self):
        self.assertEqual(table.seconds(1.23456), "1.235 s")
        self.assertEqual(table.mebibytes(2048), "2.0 MiB")
        self.assertEqual(table.ratio(1.0, 0.01), "1.000 +-0.010")

    def test_summary_names_what_is_slower(self):
        def costs(walls):
            return [measure.Cost(wall, wall, 1000, 0, 0) for wall in walls]

        text = summary.comparison_table(
            {"fast": {"base": costs([1, 1]), "new": costs([0.5, 0.5])},
             "slow": {"base": costs([1, 1]), "new": costs([2, 2])}}, "new", "base")
        self.assertIn("slow is slower than 1.05x: 2.000", text)
        self.assertNotIn("fast is slower", text)
        mean = next(line for line in text.splitlines() if line.startswith("geometric mean"))
        self.assertEqual(mean.split()[2:], ["1.000", "1.000", "1.000"])


    def test_the_verdict_names_what_misses_the_target(self):
        def costs(*walls):
            return {name: {"base": [measure.Cost(1, 1, 1, 0, 0)],
                           "new": [measure.Cost(wall, 1, 1, 0, 0)]}
                    for name, wall in zip("abc", walls)}

        target = "target each 1.05 / mean 0.97: "
        self.assertEqual(summary.verdict(costs(1.04, 0.9), "new", "base"), (True, target + "ok"))
        self.assertEqual(summary.verdict(costs(1.06, 0.8), "new", "base"),
                         (False, target + "MISS (a 1.060)"))
        self.assertEqual(summary.verdict(costs(1, 0.98), "new", "base"),
                         (False, target + "MISS (mean 0.990)"))


class Protocol(unittest.TestCase):
    def test_commands_are_counted_strings(self):
        self.assertEqual(encode(["SET", "k", 12]), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n")

    def test_every_command_is_sent_once_and_the_same_each_time(self):
        every = list(commands(300))
        self.assertEqual(every, list(commands(300)))
        sent = b"".join(chunks(every))
        self.assertEqual(sent.count(b"\r\nECHO\r\n"), -(-len(every) // 400))
        self.assertEqual(sent.replace(encode(["ECHO", "the end of a chunk"]), b""),
                         b"".join(encode(words) for words in every))


class Echo(Workload):
    """Prints what its subclass says; a stand-in for a real program."""

    name = "echo"
    script = "echo same"

    def command(self):
        return ["sh", "-c", self.script]


class Sessions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        silence = mock.patch("programs.session._progress")
        silence.start()
        self.addCleanup(silence.stop)

    def session_of(self, script, rounds=2, proof=()):
        # libm is harmless to preload and visible to the script.
        allocators = [Allocator("base", None), Allocator("other", "libm.so.6", proof)]
        session = Session(os.environ["SPANHEAP_MEASURE"], allocators, rounds, self.folder)
        workload = Echo(self.folder, ROOT)
        workload.script = script
        session.run(workload)
        return session

    def test_equal_outputs_are_measured(self):
        session = self.session_of("echo same; sleep 0.02")
        self.assertEqual(session.failures, [])
        costs = session.costs["echo"]
        self.assertEqual([len(costs["base"]), len(costs["other"])], [2, 2])
        self.assertTrue(all(cost.wall >= 0.02 for cost in costs["base"]))

    def test_a_different_output_is_a_failure_with_the_names(self):
        session = self.session_of('echo "mem $LD_PRELOAD"')
        self.assertEqual(session.costs, {})
        self.assertEqual(len(session.failures), 1)
        self.assertIn("echo: under other: its output (stdout) is different at byte 4",
                      session.failures[0])

    def test_a_different_exit_code_is_a_failure(self):
        session = self.session_of('echo words >&2; test -z "$LD_PRELOAD" || exit 3')
        self.assertIn("under other: exit code 3: words", session.failures[0])

    def test_an_output_that_changes_by_itself_is_a_failure(self):
        session = self.session_of("date +%N")
        self.assertEqual(len(session.failures), 1)

    def test_a_preload_without_proof_is_a_failure(self):
        session = self.session_of("echo same", proof=["env"])
        self.assertIn("the preload is not proven", session.failures[0])

    def test_the_place_of_a_difference_is_shown(self):
        self.assertIn("at byte 3", first_difference(b"abcX", b"abcYZ"))
        self.assertIn("at byte 2", first_difference(b"ab", b"abc"))


if __name__ == "__main__":
    unittest.main()
