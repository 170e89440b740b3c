#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names the cases of a ctest report that were skipped, and whether they may be.

usage: skipped_cases.py REPORT.XML PRESET ALLOWED

ALLOWED has a line for each: presets, separated by commas, or `any`; a regular expression of whole
case names; the reason. Prints a line for each skipped case; the exit status is 1 if one of them is
not in the list.
"""

import re
import sys
import xml.etree.ElementTree as xml


def read_allowed(path, preset):
    """[(compiled expression, reason)] of this preset."""
    allowed = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split(maxsplit=2)
            if len(words) < 3 or line.startswith("#"):
                continue
            if words[0] == "any" or preset in words[0].split(","):
                allowed.append((re.compile(words[1]), words[2].strip()))
    return allowed


def skipped_names(report):
    for case in xml.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            yield case.get("name")


def main():
    report, preset, path = sys.argv[1:]
    allowed = read_allowed(path, preset)
    unlisted = False
    for name in sorted(skipped_names(report)):
        reason = next((why for pattern, why in allowed if pattern.fullmatch(name)), None)
        unlisted |= reason is None
        print(f"skipped  {name}: {reason or f'NOT LISTED in {path}'}")
    sys.exit(1 if unlisted else 0)


main()
