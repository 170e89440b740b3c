# SPDX-License-Identifier: MIT
"""The programs of ./dev run, in the order of its table."""

import json
import os
import shutil
import sys

from . import measure
from .redis import Redis
from .workload import INPUTS, Workload


def numbers(count, seed):
    """The same sequence on every machine and version."""
    value = seed
    for _ in range(count):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        yield value >> 8


class Python(Workload):
    """Objects, dictionaries, JSON; python's own small-object allocator is switched off."""

    name = "python3"
    environment = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self):
        system = "/usr/bin/python3"
        program = system if os.access(system, os.X_OK) else sys.executable
        return [program, "-S", INPUTS / "allocate.py", "10"]


class Sqlite(Workload):
    """Builds a database of 170 000 rows, asks, changes, vacuums; the file must be equal too."""

    name = "sqlite3"
    outputs = ["stdout", "stderr", "data.db"]

    def command(self):
        return ["sqlite3", "-batch", "data.db"]

    def stdin(self):
        return INPUTS / "database.sql"


class Git(Workload):
    """Commits into, packs and reads the history of a repository of 400 commits."""

    name = "git"
    environment = {
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org",
        "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000",
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def prepare(self):
        base = self.folder / "base"
        environment = self.clean_environment()
        measure.run_quietly(["git", "init", "-q", "-b", "main", base], env=environment)
        measure.run_quietly(["git", "-C", base, "fast-import", "--quiet"], env=environment,
                            input=b"".join(self.history()))
        measure.run_quietly(["git", "-C", base, "checkout", "-q", "main"], env=environment)

    @staticmethod
    def history(commits=400, files=40):
        """The stream of git fast-import: each commit rewrites parts of three files."""
        texts = [[f"file {f} line {i} of the first text\n" for i in range(120)]
                 for f in range(files)]
        yield b"reset refs/heads/main\n"
        for commit, value in enumerate(numbers(commits, 5)):
            message = f"change {commit}\n\nbecause of {value}\n"
            yield (f"commit refs/heads/main\ncommitter C <c@example.org> {1600000000 + commit} "
                   f"+0000\ndata {len(message)}\n{message}").encode()
            changed = {(value + step) % files for step in (0, 7, 23)}
            for f in range(files) if commit == 0 else sorted(changed):
                at = (value >> 3) % len(texts[f])
                texts[f][at:at + 4] = [f"line {at + i} of commit {commit}: {value * (i + 3)}\n"
                                       for i in range(6)]
                text = "".join(texts[f])
                yield f"M 100644 inline file{f}.txt\ndata {len(text)}\n{text}\n".encode()

    def before_run(self):
        shutil.copytree(self.folder / "base", self.work / "repository", symlinks=True)

    def command(self):
        return ["sh", INPUTS / "history.sh", "repository"]


class Compiler(Workload):
    """g++ -O2 -g of the launcher's longest file; the object file must be equal too."""

    name = "g++"
    outputs = ["stdout", "stderr", "child.o"]

    def command(self):
        tools = self.root / "tools"
        return ["g++", "-std=c++20", "-O2", "-g", "-I", tools, "-c",
                tools / "spanheap" / "child.cc", "-o", "child.o"]


class Perl(Workload):
    """Tables of words, patterns and sorting over a text of two megabytes."""

    name = "perl"
    environment = {"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}

    def prepare(self):
        words = [f"{'abcdefghij'[value % 10] * (1 + value % 7)}{value % 4000}"
                 for value in numbers(250000, 11)]
        lines = (" ".join(words[i:i + 12]) for i in range(0, len(words), 12))
        (self.folder / "text").write_text("\n".join(lines) + "\n")

    def command(self):
        return ["perl", INPUTS / "words.pl", self.folder / "text", "2"]


class Jq(Workload):
    """Groups and rewrites an array of 12 000 orders."""

    name = "jq"

    def prepare(self):
        orders = [
            {"id": i, "customer": f"c{value % 900}", "total": value % 100000, "note": f"n{value:x}",
             "lines": [{"item": f"i{(value >> k) % 300}", "count": k + 1} for k in range(value % 6)]}
            for i, value in enumerate(numbers(12000, 3))
        ]
        (self.folder / "orders.json").write_text(json.dumps(orders))

    def command(self):
        return ["jq", "-f", INPUTS / "orders.jq", self.folder / "orders.json"]


ALL = [Python, Sqlite, Git, Compiler, Redis, Perl, Jq]
