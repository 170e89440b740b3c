#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the includes of src/ and tools/ against layers.txt.

usage: check_layers.py [ROOT]     prints file:line: what is wrong; exit 1 if anything is
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')
CONDITION = re.compile(r"\s*#\s*if")


class Layers:
    """The table, as written in layers.txt."""

    def __init__(self, path):
        self.rooms = {}
        self.headers = set()
        self.conditional = []
        for line in path.read_text().splitlines():
            words = line.split("#")[0].replace(":", " ").split()
            if not words:
                continue
            kind, names = words[0], words[1:]
            if kind == "room":
                self.rooms[names[0]] = set(names[1:]) | {names[0]}
            elif kind == "headers":
                self.headers.update(names)
            elif kind == "conditional":
                self.conditional += names
            else:
                raise SystemExit(f"{path}: unknown word {kind}")

    def room_of(self, path):
        """The room that a path relative to src/ lies in, or None."""
        parts = pathlib.PurePosixPath(path).parts
        for depth in (2, 1):
            name = "/".join(parts[:depth])
            if len(parts) > depth and name in self.rooms:
                return name
        return None

    def may_be_conditional(self, path):
        return any(path == c or path.startswith(c + "/") for c in self.conditional)


def check_core_include(layers, room, bracket, name):
    """What is wrong with an include in a room; None if nothing is."""
    if name.startswith("spanheap/"):
        return None if "public" in layers.rooms[room] else f"{room} includes a public header"
    if bracket == "<":
        is_c = name.endswith(".h") or re.fullmatch(r"c[a-z]+", name)
        return None if is_c or name in layers.headers else f"<{name}> is not for the core"
    target = layers.room_of(name)
    if target is None:
        return f'"{name}" is in no room (write the path from src/)'
    if target not in layers.rooms[room]:
        return f"{room} must not include {target}"
    return None


def check_room_file(layers, source, path):
    relative = path.relative_to(source).as_posix()
    room = layers.room_of(relative)
    if room is None:
        yield 1, "lies in no room of layers.txt"
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        include = INCLUDE.match(line)
        if include:
            fault = check_core_include(layers, room, *include.groups())
            if fault:
                yield number, fault
        elif CONDITION.match(line) and not layers.may_be_conditional(relative):
            yield number, "the preprocessor decides here; use if constexpr"


def check_tool_file(root, path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        include = INCLUDE.match(line)
        if not include or include[1] == "<" or include[2].startswith("spanheap/"):
            continue
        if not any((base / include[2]).exists() for base in (path.parent, root / "tools")):
            yield number, f'tools see public headers only, not "{include[2]}"'


def files_in(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cc", ".c"))


def all_faults(root):
    layers = Layers(root / "layers.txt")
    for path in files_in(root / "src"):
        for number, fault in check_room_file(layers, root / "src", path):
            yield f"{path.relative_to(root)}:{number}: {fault}"
    for path in files_in(root / "tools"):
        for number, fault in check_tool_file(root, path):
            yield f"{path.relative_to(root)}:{number}: {fault}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = list(all_faults(root))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
