#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checkers find what is planted, and nothing in a clean tree.  usage: checks_test.py ROOT"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()


class Planted(unittest.TestCase):
    """Each test builds a small tree, plants one fault, and reads what the checker says."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.tree = pathlib.Path(self.folder.name)
        self.write("layers.txt", (ROOT / "layers.txt").read_text())
        self.write("src/base/units.h", "#pragma once\n#include <cstdint>\n")
        self.write("src/pages/tree.cc", '#include "base/units.h"\n')

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_checker(self, name):
        command = [sys.executable, str(ROOT / "scripts" / name), str(self.tree)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def expect(self, checker, words):
        status, said = self.run_checker(checker)
        self.assertEqual(status, 1, said)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn(words, said)

    def test_clean_tree_passes(self):
        for checker in ("check_layers.py", "check_lengths.py", "check_links.py"):
            self.assertEqual(self.run_checker(checker), (0, ""), checker)

    def test_include_of_a_higher_room(self):
        self.write("src/base/bits.h", '#include "base/units.h"\n#include "pages/tree.h"\n')
        self.expect("check_layers.py", "src/base/bits.h:2: base must not include pages")

    def test_include_of_a_sibling_without_its_room(self):
        self.write("src/pages/leaf.cc", '#include "tree.h"\n')
        self.expect("check_layers.py", "is in no room")

    def test_header_of_the_cpp_library_in_the_core(self):
        self.write("src/pages/leaf.cc", "#include <vector>\n")
        self.expect("check_layers.py", "<vector> is not for the core")

    def test_condition_outside_its_places(self):
        self.write("src/pages/leaf.cc", "#ifdef X\n#endif\n")
        self.expect("check_layers.py", "src/pages/leaf.cc:1:")

    def test_file_outside_the_rooms(self):
        self.write("src/attic/old.cc", "\n")
        self.expect("check_layers.py", "lies in no room")

    def test_tool_that_reaches_into_the_core(self):
        public = '#include "spanheap/spanheap.h"\n'
        self.write("tools/spanheap/main.cc", public + '#include "base/units.h"\n')
        self.expect("check_layers.py", "tools/spanheap/main.cc:2:")

    def test_long_function(self):
        call = "  Do();\n"
        fits = "void Fits() {\n" + call * 68 + "}\n"
        too_long = "void TooLong() {\n" + call * 69 + "}\n"
        self.write("src/base/long.cc", fits + too_long)
        self.expect("check_lengths.py", "a function of 71 lines")

    def test_long_file(self):
        self.write("src/base/long.cc", "int x;\n" * 601)
        self.write("tests/base/long_test.cc", "int x;\n" * 800)
        self.expect("check_lengths.py", "a file of 601 lines")

    def test_long_readme(self):
        self.write("src/base/README.md", "line\n" * 41)
        self.expect("check_lengths.py", "a README of 41 lines")

    def test_link_to_nowhere(self):
        self.write("docs/a.md", "# Head\n[here](a.md#head) [there](b.md)\n")
        self.expect("check_links.py", "docs/a.md:2: no such file: b.md")

    def test_heading_that_is_gone(self):
        self.write("docs/a.md", "# Head\n[here](#tail)\n")
        self.expect("check_links.py", "no such heading: #tail")

    def test_named_file_that_is_gone(self):
        self.write("docs/a.md", "see `src/base/units.h` and `src/base/gone.h`\n")
        self.expect("check_links.py", "no such file: src/base/gone.h")


if __name__ == "__main__":
    unittest.main()
