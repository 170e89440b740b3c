# SPDX-License-Identifier: MIT
"""Which heaps run the programs of bench/gc: one executable each, Go's built here."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from spanbench.peers import OURS

PREFIX = "spanheap-gc-"
BUILD_LIMIT_SECONDS = 300
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass(frozen=True)
class Heap:
    """A name for the tables and the executable that is compiled for it."""

    name: str
    program: str


def find_compiled(build):
    """Those of the CMake build, ours last."""
    directory = os.path.join(build, "bench", "gc")
    names = os.listdir(directory) if os.path.isdir(directory) else []
    heaps = [Heap(name.removeprefix(PREFIX), os.path.join(directory, name))
             for name in sorted(names) if re.fullmatch(PREFIX + r"[\w.-]+", name)]
    return sorted((heap for heap in heaps if heap.name != "go"),
                  key=lambda heap: heap.name == OURS)


def _version(go):
    """(1, 26, 8) of a `go` command; () if it does not say."""
    told = subprocess.run([go, "version"], env=_go_environment(), capture_output=True, text=True,
                          check=False)
    numbers = re.search(r"go(\d+(?:\.\d+)*)", told.stdout)
    return tuple(map(int, numbers[1].split("."))) if numbers else ()


def _go_environment():
    """No toolchain but the one that is there."""
    return {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOWORK": "off"}


def newest_go():
    """The newest `go` in the folders of PATH, and its version as text; None if there is none."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = {shutil.which("go", path=folder) for folder in folders} - {None}
    versions = [(_version(go), go) for go in found]
    version, go = max(versions, default=((), None))
    return (go, ".".join(map(str, version))) if version else None


def name_go(newest):
    """What the heap of a `newest_go` is called: go1.26."""
    return "go" + ".".join(newest[1].split(".")[:2]) if newest else "go"


def build_go(build, newest):
    """(heap, None), or (None, why there is no Go in the comparison)."""
    if newest is None:
        return None, "no go on the PATH"
    go, version = newest
    program = os.path.join(os.path.abspath(build), "bench", "gc", PREFIX + "go")
    made = subprocess.run([go, "build", "-o", program, "."], env=_go_environment(),
                          cwd=os.path.join(ROOT, "bench", "gc", "go"), capture_output=True,
                          text=True, check=False, timeout=BUILD_LIMIT_SECONDS)
    if made.returncode != 0:
        return None, f"{go} {version} could not build bench/gc/go: {made.stderr.strip()[-300:]}"
    return Heap(name_go(newest), program), None
