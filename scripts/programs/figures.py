# SPDX-License-Identifier: MIT
"""Figures: medians, spreads and ratios of measured runs. Pure arithmetic, no clock, no files."""

import math


def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("the median of nothing")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def quartiles(values):
    """The medians of the lower and the upper half; the middle value belongs to neither."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if half == 0:
        return ordered[0], ordered[0]
    return median(ordered[:half]), median(ordered[-half:])


def spread(values):
    """Half the distance between the quartiles: what "+-" stands for."""
    low, high = quartiles(values)
    return (high - low) / 2


def geometric_mean(values):
    values = list(values)
    if not values or min(values) <= 0:
        raise ValueError("a geometric mean needs positive values")
    return math.exp(sum(math.log(value) for value in values) / len(values))


def pair_ratios(ours, baseline):
    """Ratios of runs that followed each other: what the machine did to both cancels out."""
    if len(ours) != len(baseline):
        raise ValueError("runs do not come in pairs")
    return [a / b for a, b in zip(ours, baseline)]


class Comparison:
    """One figure of one program: an allocator's runs beside the baseline's."""

    def __init__(self, ours, baseline):
        self.ours = median(ours)
        self.baseline = median(baseline)
        ratios = pair_ratios(ours, baseline)
        self.ratio = median(ratios)
        self.spread = spread(ratios)
