#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that every file which the Markdown documents link to or name in backticks exists.

usage: check_links.py [ROOT]     prints file:line: what is missing; exit 1 if anything is
"""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
# A path in backticks counts as a promise when it starts with one of the project's folders.
NAMED = re.compile(r"`((?:src|tests|docs|bench|tools|scripts|cmake|examples|include)/[\w./-]+)`")
ANYWHERE = ("http://", "https://", "mailto:")


def documents(root):
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "*.md"],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [root / name for name in listed.stdout.splitlines() if (root / name).is_file()]
    return sorted(root.rglob("*.md"))


def anchors_of(path):
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower()
            yield re.sub(r"[^\w\- ]", "", title).replace(" ", "-")


def fault_of_link(document, target):
    if target.startswith(ANYWHERE):
        return None
    name, _, anchor = target.partition("#")
    path = (document.parent / name) if name else document
    if not path.exists():
        return f"no such file: {target}"
    if anchor and path.suffix == ".md" and anchor not in anchors_of(path):
        return f"no such heading: {target}"
    return None


def faults_of(root, document):
    is_code = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        if is_code:
            continue
        faults = [fault_of_link(document, target) for target in LINK.findall(line)]
        faults += [f"no such file: {n}" for n in NAMED.findall(line) if not (root / n).exists()]
        for fault in filter(None, faults):
            yield f"{document.relative_to(root)}:{number}: {fault}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = [fault for document in documents(root) for fault in faults_of(root, document)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
