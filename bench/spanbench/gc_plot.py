# SPDX-License-Identifier: MIT
"""Draws what `gc` measured: for each row a bar per heap, as a multiple of ours, as SVG."""

from html import escape
from statistics import median

from spanbench.peers import OURS

BAR, GAP, LEFT, WIDTH = 14, 14, 210, 420
MOST = 6.0  # longer bars are cut and say their number
COLOURS = ("#4477aa", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#ee6677")
OWN_COLOUR = "#228833"


def _bar(name, ratio, colour, y):
    """A heap's bar with its name and number."""
    length = min(ratio, MOST) / MOST * WIDTH
    return (f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>'
            f'<text x="{LEFT - 6}" y="{y + BAR - 4}" text-anchor="end">{escape(name)}</text>'
            f'<text x="{LEFT + length + 5:.1f}" y="{y + BAR - 4}">{ratio:.2f}</text>')


def _colours(results):
    """One for each heap, ours always the same."""
    names = sorted({name for by_heap in results.values() for name in by_heap} - {OURS})
    return {OURS: OWN_COLOUR, **{name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}}


def svg(readings, key="wall_s", title="wall time"):
    """`readings`: row -> heap -> list of readings. Rows that ours lacks are left out."""
    colours = _colours(readings)
    parts, y = [], 40
    for row, by_heap in readings.items():
        if not by_heap.get(OURS):
            continue
        own = median(reading[key] for reading in by_heap[OURS])
        parts.append(f'<text x="8" y="{y + BAR - 4}" font-weight="bold">{escape(row)}</text>')
        for name, each in by_heap.items():
            ratio = median(reading[key] for reading in each) / own if own else 0
            parts.append(_bar(name, ratio, colours[name], y))
            y += BAR
        y += GAP
    line = LEFT + WIDTH / MOST
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{y}" '
            f'font-family="sans-serif" font-size="11">'
            f'<rect width="100%" height="100%" fill="white"/>'
            f'<text x="8" y="20" font-size="13">{escape(title)}, as a multiple of {OURS}; '
            f'shorter is better</text>'
            f'<line x1="{line:.1f}" x2="{line:.1f}" y1="30" y2="{y}" stroke="#888"/>'
            + "".join(parts) + "</svg>\n")
