#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the libraries' symbol tables and headers with docs/symbols.md, and counts a real call.

usage: symbols_test.py DOCUMENT LIBSPANHEAP.SO LIBSPANHEAP_EMBED.SO LIBSPANHEAP.A LIBSPANHEAP_EMBED.A
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

DOCUMENT, SHARED, EMBED, STATIC, EMBED_STATIC = sys.argv[1:6]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=True, **options)
    return done.stdout


def documented(kind):
    """The names in the document's code blocks of this kind."""
    text = pathlib.Path(DOCUMENT).read_text()
    blocks = re.findall(rf"```{kind}\n(.*?)```", text, re.S)
    assert blocks, kind
    return set(" ".join(blocks).split())


def symbols(path, *options):
    """Name -> (type letter, version) as nm lists them."""
    found = {}
    for line in run("nm", "-P", *options, path).splitlines():
        words = line.split()
        if len(words) < 2 or line.endswith(":"):
            continue
        name, _, version = words[0].partition("@")
        found[name] = (words[1], version.lstrip("@"))
    return found


class Defined(unittest.TestCase):
    def defined(self, path):
        table = symbols(path, "-D", "--defined-only")
        return {name: version for name, (kind, version) in table.items() if kind != "A"}

    def test_libspanheap_defines_what_is_documented(self):
        expected = documented("defined") | documented("defined-own")
        self.assertEqual(set(self.defined(SHARED)), expected)

    def test_embed_defines_its_own_names_only(self):
        self.assertEqual(set(self.defined(EMBED)), documented("defined-own"))

    def test_only_own_names_carry_a_version(self):
        for path in (SHARED, EMBED):
            for name, version in self.defined(path).items():
                self.assertEqual(version, "SPANHEAP_1" if name.startswith("sh_") else "", name)

    def test_an_archive_is_one_object_that_defines_the_same(self):
        for path, kinds in ((STATIC, ("defined", "defined-own")), (EMBED_STATIC, ("defined-own",))):
            self.assertEqual(len(run("ar", "t", path).split()), 1, path)
            expected = set().union(*(documented(kind) for kind in kinds))
            self.assertEqual(set(symbols(path, "-g", "--defined-only")), expected, path)


class Start(unittest.TestCase):
    """What a start touches lies together: docs/decisions/0015-a-small-start.md."""

    def test_what_begins_as_zero_is_no_part_of_the_file(self):
        for line in run("readelf", "-SW", SHARED).splitlines():
            words = line.replace("[ ", "[").split()
            if len(words) > 5 and words[1] == ".data":
                self.assertLess(int(words[5], 16), 24 << 10)
                return
        self.fail("no .data")

    def test_the_code_of_a_start_lies_together(self):
        places = [int(line.split()[0], 16) for line in run("nm", "-C", SHARED).splitlines()
                  if re.search(r" (PageSpace::InitWith|Runtime::StartLocked|os::PageSize)\(",
                               line.replace("spanheap::", ""))]
        self.assertEqual(len(places), 3)
        self.assertLess(max(places) - min(places), 32 << 10)


class Needed(unittest.TestCase):
    def needed(self, path):
        return symbols(path, "-D", "--undefined-only")

    def test_strong_names_are_documented(self):
        strong = {name for name, (kind, _) in self.needed(SHARED).items() if kind == "U"}
        embed = {name for name, (kind, _) in self.needed(EMBED).items() if kind == "U"}
        self.assertEqual(strong, documented("needed"))
        self.assertLessEqual(embed, documented("needed"))

    def test_weak_names_are_documented(self):
        weak = {name for name, (kind, _) in self.needed(SHARED).items() if kind != "U"}
        embed = {name for name, (kind, _) in self.needed(EMBED).items() if kind != "U"}
        self.assertEqual(weak, documented("needed-weak"))
        self.assertLessEqual(embed, documented("needed-weak"))

    def test_libc_is_the_only_library(self):
        for path in (SHARED, EMBED):
            libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", path))
            self.assertIn("libc.so.6", libraries)
            self.assertLessEqual(set(libraries), {"libc.so.6", "ld-linux-x86-64.so.2"}, path)


class Headers(unittest.TestCase):
    def test_hardening(self):
        for path in (SHARED, EMBED):
            dynamic = run("readelf", "-dW", path)
            segments = run("readelf", "-lW", path)
            self.assertIn("BIND_NOW", dynamic)
            self.assertNotIn("TEXTREL", dynamic)
            self.assertIn("GNU_RELRO", segments)
            self.assertRegex(segments, r"GNU_STACK\s+(0x0+\s+){5}RW\s")

    def test_names_and_unloading(self):
        for path, name in ((SHARED, "libspanheap.so.1"), (EMBED, "libspanheap-embed.so.1")):
            dynamic = run("readelf", "-dW", path)
            self.assertIn(f"Library soname: [{name}]", dynamic)
            self.assertIn("NODELETE", dynamic)

    def test_static_tls_is_at_most_64_bytes(self):
        for path in (SHARED, EMBED):
            match = re.search(r"^\s*TLS\s+(\S+\s+){4}(0x[0-9a-f]+)", run("readelf", "-lW", path), re.M)
            self.assertIsNotNone(match, path)
            self.assertLessEqual(int(match.group(2), 16), 64)


class RealCall(unittest.TestCase):
    """A table may look right and still never be called: a foreign program's calls must arrive."""

    def blocks_taken_by(self, *command):
        with tempfile.NamedTemporaryFile() as report:
            environment = dict(os.environ, LD_PRELOAD=os.path.abspath(SHARED),
                               SPANHEAP=f"stats_json={report.name}")
            run(*command, env=environment)
            text = json.loads(report.read())
        return sum(entry["allocated_total"] for entry in text["classes"])

    def test_a_program_s_calls_arrive(self):
        few = self.blocks_taken_by("bash", "-c", "true")
        many = self.blocks_taken_by("bash", "-c", "for i in {1..20000}; do a[$i]=xxxxxxxxxxxxxxxx; done")
        self.assertGreater(few, 0)
        self.assertGreater(many, few + 20000)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
