# SPDX-License-Identifier: MIT
"""`gc`: programs on the collected heap against malloc and free, Debian's libgc and Go."""

import datetime
import json
import os
import re
import sys
from statistics import median

from spanbench.arguments import Parser, check_outputs, check_rounds
from spanbench.gc_heaps import build_go, find_compiled, name_go, newest_go
from spanbench.gc_measure import COLUMNS, ROWS, Measurer
from spanbench.gc_plot import svg
from spanbench.peers import OURS
from spanbench.report import machine, number, table
from spanbench.stats import ratios

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parse(arguments):
    """The command line after `gc`."""
    parser = Parser(prog="bench gc", description=__doc__)
    parser.add_argument("--rows", default=".", metavar="REGEX", help="only rows whose name matches")
    parser.add_argument("--heaps", default=".", metavar="REGEX",
                        help="only heaps whose name matches: 'go|spanheap'")
    parser.add_argument("--rounds", type=check_rounds, metavar="N",
                        help="interleaved rounds (3, --quick 1)")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it all work?")
    parser.add_argument("--json", metavar="FILE", help="write all readings")
    parser.add_argument("--md", metavar="FILE", help="write the report")
    parser.add_argument("--plot", metavar="FILE", help="draw the wall times, as SVG")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"), metavar="DIR",
                        help="where the programs are built")
    options = parser.parse_args(arguments)
    check_outputs(parser, options.json, options.md, options.plot)
    return options


def choose_heaps(options):
    """Everybody who takes part, ours last; a line says who is left out and why."""
    is_wanted = re.compile(options.heaps).search
    heaps = [heap for heap in find_compiled(options.build) if is_wanted(heap.name)]
    newest = newest_go()
    if is_wanted(name_go(newest)):
        go, why = build_go(options.build, newest)
        if go:
            heaps.insert(0, go)
        else:
            print(f"go left out: {why}", file=sys.stderr)
    return heaps


def _spread(values):
    """(most - least) / median as text."""
    middle = median(values)
    return f"{100 * (max(values) - min(values)) / middle:.0f} %" if middle else ""


def _line(name, readings, ours):
    """One heap of one row: medians, the spread of its wall time, ours to it round by round."""
    cells = [name]
    for key, (_, divisor) in COLUMNS.items():
        value = median(reading[key] for reading in readings) / divisor
        cells.append(f"{value:.0f}" if key == "cycles" else number(value))
    walls = [reading["wall_s"] for reading in readings]
    cells.append(_spread(walls))
    if ours is None or name == OURS:
        return cells + ["", ""]
    for key in ("wall_s", "cpu_s"):
        each = ratios([reading[key] for reading in ours], [reading[key] for reading in readings])
        cells.append(f"{median(each):.2f} ({min(each):.2f}..{max(each):.2f})" if each else "")
    return cells


def markdown(rows, results, rounds):
    """The report: one table for each row."""
    header = ["heap", *(column for column, _ in COLUMNS.values()), "wall spread",
              f"{OURS} to it: wall", "CPU"]
    parts = [f"Machine: {machine()}. {rounds} rounds, interleaved with rotating start; medians. "
             "Ratios are medians of the rounds, least and most in brackets."]
    for row in rows:
        by_heap = results.readings.get(row.name, {})
        lines = [_line(name, readings, by_heap.get(OURS)) for name, readings in by_heap.items()]
        if lines:
            parts += [f"**{row.name}**", table(header, lines)]
    parts += [f"Failed: {row} under {heap}: {why}"
              for (row, heap), why in results.failures.items()]
    return "\n\n".join(parts) + "\n"


def write_outputs(options, text, results):
    """The files asked for."""
    if options.json:
        failures = [{"row": row, "heap": heap, "why": why}
                    for (row, heap), why in results.failures.items()]
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"schema": 1, "machine": machine(), "readings": results.readings,
                       "failures": failures}, file, indent=1)
    if options.plot:
        with open(options.plot, "w", encoding="utf-8") as file:
            file.write(svg(results.readings))
    if options.md:
        with open(options.md, "w", encoding="utf-8") as file:
            file.write(f"# The collected heap, {datetime.date.today()}\n\n"
                       f"`./dev bench {' '.join(sys.argv[1:])}`\n\n{text}")


def main(arguments):
    """Measures and prints; 0, 1 if a run failed or checksums differ, 2 when it cannot run."""
    options = parse(arguments)
    try:
        rows = [row for row in ROWS if re.search(options.rows, row.name)]
        heaps = choose_heaps(options)
    except re.error as error:
        print(f"bench gc: {error}", file=sys.stderr)
        return 2
    if not heaps or not rows:
        print("bench gc: no rows or no heaps left to measure", file=sys.stderr)
        return 2
    rounds = options.rounds or (1 if options.quick else 3)
    micro = os.path.join(options.build, "bench", "spanheap-micro")
    warm = [micro, "--warm"] if os.path.exists(micro) else None
    results = Measurer(rounds, options.quick, warm).run(rows, heaps)
    text = markdown(rows, results, rounds)
    print(text)
    write_outputs(options, text, results)
    return 1 if results.failures else 0
