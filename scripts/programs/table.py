# SPDX-License-Identifier: MIT
"""Plain text tables: columns as wide as their widest cell, numbers to the right."""


def format_table(head, rows):
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(_fit(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths)))
             for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _fit(cell, width, column):
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def seconds(value):
    return f"{value:.3f} s"


def mebibytes(value):
    return f"{value / 1024:.1f} MiB"


def ratio(value, spread=None):
    return f"{value:.3f}" if spread is None else f"{value:.3f} +-{spread:.3f}"
