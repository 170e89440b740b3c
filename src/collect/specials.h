// SPDX-License-Identifier: MIT
#pragma once

#include "collect/collected_span.h"

namespace spanheap::collected {

class Specials {
 public:
  constexpr Specials() = default;
  void Sweep(CollectedSpan&) {}
};

}  // namespace spanheap::collected
