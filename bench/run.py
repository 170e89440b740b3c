#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Benchmarks of the heap: `micro` (glibc and ours, short), `compare` (every peer), `pages` (the two
page strategies; its arguments go to the program that measures them) and `gc` (collected heaps)."""

import datetime
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from spanbench import gc, instructions, measure, peers, report, rows, stats  # noqa: E402
from spanbench.arguments import Parser, check_outputs, check_rounds  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "bench", "results")
LIBRARY = "libspanheap.so.1"


def parse(arguments):
    """The command line."""
    parser = Parser(prog="bench", description=__doc__)
    parser.add_argument("verb", choices=("micro", "compare"),
                        help="pages, gc: see the verb's own --help")
    parser.add_argument("named", nargs="*", metavar="name=path.so", help="further allocators")
    parser.add_argument("--rows", default=".", metavar="REGEX", help="only rows whose name matches")
    parser.add_argument("--rounds", type=check_rounds, metavar="N",
                        help="interleaved rounds (compare 5, micro 3, --quick 2)")
    parser.add_argument("--quick", action="store_true", help="shorter repetitions, fewer rounds")
    parser.add_argument("--json", metavar="FILE", help="write all readings")
    parser.add_argument("--md", nargs="?", const="", metavar="FILE",
                        help="write the report (without a name: bench/results/<date>.md)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"), metavar="DIR",
                        help="where the programs and our library are built")
    parser.add_argument("--library", metavar="FILE",
                        help="our library, if it is not in the build directory")
    parser.add_argument("--without", default="", metavar="NAMES",
                        help="peers to leave out, by commas")
    parser.add_argument("--strict", action="store_true",
                        help="exit 1 when a judged row misses its target")
    options = parser.parse_intermixed_args(arguments)
    if options.md == "":
        options.md = os.path.join(RESULTS, f"{datetime.date.today()}.md")
    check_outputs(parser, options.json, options.md)
    return options


def find_ours(options):
    """Our library as a peer, or None (then peers are only compared with each other)."""
    if options.library:
        return peers.parse_named(f"{peers.OURS}={options.library}")
    path = os.path.join(options.build, "src", "faces", "malloc", LIBRARY)
    if os.path.exists(path):
        return peers.Peer(peers.OURS, path)
    print(f"no {path}: comparing the peers alone", file=sys.stderr)
    return None


def choose_peers(options):
    """Everybody who takes part, ours last; a line says who is left out and why."""
    chosen = [peers.Peer(peers.GLIBC, None)]
    if options.verb == "compare":
        found, missing = peers.find_debian()
        chosen += found
        if missing:
            print(f"not installed, so not compared: {' '.join(missing)}", file=sys.stderr)
    chosen += [peers.parse_named(text) for text in options.named]
    ours = find_ours(options)
    if ours:
        chosen.append(ours)
    program = os.path.join(program_directory(options), rows.PROGRAMS[0])
    loaded = []
    for peer in chosen:
        why = peers.check_loads(peer, program)
        if why:
            print(f"{peer.name} left out: {why}", file=sys.stderr)
        elif peer.name not in options.without.split(","):
            loaded.append(peer)
    return loaded


def program_directory(options):
    """The programs are in <build>/bench of a CMake build, or in <build> itself."""
    inside = os.path.join(options.build, "bench")
    return inside if os.path.exists(os.path.join(inside, rows.PROGRAMS[0])) else options.build


def settings_for(options):
    """Rounds and repetition lengths of the verb; --quick shortens both."""
    settings = measure.Settings(cpu=measure.last_cpu())
    settings.rounds = 3 if options.verb == "micro" else 5
    if options.quick:
        settings.rounds, settings.repetition_ms = 2, 4.0
    if options.rounds:
        settings.rounds = options.rounds
    return settings


def write_outputs(options, text, document):
    """The files asked for."""
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
    if options.md:
        with open(options.md, "w", encoding="utf-8") as file:
            file.write(f"# Benchmarks, {datetime.date.today()}\n\n"
                       f"`./dev bench {' '.join(sys.argv[1:])}`\n\n{text}")


def run_pages(arguments):
    """Becomes the program that compares the page strategies."""
    program = os.path.join(ROOT, "build", "release", "bench", "pages", "spanheap-bench-pages")
    if not os.path.exists(program):
        print(f"bench: {program} is not built", file=sys.stderr)
        return 2
    os.execv(program, [program, *arguments])


def main():
    """Measures and prints; 0, or 1 under --strict when a target is missed, 2 when it cannot run."""
    if sys.argv[1:2] == ["pages"]:
        return run_pages(sys.argv[2:])
    if sys.argv[1:2] == ["gc"]:
        return gc.main(sys.argv[2:])
    options = parse(sys.argv[1:])
    try:
        directory = program_directory(options)
        chosen_rows = rows.load(directory, options.rows)
        chosen_peers = choose_peers(options)
    except (FileNotFoundError, ValueError, re.error) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if not chosen_rows or not chosen_peers:
        print("bench: no rows or no allocators left to measure", file=sys.stderr)
        return 2
    settings = settings_for(options)
    results = measure.Measurer(settings).run(chosen_rows, chosen_peers)
    verdicts = [stats.judge(row, results.values.get(row.name, {}), results.ceilings.get(row.name))
                for row in chosen_rows]
    text = report.markdown(verdicts, chosen_peers, settings, results.failures)
    document = report.as_json(verdicts, chosen_peers, settings, results)
    if options.rows == ".":
        counts = {peer.name: instructions.count(directory, peer) for peer in chosen_peers}
        document["instructions"] = counts
        text += "\n" + instructions.markdown(counts)
    print(text)
    write_outputs(options, text, document)
    missed = any(v.passed is False for v in verdicts) or results.failures
    return 1 if options.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
