// SPDX-License-Identifier: MIT
//
// The build id of an ELF file, which tells whether a file on disk is the one that was mapped.
//
// Tests. tests/tools/look_test.cc, explain_test.py.
#pragma once

#include <string>
#include <string_view>

namespace spanheap::look {

// In hexadecimal digits. `file` is the file, or its first bytes; empty: it has none, or not there.
std::string BuildIdOf(std::string_view file);

}  // namespace spanheap::look
