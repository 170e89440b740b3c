# SPDX-License-Identifier: MIT
"""The arithmetic of a comparison: best peer, median ratio, spread, bound rows, verdicts."""

import math
from dataclasses import dataclass
from statistics import median

from spanbench.peers import GLIBC, OURS

# A ceiling above this share of the best peer's time: memory bounds the row, not the allocator.
BOUND_SHARE = 0.70
TARGET = {"time": 1.05, "bound": 1.02, "density": 1.02}
TARGET_GEOMEAN = 0.80
STARTUP_ADDS = {"ms": 0.25, "KiB": 500_000 / 1024}  # most a tiny process may cost above glibc


@dataclass(frozen=True)
class Verdict:
    """How one row came out. `ratio` is ours to the best peer's (startup: ours minus glibc's)."""

    row: str
    kind: str
    unit: str
    medians: dict  # peer name -> median
    best: str | None  # the best peer, ours excluded
    ceiling: float | None
    bound: bool
    ratio: float | None
    spread: float | None  # (largest - smallest ratio of the rounds) / ratio
    target: float | None
    passed: bool | None  # None: not judged


def ratios(ours, theirs):
    """Round by round; a round that one of the two lacks is left out."""
    return [a / b for a, b in zip(ours, theirs) if b > 0]


def best_peer(row, medians):
    """The peer to beat. Density leaves glibc out: its boundary tags win odd sizes by design."""
    names = [name for name in medians if name != OURS]
    if row.kind == "density" and set(names) - {GLIBC}:
        names = [name for name in names if name != GLIBC]
    return min(names, key=medians.get, default=None)


def judge(row, values, ceilings):
    """The verdict on one row. `values`: peer name -> readings by round."""
    medians = {name: median(readings) for name, readings in values.items() if readings}
    ceiling = median(ceilings) if ceilings else None
    best = best_peer(row, medians)
    bound = bool(ceiling and best and ceiling > BOUND_SHARE * medians[best])
    base = dict(row=row.name, kind=row.kind, unit=row.unit, medians=medians, best=best,
                ceiling=ceiling, bound=bound)
    if row.kind == "startup":
        return _judge_startup(row, medians, base)
    if best is None or OURS not in medians:
        return Verdict(**base, ratio=None, spread=None, target=None, passed=None)
    each = ratios(values[OURS], values[best])
    ratio = median(each)
    target = TARGET.get("bound" if bound else row.kind)
    return Verdict(**base, ratio=ratio, spread=(max(each) - min(each)) / ratio, target=target,
                   passed=None if target is None else ratio <= target)


def _judge_startup(row, medians, base):
    if OURS not in medians or GLIBC not in medians:
        return Verdict(**base, ratio=None, spread=None, target=STARTUP_ADDS[row.unit], passed=None)
    adds = medians[OURS] - medians[GLIBC]
    target = STARTUP_ADDS[row.unit]
    return Verdict(**base, ratio=adds, spread=None, target=target, passed=adds <= target)


def geometric_mean(numbers):
    """Of positive numbers; None of none."""
    numbers = list(numbers)
    return math.exp(sum(map(math.log, numbers)) / len(numbers)) if numbers else None


def overall(verdicts):
    """Geometric mean of the ratios of timed rows that the allocator bounds, or None."""
    return geometric_mean(v.ratio for v in verdicts if v.kind == "time" and not v.bound and v.ratio)


def denser_glibc(verdicts):
    """(row, how many percent less than ours) for each density row on which glibc's memory is less."""
    found = []
    for verdict in verdicts:
        ours, glibc = verdict.medians.get(OURS), verdict.medians.get(GLIBC)
        if verdict.kind == "density" and ours and glibc and glibc < ours:
            found.append((verdict.row, 100 * (1 - glibc / ours)))
    return found


def peer_means(verdicts):
    """For each peer: geometric mean of its ratio to the best of all (ours too) over timed rows."""
    collected = {}
    for verdict in verdicts:
        if verdict.kind != "time" or not verdict.medians:
            continue
        least = min(verdict.medians.values())
        for name, value in verdict.medians.items():
            collected.setdefault(name, []).append(value / least)
    return {name: geometric_mean(numbers) for name, numbers in collected.items()}
