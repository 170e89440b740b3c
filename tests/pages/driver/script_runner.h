// SPDX-License-Identifier: MIT
//
// Runs a script, line by line, on a Machine.
//
// Picture.  chunk <i> [alloc <start>+<n> ...] [scav <start>+<n> ...]   ok
//           alloc <n>              page <p> scav <k> | fail
//           alloc_aligned <n> <a>  page <p> scav <k> | fail
//           free <p> <n>           ok
//           take <id>              cache <base page> <free hex16> <scav hex16> | fail
//           cache_alloc <id> <n>   page <p> scav <k> | fail
//           flush <id>             ok
//           scavenge <pages|all>   released <pages>
//           dump                   chunk <i> <8 hex words> / <8 hex words>, a line per chunk
//           summary <level> <index>  <start> <max> <end>
//           in_use                 [lo,hi) [lo,hi) ...
//           verify                 ok
// Fails.    ScriptError with what was expected; the state is as it was before the line.
// Tests.    tests/pages/script_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "pages/driver/machine.h"

namespace spanheap::script {

// What the line answers, each answer line ended by '\n'. Blank lines and those that begin with '#'
// answer nothing.
std::string RunLine(Machine& machine, std::string_view line);

}  // namespace spanheap::script
