#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that pages show are the examples that are built and run.

A page says which by a comment before the block: <!-- examples/first_program.cc -->, or <!-- from
examples/first_program.cc --> where it shows some lines of it.

usage: shown_code_test.py SOURCE_DIR
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1))
BLOCK = re.compile(r"<!-- (from )?(examples/\S+) -->\n+```cpp\n(.*?)```", re.S)
MENTION = re.compile(r"<!-- (?:from )?examples/")


def without_head(text):
    """The program behind its opening comment."""
    return re.sub(r"\A(//.*\n)+", "", text)


class ShownCode(unittest.TestCase):
    def test_is_the_example_itself(self):
        shown = 0
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
            text = page.read_text()
            blocks = BLOCK.findall(text)
            self.assertEqual(len(blocks), len(MENTION.findall(text)), page)
            for some, name, code in blocks:
                program = without_head((ROOT / name).read_text())
                if some:
                    lines = iter(program.splitlines())
                    for line in filter(None, code.splitlines()):
                        self.assertIn(line, lines, page)  # goes on behind the line it has found
                else:
                    self.assertEqual(code, program, page)
                shown += 1
        self.assertGreaterEqual(shown, 2)


if __name__ == "__main__":
    unittest.main()
