// SPDX-License-Identifier: MIT
//
// `spanheap trace`: the collector's events of a process as they come, or of a core file.
//
// Fails. Returns 1 after a line on stderr.
// Tests. tests/tools/trace_test.py.
#pragma once

#include <string>

namespace spanheap::tools {

struct TraceOptions {
  std::string target;
  std::string output;
  double seconds = 0;  // how long; 0: until the process ends or the user has had enough
};

int Trace(const TraceOptions& options);

}  // namespace spanheap::tools
