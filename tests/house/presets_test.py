#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each preset whose build has tests can be tested by its name: ctest --preset NAME.

usage: presets_test.py CMAKE_PRESETS.JSON
"""

import json
import pathlib
import sys

# What is compiled only, and what runs by time under its own command.
WITHOUT_TESTS = {"thread-safety", "fuzz"}


def main():
    presets = json.loads(pathlib.Path(sys.argv[1]).read_text())

    def names(kind):
        return {preset["name"] for preset in presets[kind] if not preset.get("hidden")}

    wanted = names("configurePresets") - WITHOUT_TESTS
    if names("testPresets") != wanted:
        raise SystemExit(f"testPresets: {sorted(names('testPresets'))}, wanted: {sorted(wanted)}")
    for preset in presets["testPresets"]:
        if not preset.get("hidden") and preset["configurePreset"] != preset["name"]:
            raise SystemExit(f"the test preset {preset['name']} tests {preset['configurePreset']}")


main()
