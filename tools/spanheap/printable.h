// SPDX-License-Identifier: MIT
//
// Names as people may see them: a program's name may hold what a terminal obeys.
//
// Tests. tests/tools/report_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace spanheap::tools {

// The text with each byte that is a control character, part of one, or no UTF-8 as "\x1b".
std::string Printable(std::string_view text);

}  // namespace spanheap::tools
