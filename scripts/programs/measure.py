# SPDX-License-Identifier: MIT
"""Running one command and learning what it cost, through the small program spanheap-measure."""

import json
import os
import pathlib
import subprocess

# What must not leak from the caller's environment into a comparison of allocators.
_FOREIGN = ("LD_PRELOAD", "GLIBC_TUNABLES", "PYTHONPATH", "PERL5LIB", "PERL5OPT")
_FOREIGN_BEGINNINGS = ("MALLOC_", "MIMALLOC_", "TCMALLOC_", "GIT_", "PYTHON", "LC_", "REDIS")


class RunFailed(Exception):
    """A run that did not end as it should; the text says which and how."""


def clean_environment(home, changes):
    kept = {name: value for name, value in os.environ.items()
            if name not in _FOREIGN and not name.startswith(_FOREIGN_BEGINNINGS)}
    kept.update(HOME=str(home), LC_ALL="C", LANG="C", TZ="UTC", TMPDIR=str(home))
    kept.update(changes)
    return kept


class Cost:
    """What one run cost. Times in seconds, memory in KiB."""

    def __init__(self, wall, cpu, peak_rss, exit_code, minor_faults):
        self.wall = wall
        self.cpu = cpu
        self.peak_rss = peak_rss
        self.exit_code = exit_code
        self.minor_faults = minor_faults

    @staticmethod
    def from_file(path):
        result = json.loads(path.read_text())
        return Cost(result["wall_ns"] / 1e9, (result["user_us"] + result["system_us"]) / 1e6,
                    result["peak_rss_kib"], result["exit_code"], result["minor_faults"])

    def as_dict(self):
        return dict(vars(self))


class Measurer:
    """Starts commands under an allocator; `folder` keeps the results."""

    def __init__(self, program, folder):
        self.program = pathlib.Path(program)
        self.result = pathlib.Path(folder) / "cost.json"

    def command(self, command, preload, touch_mib=0):
        """The words that run `command` measured. preload: a library's path or None."""
        words = [str(self.program), "--result", str(self.result), "--touch", str(touch_mib)]
        if preload:
            words += ["--env", f"LD_PRELOAD={preload}"]
        return words + ["--", *map(str, command)]

    def cost(self):
        return Cost.from_file(self.result)


def run_quietly(command, **options):
    """Runs a command of the preparation; its output matters only if it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        raise RunFailed(f"{command[0]} failed while preparing: {done.stdout.decode()[-400:]}")
    return done.stdout
