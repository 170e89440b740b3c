#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark runner: its arithmetic on readings whose outcome is known, and its command line."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))

import run  # noqa: E402
from spanbench import instructions, measure, peers, report, rows, stats  # noqa: E402


def row(kind="time", unit="ns", name="r"):
    return rows.Row(name, "program", kind, unit, 1, 0, False)


class Judging(unittest.TestCase):
    def test_the_best_peer_is_the_one_with_the_lowest_median(self):
        verdict = stats.judge(row(), {"a": [9, 1, 9], "b": [5, 5, 5], "spanheap": [4, 4, 4]}, None)
        self.assertEqual(verdict.best, "b")
        self.assertAlmostEqual(verdict.ratio, 0.8)
        self.assertTrue(verdict.passed)

    def test_the_ratio_is_the_median_over_rounds_and_the_spread_its_range(self):
        verdict = stats.judge(row(), {"a": [10, 10, 10], "spanheap": [8, 10, 13]}, None)
        self.assertAlmostEqual(verdict.ratio, 1.0)
        self.assertAlmostEqual(verdict.spread, 0.5)

    def test_ours_is_never_its_own_peer(self):
        verdict = stats.judge(row(), {"a": [10], "spanheap": [1]}, None)
        self.assertEqual(verdict.best, "a")

    def test_above_the_target_misses(self):
        self.assertTrue(stats.judge(row(), {"a": [100], "spanheap": [105]}, None).passed)
        self.assertFalse(stats.judge(row(), {"a": [100], "spanheap": [106]}, None).passed)

    def test_a_ceiling_above_the_share_makes_the_row_bound_and_the_target_tighter(self):
        values = {"a": [100], "spanheap": [104]}
        free = stats.judge(row(), values, [70])
        self.assertFalse(free.bound)
        self.assertTrue(free.passed)
        bound = stats.judge(row(), values, [71])
        self.assertTrue(bound.bound)
        self.assertEqual(bound.target, 1.02)
        self.assertFalse(bound.passed)

    def test_density_is_judged_against_the_best_but_glibc(self):
        values = {"glibc": [1.0], "jemalloc": [1.2], "mimalloc": [1.1], "spanheap": [1.12]}
        verdict = stats.judge(row("density", "x"), values, None)
        self.assertEqual(verdict.best, "mimalloc")
        self.assertTrue(verdict.passed)
        [(name, percent)] = stats.denser_glibc([verdict])
        self.assertEqual(name, "r")
        self.assertAlmostEqual(percent, 100 * 0.12 / 1.12)
        values["glibc"] = [1.3]
        self.assertEqual(stats.denser_glibc([stats.judge(row("density", "x"), values, None)]), [])

    def test_startup_is_judged_by_what_it_adds_to_glibc(self):
        values = {"glibc": [0.30], "mimalloc": [0.31], "spanheap": [0.54]}
        self.assertTrue(stats.judge(row("startup", "ms"), values, None).passed)
        values["spanheap"] = [0.56]
        self.assertFalse(stats.judge(row("startup", "ms"), values, None).passed)
        values = {"glibc": [1000], "spanheap": [1489]}
        self.assertFalse(stats.judge(row("startup", "KiB"), values, None).passed)

    def test_without_ours_nothing_is_judged(self):
        verdict = stats.judge(row(), {"a": [10], "b": [9]}, None)
        self.assertEqual(verdict.best, "b")
        self.assertIsNone(verdict.passed)


class Summing(unittest.TestCase):
    def test_the_geometric_mean_leaves_out_bound_rows_and_other_kinds(self):
        verdicts = [
            stats.judge(row(name="x"), {"a": [10], "spanheap": [5]}, None),
            stats.judge(row(name="y"), {"a": [10], "spanheap": [20]}, None),
            stats.judge(row(name="bound"), {"a": [10], "spanheap": [1]}, [9]),
            stats.judge(row("density", "x"), {"a": [2], "spanheap": [1]}, None),
        ]
        self.assertAlmostEqual(stats.overall(verdicts), 1.0)

    def test_the_mean_of_nothing_is_none(self):
        self.assertIsNone(stats.geometric_mean([]))

    def test_each_peer_is_measured_against_the_best_of_all(self):
        verdicts = [stats.judge(row(), {"a": [10], "b": [40], "spanheap": [5]}, None)]
        means = stats.peer_means(verdicts)
        self.assertAlmostEqual(means["a"], 2.0)
        self.assertAlmostEqual(means["b"], 8.0)


class Running(unittest.TestCase):
    def test_each_round_starts_with_the_next_peer(self):
        turns = [measure.rotation("ABC", n) for n in range(4)]
        self.assertEqual(turns, ["ABC", "BCA", "CAB", "ABC"])

    def test_a_list_of_rows_is_read_as_the_programs_print_it(self):
        parsed = rows.parse_list("p", "pair.16\ttime\tns\t1\t0\t0\nrep.2m\ttime\tns\t1\t384\t1\n")
        self.assertEqual([r.name for r in parsed], ["pair.16", "rep.2m"])
        self.assertEqual(parsed[1].heavy_mib, 384)
        self.assertTrue(parsed[1].has_ceiling)

    def test_a_named_peer_needs_a_name_and_a_file(self):
        self.assertEqual(peers.parse_named(f"x={__file__}").name, "x")
        for wrong in ("x", "=y", "x=", "x=/no/such/file.so"):
            with self.assertRaises(ValueError):
                peers.parse_named(wrong)

    def test_a_library_that_does_not_load_is_found_out(self):
        self.assertIsNotNone(peers.check_loads(peers.Peer("x", __file__), "/bin/true"))
        self.assertIsNone(peers.check_loads(peers.Peer("glibc", None), "/bin/true"))


class Rendering(unittest.TestCase):
    def test_the_table_marks_the_best_the_bound_and_the_missed(self):
        verdicts = [stats.judge(row(), {"glibc": [10.0], "spanheap": [11.0]}, [9.0])]
        text = report.markdown(verdicts, [peers.Peer("glibc", None), peers.Peer("spanheap", "x")],
                               measure.Settings(), {})
        self.assertIn("10*", text)
        self.assertIn("9 bound", text)
        self.assertIn("MISS", text)
        self.assertIn("0 of 1 judged rows", text)

    def test_instruction_counts_leave_out_who_could_not_be_stepped(self):
        counts = {"a": {size: (17, 16) for size in instructions.SIZES}, "b": {}}
        text = instructions.markdown(counts)
        self.assertIn("17+16", text)
        self.assertNotIn("b ", text.splitlines()[2])
        self.assertEqual(instructions.parse("16\t41\t88\n"), {16: (41, 88)})
        self.assertEqual(instructions.markdown({"b": {}}), "")

    def test_columns_line_up(self):
        lines = report.table(["row", "a"], [["x", "1"], ["longer", "22"]]).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)


class CommandLine(unittest.TestCase):
    def test_further_allocators_may_come_after_the_options(self):
        options = run.parse(["compare", "--rows", "pc", "mine=/m.so", "--rounds", "9", "b=/b.so"])
        self.assertEqual(options.named, ["mine=/m.so", "b=/b.so"])
        self.assertEqual((options.verb, options.rows, options.rounds), ("compare", "pc", 9))


if __name__ == "__main__":
    unittest.main()
