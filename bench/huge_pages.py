#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Five programs whose heaps grow to tens or hundreds of megabytes, with hugepages=off and auto.

Runs take turns; before each, memory is touched and dropped (bench/README.md says why). Prints, for
each program, the median over rounds of auto to off: wall time, processor time, peak memory; at the
end the geometric means.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from spanbench.arguments import Parser, check_outputs, check_rounds

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build" / "release"
JSON = """import json
table = {str(i): [i, str(i) * 3, {'a': i}] for i in range(300000)}
print(len(json.loads(json.dumps(table))))"""
TARGET_WALL = 0.96
TARGET_PEAK = 1.03
SQL = """create table t(a integer primary key, b text, c text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 700000)
insert into t select i, 'text ' || (i * 7919 % 100003), 'more ' || i from n;
create index tb on t(b);
select count(*), max(c) from t where b like 'text 1%';
select b, count(*) from t group by b order by 2 desc, 1 limit 5;
"""


def make_inputs(folder):
    orders = [{"id": i, "c": f"c{i * 7919 % 9000}", "total": i * 31 % 100000,
               "lines": [{"item": f"i{(i >> k) % 300}", "count": k + 1} for k in range(i % 6)]}
              for i in range(150000)]
    (folder / "orders.json").write_text(json.dumps(orders))
    (folder / "words").write_text("\n".join(
        " ".join(f"w{i * k * 7919 % 200003}" for k in range(1, 9)) for i in range(100000)))
    (folder / "memory.sql").write_text(SQL)


def programs(folder):
    """Name, command, standard input, environment."""
    words = folder / "words"
    return [
        ("python3", ["python3", "-S", "-c", JSON], None, {"PYTHONMALLOC": "malloc"}),
        ("perl", ["perl", "-ne", "for (split) { $h{$_}++; push @{$l{$_}}, $. } "
                  "END { print scalar(keys %h) }", words], None, {"PERL_HASH_SEED": "0"}),
        ("jq", ["jq", "-c", "group_by(.c) | map({c: .[0].c, t: (map(.total) | add)}) | length",
                folder / "orders.json"], None, {}),
        ("sqlite3", ["sqlite3", "-batch", ":memory:"], folder / "memory.sql", {}),
        ("awk", ["awk", "{ for (i = 1; i <= NF; i++) { c[$i]++; p[NR, i] = $i } } "
                 "END { for (k in c) n++; print n }", words], None, {}),
    ]


def run_once(program, mode, library):
    """Wall seconds, processor seconds, peak KiB."""
    _, command, stdin, environment = program
    full = {**os.environ, **environment, "LD_PRELOAD": str(library), "SPANHEAP": f"hugepages={mode}"}
    start = time.monotonic()
    with open(stdin or os.devnull, "rb") as source:
        child = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, env=full)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"huge_pages: {command[0]} ended with status {status}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def compare(program, rounds, build):
    library = build / "src" / "faces" / "malloc" / "libspanheap.so.1"
    warm = [build / "bench" / "spanheap-micro", "--warm", "600"]
    ratios = []
    for turn in range(rounds):
        cost = {}
        for mode in (("off", "auto"), ("auto", "off"))[turn % 2]:
            subprocess.run(warm, check=True)
            cost[mode] = run_once(program, mode, library)
        ratios.append([auto / off for auto, off in zip(cost["auto"], cost["off"])])
    wall, processor, peak = ([row[i] for row in ratios] for i in range(3))
    medians = [statistics.median(part) for part in (wall, processor, peak)]
    print(f"{program[0]:8} wall {medians[0]:.3f} ({min(wall):.2f}..{max(wall):.2f})  "
          f"cpu {medians[1]:.3f}  peak {medians[2]:.3f} ({min(peak):.3f}..{max(peak):.3f})",
          flush=True)
    return {"program": program[0], "wall": medians[0], "cpu": medians[1], "peak": medians[2],
            "rounds": ratios}


def sum_up(results):
    """Geometric means over the programs, beside what is wanted of them."""
    means = {part: statistics.geometric_mean(result[part] for result in results)
             for part in ("wall", "cpu", "peak")}
    verdicts = [f"{part} {means[part]:.3f} (target {target}: "
                f"{'ok' if means[part] <= target else 'MISS'})"
                for part, target in (("wall", TARGET_WALL), ("peak", TARGET_PEAK))]
    print(f"all {len(results)}, geometric mean: {', '.join(verdicts)}, cpu {means['cpu']:.3f}")
    return means


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("--rounds", type=check_rounds, default=9)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all ratios")
    parser.add_argument("--build", type=pathlib.Path, default=BUILD)
    arguments = parser.parse_args()
    check_outputs(parser, arguments.json)
    with tempfile.TemporaryDirectory(prefix="spanheap-huge-") as name:
        # Another process makes the inputs: a child's peak counts what its parent held.
        folder = pathlib.Path(name)
        if os.fork() == 0:
            make_inputs(folder)
            os._exit(0)
        os.wait()
        chosen = [program for program in programs(folder)
                  if not arguments.only or program[0] in arguments.only]
        if not chosen:
            parser.error(f"no such program: {', '.join(arguments.only)}")
        results = [compare(program, arguments.rounds, arguments.build) for program in chosen]
        means = sum_up(results)
    if arguments.json:
        arguments.json.write_text(json.dumps({"programs": results, "means": means}, indent=1))


if __name__ == "__main__":
    main()
