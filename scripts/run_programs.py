#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs real programs under glibc's malloc and under spanheap, and compares them.

Each program makes or reads real input; what it writes must be the same byte for byte under both.
Prints a table of wall time, CPU time and peak memory and whether the targets of wall time are met,
then one heap report. Exit code 1 if any program failed or differed, and with --strict if a target is
missed.
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "bench"))

from programs import catalogue, summary  # noqa: E402
from programs.session import Allocator, Session  # noqa: E402
from spanbench.arguments import Parser, check_outputs, check_rounds  # noqa: E402

BASELINE = "glibc"
OURS = "spanheap"


def parse_arguments():
    names = [kind.name for kind in catalogue.ALL]
    parser = Parser(prog="./dev run", description=__doc__)
    parser.add_argument("--rounds", type=check_rounds, default=5, help="runs under each that count (5)")
    parser.add_argument("--quick", action="store_true", help="one round, to see that it works")
    parser.add_argument("--strict", action="store_true", help="a missed target is a failure")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help=f"only this program, may be repeated: {', '.join(names)}")
    parser.add_argument("--against", action="append", default=[], metavar="NAME=PATH",
                        help="a further malloc, measured beside; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="keep all figures in this file")
    parser.add_argument("--build", default=ROOT / "build" / "release", type=pathlib.Path,
                        metavar="FOLDER", help="the build tree (build/release)")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    check_outputs(parser, arguments.json)
    for word in arguments.against:
        if not pathlib.Path(word.partition("=")[2]).is_file():
            parser.error(f"--against {word}: expected NAME=PATH of a library that is there")
    return arguments


def library_of(command):
    """The library that `spanheap run` preloads: the first entry of LD_PRELOAD under it."""
    shown = subprocess.run([command, "run", "--", "sh", "-c", 'echo "$LD_PRELOAD"'],
                           capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        sys.exit(f"run: {shown.stderr.strip()}")
    return shown.stdout.strip().split(":")[0]


def make_allocators(arguments):
    command = arguments.build / "tools" / "spanheap"
    if not command.exists():
        sys.exit(f"run: {command} is not built; ./dev build does it")
    others = [word.partition("=") for word in arguments.against]
    return [Allocator(BASELINE, None),
            Allocator(OURS, library_of(command), proof=[command, "run", "--check", "--"]),
            *(Allocator(name, str(pathlib.Path(path).resolve())) for name, _, path in others)]


def show_heap_report(command, workload):
    """One program once more, for the report it leaves; False if there is none."""
    done = []

    def wrap(words):
        done.append([str(word) for word in [command, "run", "--stats", "--", *words]])
        return done[-1]

    code = workload.run(wrap)
    print((workload.work / "stderr").read_text().rstrip())
    return code == 0


def run(arguments, folder):
    allocators = make_allocators(arguments)
    began = time.monotonic()
    session = Session(arguments.build / "tools" / "spanheap-measure", allocators,
                      1 if arguments.quick else arguments.rounds, folder)
    chosen = [kind(folder, ROOT) for kind in catalogue.ALL
              if not arguments.only or kind.name in arguments.only]
    for workload in chosen:
        session.run(workload)
    for allocator in allocators[1:] if session.costs else []:
        print(f"\n{summary.comparison_table(session.costs, allocator.name, BASELINE)}")
    is_met = True
    if session.costs:
        is_met, line = summary.verdict(session.costs, OURS, BASELINE)
        print(line)
    if arguments.json:
        libraries = {allocator.name: allocator.library for allocator in allocators}
        pathlib.Path(arguments.json).write_text(
            json.dumps(summary.as_dict(session, libraries), indent=1) + "\n")
    if chosen[0].name in session.costs:
        print()
        if not show_heap_report(arguments.build / "tools" / "spanheap", chosen[0]):
            session.failures.append(f"{chosen[0].name}: no heap report")
    for failure in session.failures:
        print(f"FAILED  {failure}")
    if not session.failures:
        plural = "" if len(chosen) == 1 else "s"
        print(f"\n{len(chosen)} program{plural}, all outputs identical")
    print(f"took {time.monotonic() - began:.0f} s")
    return 1 if session.failures or (arguments.strict and not is_met) else 0


def main():
    arguments = parse_arguments()
    # As Ctrl-C does: programs that still run are ended, the folder is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="spanheap-run-") as folder:
        try:
            return run(arguments, folder)
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main())
