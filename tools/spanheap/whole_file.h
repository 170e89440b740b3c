// SPDX-License-Identifier: MIT
//
// Files read and written in one go, and whether they could be.
//
// Tests. tests/tools/launch_test.py, trace_test.py.
#pragma once

#include <string>

namespace spanheap::tools {

// All of a file; empty where it cannot be read.
std::string TextOf(const std::string& path);

// Instead of what is in a file; into a pipe or a terminal; behind what is there where the path
// leads to this process's stdout or stderr. Why it could not be; empty: it is written.
std::string WriteText(const std::string& path, const std::string& text);

// Throws std::runtime_error if the file could not be written later. It is not touched.
void RequireWritable(const std::string& path);

}  // namespace spanheap::tools
