# SPDX-License-Identifier: MIT
"""Which allocators take part: glibc, those that Debian packages, ours, any that are named."""

import os
import subprocess
from dataclasses import dataclass

OURS = "spanheap"
GLIBC = "glibc"
DEBIAN = {  # name -> (package, file name of the library)
    "jemalloc": ("libjemalloc2", "libjemalloc.so.2"),
    "mimalloc": ("libmimalloc2.0", "libmimalloc.so.2"),
    "tcmalloc": ("libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
}


@dataclass(frozen=True)
class Peer:
    """One allocator: a name for the tables and the library to preload (None: glibc's own)."""

    name: str
    library: str | None

    def environment(self):
        """The environment of a process that runs under this allocator, nothing else preloaded."""
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        if self.library:
            env["LD_PRELOAD"] = self.library
        return env


def _from_loader_cache(file_name):
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        name, _, path = line.strip().partition(" => ")
        if name.startswith(file_name + " ") and "x86-64" in name and os.path.exists(path):
            return path
    return None


def _from_package(package, file_name):
    listing = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=False)
    for path in listing.stdout.splitlines():
        if os.path.basename(path) == file_name and os.path.exists(path):
            return path
    return None


def find_debian():
    """Peers that are installed, and the packages of those that are not."""
    found, missing = [], []
    for name, (package, file_name) in DEBIAN.items():
        path = _from_loader_cache(file_name) or _from_package(package, file_name)
        if path:
            found.append(Peer(name, path))
        else:
            missing.append(package)
    return found, missing


def parse_named(text):
    """`name=path.so` from the command line; ValueError says what is wrong with it."""
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise ValueError(f"'{text}' is not of the form name=path.so")
    if not os.path.isfile(path):
        raise ValueError(f"'{text}': no such file: {path}")
    return Peer(name, os.path.abspath(path))


def check_loads(peer, program):
    """None if a process that preloads the library has it mapped, else the reason why not."""
    if peer.library is None:
        return None
    probe = subprocess.run(["/bin/cat", "/proc/self/maps"], env=peer.environment(),
                           capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return f"a preloaded program fails: {probe.stderr.strip() or probe.returncode}"
    if os.path.realpath(peer.library) not in probe.stdout:
        return f"the dynamic linker does not load it: {probe.stderr.strip() or 'no message'}"
    run = subprocess.run([program, "--list"], env=peer.environment(), capture_output=True,
                         check=False)
    return None if run.returncode == 0 else f"{program} fails under it (exit {run.returncode})"
