# SPDX-License-Identifier: MIT
"""The probes that the library carries, as its ELF notes tell.

Environment: SPANHEAP_LIBRARY is the shared library.
"""

import glob
import os
import re
import shutil
import subprocess
import unittest

HAS_HEADER = glob.glob("/usr/include/sys/sdt.h") + glob.glob("/usr/include/*/sys/sdt.h")


class Probes(unittest.TestCase):
    @unittest.skipUnless(HAS_HEADER, "systemtap-sdt-dev is not installed")
    @unittest.skipUnless(shutil.which("readelf"), "readelf is not installed")
    def test_are_at_the_phase_changes(self):
        notes = subprocess.run(["readelf", "-n", os.environ["SPANHEAP_LIBRARY"]], check=True,
                               capture_output=True, text=True).stdout
        found = set(re.findall(r"Provider: spanheap\s+Name: (\w+)", notes))
        self.assertLessEqual({"mark__begin", "mark__end", "stop", "sweep__end"}, found)


if __name__ == "__main__":
    unittest.main()
