// SPDX-License-Identifier: MIT
//
// `spanheap run`: a program with the library in front of it.
//
// Idea.  Look first: a program that cannot take a preload is refused with the reason, before it
//        runs. Then prove: from the child's mappings, and from the report that the library in that
//        very process writes at its end.
// Fails. 125 when this command itself fails or refuses, 126 and 127 as shells use them; one line
//        on stderr each. Otherwise the program's own exit code or signal.
// Tests. tests/tools/launch_test.py.
#pragma once

#include <string>
#include <vector>

namespace spanheap::tools {

inline constexpr int kLaunchFailed = 125;

struct RunOptions {
  bool stats = false;       // show the heap report at the end
  bool check = false;       // state whether the preload took effect; fail if that is not proven
  bool force = false;       // run a program that cannot take the preload all the same
  std::string json_path;    // where the report is to be kept; empty: nowhere
  std::string record_path;  // where to record the run; empty: nowhere
  std::string trace_path;   // where to write the collector's events; empty: nowhere
  unsigned interval_ms = 100;
  std::vector<std::string> settings;  // of which IsSetting() is true
  std::vector<std::string> command;   // the program and its arguments
};

// Whether the text is a key=value that SPANHEAP can hold.
bool IsSetting(const std::string& text);

// Returns an exit code, or ends this process with the child's signal.
int RunProgram(const RunOptions& options);

}  // namespace spanheap::tools
