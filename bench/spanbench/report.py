# SPDX-License-Identifier: MIT
"""Renders verdicts: a Markdown table that reads well on a terminal too, and JSON."""

import os
import platform

from spanbench.peers import OURS
from spanbench.stats import (BOUND_SHARE, TARGET_GEOMEAN, denser_glibc, overall,
                             peer_means)


def number(value, digits=3):
    """As many significant digits, without an exponent."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def table(header, lines):
    """A Markdown table whose columns line up."""
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    def render(cells):
        padded = [cells[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |"
    rules = ["-" * (widths[0] + 2)] + ["-" * (w + 1) + ":" for w in widths[1:]]
    rule = "|" + "|".join(rules) + "|"
    return "\n".join([render(header), rule, *map(render, lines)])


def _outcome(verdict):
    """The last cells of a row: ratio, spread, target, verdict."""
    if verdict.ratio is None:
        return ["", "", "", ""]
    adds = "+" if verdict.kind == "startup" and verdict.ratio >= 0 else ""
    spread = "" if verdict.spread is None else f"{100 * verdict.spread:.0f} %"
    target = "" if verdict.target is None else number(verdict.target)
    word = {True: "ok", False: "MISS", None: ""}[verdict.passed]
    return [adds + f"{verdict.ratio:.3g}", spread, target, word]


def _line(verdict, names):
    cells = [f"{verdict.row} [{verdict.unit}]"]
    digits = 4 if verdict.kind == "density" else 3
    for name in names:
        mark = "*" if name == verdict.best else ""
        cells.append(number(verdict.medians.get(name), digits) + mark)
    bound = " bound" if verdict.bound else ""
    return cells + [number(verdict.ceiling) + bound] + _outcome(verdict)


def machine():
    """One line about where this ran."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} CPUs, {model}, {memory:.0f} GiB, Linux {platform.release()}, "
            f"{' '.join(platform.libc_ver())}")


def summary(verdicts):
    """What the table comes to, in a few lines."""
    lines = []
    means = peer_means(verdicts)
    if means:
        ordered = sorted(means.items(), key=lambda item: item[1])
        lines.append("Geometric mean of time against the best of all, per allocator: "
                     + ", ".join(f"{name} {mean:.3f}" for name, mean in ordered) + ".")
    mean = overall(verdicts)
    if mean is not None:
        word = "ok" if mean <= TARGET_GEOMEAN else "MISS"
        count = sum(v.kind == "time" and not v.bound and v.ratio is not None for v in verdicts)
        lines.append(f"{OURS} against the best peer of each row, {count} rows bound by the "
                     f"allocator: geometric mean {mean:.3f} (target {TARGET_GEOMEAN:.2f}: {word}).")
    denser = denser_glibc(verdicts)
    if denser:
        lines.append("glibc, whose density is not a target, takes less on "
                     + ", ".join(f"{row} ({percent:.1f} %)" for row, percent in denser) + ".")
    judged = [v for v in verdicts if v.passed is not None]
    missed = [v.row for v in judged if not v.passed]
    if judged:
        lines.append(f"{len(judged) - len(missed)} of {len(judged)} judged rows meet their target"
                     + (f"; missed: {', '.join(missed)}." if missed else "."))
    return lines


def markdown(verdicts, peers, settings, failures):
    """The whole report."""
    names = [peer.name for peer in peers]
    header = ["row"] + names + ["ceiling", "ratio", "spread", "target", "verdict"]
    parts = [f"Machine: {machine()}. {settings.rounds} rounds, interleaved with rotating start; "
             f"each reading the median of {settings.repetitions} repetitions of about "
             f"{settings.repetition_ms:g} ms.",
             "`*` best peer of the row; `ratio` ours to the best peer's, median over rounds "
             "(startup: ours minus glibc's); `bound`: the ceiling takes over "
             f"{100 * BOUND_SHARE:.0f} % of the best peer's time.",
             table(header, [_line(v, names) for v in verdicts])]
    parts += summary(verdicts)
    parts += [f"Failed: {row} under {peer}: {why}" for (row, peer), why in failures.items()]
    return "\n\n".join(parts) + "\n"


def as_json(verdicts, peers, settings, results):
    """Everything, for machines: readings by round included."""
    return {
        "schema": 1,
        "machine": machine(),
        "settings": vars(settings),
        "peers": {peer.name: peer.library for peer in peers},
        "geometric_mean": overall(verdicts),
        "rows": [{**vars(v), "readings": results.values.get(v.row, {}),
                  "ceiling_readings": results.ceilings.get(v.row, [])} for v in verdicts],
        "failures": [{"row": row, "peer": peer, "why": why}
                     for (row, peer), why in results.failures.items()],
    }
