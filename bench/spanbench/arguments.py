# SPDX-License-Identifier: MIT
"""What runners ask of their command lines before they measure for minutes."""

import argparse
import os


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the command line; exit code 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def whole_number(least):
    """The `type` of an argument that is a whole number from `least` on."""
    def check(text):
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} on")
        return int(text)
    return check


check_rounds = whole_number(1)


def check_outputs(parser, *paths):
    """Refuses the command line if one of these files could not be written; none is touched."""
    for path in filter(None, paths):
        why = _why_not_written(path)
        if why:
            parser.error(f"{path}: {why}")


def _why_not_written(path):
    """None if it can be, as far as one can tell without trying."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    if os.path.isdir(path):
        return "is a folder"
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        return "may not be written"
    return None
