// SPDX-License-Identifier: MIT
//
// `spanheap explain` and `spanheap top`: where a process's memory is, without the process's help.
//
// Fails. Exit code 1 and one line on stderr: what cannot be looked into, and why.
// Tests. tests/tools/explain_test.py.
#pragma once

#include <cstdint>
#include <string>

namespace spanheap::tools {

struct ExplainOptions {
  std::string target;  // a process id or a core file
  bool stops = false;  // hold the process still meanwhile
  bool as_json = false;
  bool watches = false;      // show it again and again
  double seconds = 1;        // between two views
  uint64_t block_bytes = 0;  // show the spans of this class; 0: the whole
};

int Explain(const ExplainOptions& options);

}  // namespace spanheap::tools
