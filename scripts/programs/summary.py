# SPDX-License-Identifier: MIT
"""What a session found, as a table for people and as JSON for programs."""

import os
import platform

from . import table
from .figures import Comparison, geometric_mean

FIGURES = ("wall", "cpu", "peak_rss")
# A program slower than this against the baseline is named under the table.
NOTABLE = 1.05
# What the heap is to keep to, in wall time: each program, and their geometric mean.
TARGET_EACH = 1.05
TARGET_MEAN = 0.97


def compare(costs, ours, baseline):
    """{figure: Comparison} of one workload."""
    return {figure: Comparison([getattr(c, figure) for c in costs[ours]],
                               [getattr(c, figure) for c in costs[baseline]])
            for figure in FIGURES}


def comparison_table(all_costs, ours, baseline):
    """The table of one allocator against the baseline, and lines on what stands out."""
    head = ["program", f"wall {baseline}", ours, "ratio", f"cpu {baseline}", ours, "ratio",
            f"peak {baseline}", ours, "ratio"]
    rows, found = [], {}
    for name, costs in all_costs.items():
        found[name] = compared = compare(costs, ours, baseline)
        row = [name]
        for figure in FIGURES:
            show = table.mebibytes if figure == "peak_rss" else table.seconds
            part = compared[figure]
            row += [show(part.baseline), show(part.ours), table.ratio(part.ratio, part.spread)]
        rows.append(row)
    rows.append(_means(found))
    return "\n".join([table.format_table(head, rows), *_notes(found)])


def _means(found):
    row = ["geometric mean"]
    for figure in FIGURES:
        mean = geometric_mean(compared[figure].ratio for compared in found.values())
        row += ["", "", table.ratio(mean)]
    return row


def _notes(found):
    for name, compared in found.items():
        wall = compared["wall"]
        if wall.ratio - wall.spread > NOTABLE:
            yield f"{name} is slower than {NOTABLE:.2f}x: {table.ratio(wall.ratio, wall.spread)}"


def verdict(all_costs, ours, baseline):
    """(whether the targets are met, a line that says so), by the medians of wall time."""
    ratios = {name: compare(costs, ours, baseline)["wall"].ratio
              for name, costs in all_costs.items()}
    mean = geometric_mean(ratios.values())
    missed = [f"{name} {table.ratio(ratio)}" for name, ratio in ratios.items()
              if ratio > TARGET_EACH]
    if mean > TARGET_MEAN:
        missed.append(f"mean {table.ratio(mean)}")
    word = f"MISS ({', '.join(missed)})" if missed else "ok"
    return not missed, f"target each {TARGET_EACH:.2f} / mean {TARGET_MEAN:.2f}: {word}"


def as_dict(session, libraries):
    """Everything measured. Times in seconds, memory in KiB."""
    return {
        "version": 1,
        "machine": {"processors": len(os.sched_getaffinity(0)), "kernel": platform.release(),
                    "architecture": platform.machine(), "libc": " ".join(platform.libc_ver())},
        "options": os.environ.get("SPANHEAP", ""),
        "rounds": session.rounds,
        "libraries": libraries,
        "failures": session.failures,
        "programs": {name: {allocator: [cost.as_dict() for cost in runs]
                            for allocator, runs in costs.items()}
                     for name, costs in session.costs.items()},
    }
