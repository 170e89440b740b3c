// SPDX-License-Identifier: MIT
//
// What a heap tells of its own work at the end of a program; zero where there is no collector.
#pragma once

#include <cstdint>

namespace spanheap::bench::heap {

struct Figures {
  std::uint64_t cycles = 0;
  std::uint64_t longest_stop_ns = 0;
  std::uint64_t stop_total_ns = 0;
};

}  // namespace spanheap::bench::heap
