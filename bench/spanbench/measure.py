# SPDX-License-Identifier: MIT
"""Runs rows under peers, interleaved.

In round k the k-th peer goes first, so that drift of the machine blames nobody.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

from spanbench.peers import GLIBC, Peer

TIME_LIMIT_SECONDS = 60  # one row under one peer; a run that takes longer counts as failed


@dataclass
class Settings:
    """How much to measure."""

    rounds: int = 5
    repetitions: int = 5
    repetition_ms: float = 15.0
    cpu: int = 1


@dataclass
class Results:
    """Readings by round: values[row name][peer name], ceilings[row name]; failures[(row, peer)]."""

    values: dict = field(default_factory=dict)
    ceilings: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)


def last_cpu():
    """The highest CPU this process may use: the least likely to serve interrupts."""
    return max(os.sched_getaffinity(0))


def rotation(peers, round_number):
    """The order of peers in one round."""
    start = round_number % len(peers)
    return peers[start:] + peers[:start]


class Measurer:
    """Takes readings and collects them in `results`."""

    def __init__(self, settings, log=sys.stderr):
        self.settings = settings
        self.results = Results()
        self._log = log

    def run(self, rows, peers):
        """All rounds; returns the results."""
        started = time.monotonic()
        for number in range(self.settings.rounds):
            for index, row in enumerate(rows):
                self._say(number, index, row, len(rows), started)
                self._measure_row(row, rotation(peers, number), number)
        if self._log.isatty():
            print("\r\033[K", end="", file=self._log)
        return self.results

    def _measure_row(self, row, peers, number):
        if row.has_ceiling and number < 3:
            value = self._reading(row, Peer(GLIBC, None), "--ceiling")
            if value is not None:
                self.results.ceilings.setdefault(row.name, []).append(value)
        for peer in peers:
            if (row.name, peer.name) in self.results.failures:
                continue
            value = self._reading(row, peer, "--row")
            if value is not None:
                self.results.values.setdefault(row.name, {}).setdefault(peer.name, []).append(value)

    def _reading(self, row, peer, verb):
        """One number, or None with the failure noted."""
        if row.heavy_mib:
            self._warm_host(row)
        command = [row.program, verb, row.name, "--reps", str(self.settings.repetitions),
                   "--ms", str(self.settings.repetition_ms)]
        if row.threads == 1:
            command += ["--cpu", str(self.settings.cpu)]
        try:
            run = subprocess.run(command, env=peer.environment(), capture_output=True, text=True,
                                 check=False, timeout=TIME_LIMIT_SECONDS)
            if run.returncode != 0:
                raise ValueError(f"exit {run.returncode} {run.stderr.strip()[-200:]}")
            return float(run.stdout.splitlines()[-1].split("\t")[1])
        except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
            self.results.failures[(row.name, peer.name)] = str(error)
            print(f"\n{row.name} under {peer.name}: {error}", file=self._log)
            return None

    def _warm_host(self, row):
        """Touches and drops the memory the row will use: a host may have taken it back."""
        subprocess.run([row.program, "--warm", str(row.heavy_mib)],
                       env=Peer(GLIBC, None).environment(), check=False)

    def _say(self, number, index, row, rows, started):
        done = (number * rows + index) / (rows * self.settings.rounds)
        elapsed = time.monotonic() - started
        left = f", about {elapsed / done - elapsed:.0f} s left" if done > 0.02 else ""
        round_of = f"round {number + 1}/{self.settings.rounds}"
        if self._log.isatty():
            print(f"\r\033[K{round_of}  {index + 1}/{rows}  {row.name}{left}", end="", file=self._log,
                  flush=True)
        elif index == 0:
            print(f"{round_of}{left}", file=self._log, flush=True)
