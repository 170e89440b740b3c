// SPDX-License-Identifier: MIT
//
// Object graphs to be marked, each reachable from one root and made before anything is measured.
#pragma once

#include <cstddef>

namespace spanheap::bench {

struct Shape {
  const char* name;
  // Makes objects of about `bytes` in all and returns what keeps them alive.
  void* (*make)(size_t bytes);
};

inline constexpr unsigned kShapes = 6;
extern const Shape shapes[kShapes];

}  // namespace spanheap::bench
