# SPDX-License-Identifier: MIT
"""Opens the pages of `spanheap view` in a browser. Skipped where there is no chromium.

Environment: SPANHEAP_COMMAND is the command, SPANHEAP_FIXTURES the folder of the built subjects;
SPANHEAP_PICTURES, if set, is a folder that the pictures are left in.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from explain_collected_test import SUBJECT as COLLECTED_SUBJECT
from explain_test import SUBJECT, Subject, spanheap

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def open_page(folder, path, query="", height=2000, picture=None):
    """The page's elements once it has drawn itself."""
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--hide-scrollbars",
             f"--user-data-dir={folder}/profile", f"--window-size=1280,{height}",
             "--virtual-time-budget=10000"]
    words += [f"--screenshot={picture}"] if picture else ["--dump-dom"]
    done = subprocess.run([*words, f"file://{path}{query}"], capture_output=True, text=True,
                          timeout=120, check=True)
    return done.stdout


@unittest.skipUnless(BROWSER, "chromium is not installed")
class InABrowser(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.page = self.folder / "page.html"
        self.pictures = pathlib.Path(os.environ.get("SPANHEAP_PICTURES", self.folder))

    def test_a_heap_is_drawn_and_can_be_looked_into(self):
        with Subject(SUBJECT, "quiet") as subject:
            spanheap("view", "--stop", subject.pid, "-o", self.page)
        elements = open_page(self.folder, self.page, "#page=40")
        self.assertIn('data-ready="yes"', elements)
        self.assertIn("Memory of heap_subject", elements)
        self.assertRegex(elements, r'id="span-panel"[^>]*><div>span of \d+-byte blocks')
        self.assertIn("<canvas role=\"img\" aria-label=\"", elements)  # its slots
        self.assertGreater(elements.count("<tr>"), 40)
        for theme in ("light", "dark"):
            picture = self.pictures / f"heap-{theme}.png"
            open_page(self.folder, self.page, f"?theme={theme}#page=40", picture=picture)
            self.assertGreater(picture.stat().st_size, 50_000)

    def test_a_collected_heap_is_drawn(self):
        with Subject(COLLECTED_SUBJECT, "quiet", self.folder / "report.json") as subject:
            spanheap("view", "--stop", subject.pid, "-o", self.page)
        elements = open_page(self.folder, self.page)
        self.assertIn('data-ready="yes"', elements)
        section = elements.split('id="collected-section"')[1].split("</section>")[0]
        self.assertNotIn("hidden", section.split(">")[0])
        self.assertRegex(section, r"[\d\u202f,.]+ cycles, .* asked for; now between cycles")
        self.assertGreater(section.count("<tr>"), 8)
        self.assertIn("collected spans: empty", elements)

    def test_a_run_is_drawn(self):
        moments = [{"time_ms": 100 * i, "process_resident_bytes": (50 + i) << 20,
                    "limit_bytes": 200 << 20, "live_bytes": (20 + i) << 20,
                    "free_in_spans_bytes": 10 << 20, "thread_cache_bytes": 1 << 20,
                    "page_cache_bytes": 8192, "central_cache_bytes": 0, "collected_bytes": 0, "free_pages_bytes": 5 << 20,
                    "released_bytes": 30 << 20, "metadata_bytes": 2 << 20,
                    "mapped_bytes": 90 << 20, "live_blocks": 7, "unreconciled_bytes": 0}
                   for i in range(50)]
        record = self.folder / "run.json"
        record.write_text(json.dumps({"format": "spanheap-record", "version": 1, "command": ["x"],
                                      "interval_ms": 100, "moments": moments}))
        spanheap("view", record, "-o", self.page)
        elements = open_page(self.folder, self.page)
        self.assertIn('data-ready="yes"', elements)
        self.assertIn('aria-label="Memory over time"', elements)
        self.assertIn("limit", elements)


if __name__ == "__main__":
    unittest.main()
