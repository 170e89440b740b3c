// SPDX-License-Identifier: MIT
//
// What the command says beside its results: lines on stderr. That there is no stderr, or that it is
// full, changes nothing else.
#pragma once

#include <cstdio>
#include <string>

#include "spanheap/printable.h"

namespace spanheap::tools {

inline void SayText(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

// One line, whatever names are in it.
inline void Say(const std::string& line) { SayText("spanheap: " + Printable(line) + "\n"); }

}  // namespace spanheap::tools
