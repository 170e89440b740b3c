#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the lengths of files, functions, lines, and the README files.

usage: check_lengths.py [ROOT]     prints file:line: what is wrong; exit 1 if anything is

A function is found by the shape that clang-format gives it: a line that ends in `) ... {`, and the
brace at the same indentation that closes it.
"""

import pathlib
import re
import subprocess
import sys

MAX_FUNCTION = 70
MAX_LINE = 100
MAX_FILE = 600
MAX_TEST_FILE = 800
MAX_README = 120
MAX_ROOM_README = 40

CODE = (".h", ".cc", ".c")
CHECKED = CODE + (".py", ".sh", ".cmake")
OPENS = re.compile(r"^(\s*)(?!(?:if|for|while|switch|else|do|namespace|catch)\b).*\).*\{$")


def tracked_files(root):
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [root / name for name in listed.stdout.splitlines()]
    return [p for p in root.rglob("*") if p.is_file()]


def function_faults(lines):
    start = None
    indentation = ""
    for number, line in enumerate(lines, 1):
        if start is None:
            opening = OPENS.match(line)
            if opening and not line.lstrip().startswith("//"):
                start, indentation = number, opening[1]
        elif line.startswith(indentation + "}"):
            length = number - start + 1
            if length > MAX_FUNCTION:
                yield start, f"a function of {length} lines (at most {MAX_FUNCTION})"
            start = None


def code_faults(path, lines):
    limit = MAX_TEST_FILE if "tests" in path.parts else MAX_FILE
    if len(lines) > limit:
        yield limit, f"a file of {len(lines)} lines (at most {limit})"
    if path.suffix in CODE:
        yield from function_faults(lines)
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_LINE:
                yield number, f"a line of {len(line)} columns (at most {MAX_LINE})"


def readme_faults(relative, lines):
    limit = MAX_README if len(relative.parts) == 1 else MAX_ROOM_README
    if relative.parts[0] in ("src", "README.md") and len(lines) > limit:
        yield limit, f"a README of {len(lines)} lines (at most {limit})"


def faults_of(root, path):
    relative = path.relative_to(root)
    is_code = path.suffix in CHECKED or relative.as_posix() == "dev"
    if not path.is_file() or not (is_code or path.name == "README.md"):
        return
    lines = path.read_text().splitlines()
    found = code_faults(relative, lines) if is_code else readme_faults(relative, lines)
    for number, fault in found:
        yield f"{relative}:{number}: {fault}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = [fault for path in tracked_files(root) for fault in faults_of(root, path)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
