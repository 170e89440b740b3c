// SPDX-License-Identifier: MIT
//
// `spanheap view`: a page that shows where a process's memory is, or was over a run.
//
// Idea.  One HTML file that needs nothing else: styles, script and data are in it. Its parts are in
//        tools/view; the build puts them into the command.
// Fails. Exit code 1 and one line on stderr.
// Tests. tests/tools/view_test.py, which opens the page in a browser.
#pragma once

#include <string>

namespace spanheap::tools {

struct ViewOptions {
  std::string target;  // a process id, a core file, or the record of a run
  std::string output;  // the page's file
  bool stops = false;  // hold the process still meanwhile
};

int View(const ViewOptions& options);

}  // namespace spanheap::tools
