// SPDX-License-Identifier: MIT
//
// Writes a random script that makes sense on a given Machine: what it frees is what the machine has
// handed out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "pages/driver/machine.h"

namespace spanheap::script {

// Calls write(line) for each of `count` lines, having run it on the machine. Equal seeds give equal
// scripts.
void WriteRandomScript(Machine& machine, uint64_t seed, uint64_t count,
                       const std::function<void(const std::string&)>& write);

}  // namespace spanheap::script
